"""A real FIFO with a scripted keepalived, and one real VRRP pair."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from failover_dns.conduct.keepalived import Ear, FromKeepalived
from failover_dns.core.keepalived import KeepalivedSource
from failover_dns.core.model import Observation, Role
from failover_dns.effects import clock
from failover_dns.effects.fifo import CLOSED, Fifo
from tests.servers.programs import find_program

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="FIFOs are read on Linux only")

DEADLINE_S = 60


class Woken:
    """Counts wake-ups, and waits until something holds after one."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def __call__(self) -> None:
        self._event.set()

    async def until(self, source: FromKeepalived, role: Role) -> Observation:
        async with asyncio.timeout(DEADLINE_S):
            while (seen := await only(source)).role is not role:
                await self._event.wait()
                self._event.clear()
        return seen


async def only(source: FromKeepalived) -> Observation:
    (observation,) = await source.look()
    return observation


def listening(path: Path, *instances: str) -> list[FromKeepalived]:
    ear = Ear(Fifo(str(path)), clock=clock.now)
    return [
        FromKeepalived(KeepalivedSource(fifo=str(path), instance=name, agent=name), ear, clock.now)
        for name in instances
    ]


def writer(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_NONBLOCK)


async def test_what_keepalived_says_is_the_role_until_it_is_gone(tmp_path: Path) -> None:
    path, woken = tmp_path / "fifo", Woken()
    (source,) = listening(path, "VI_DMA")
    async with source.watched(woken):
        assert (await only(source)).role is Role.UNKNOWN
        keepalived = writer(path)
        os.write(keepalived, b'INSTANCE "VI_DMA" BACKUP 100\n')
        await woken.until(source, Role.OFFLINE)
        os.write(keepalived, b'INSTANCE "VI_DMA" MASTER 100\n')
        seen = await woken.until(source, Role.ONLINE)
        assert seen.since_s is not None
        os.close(keepalived)
        died = await woken.until(source, Role.UNKNOWN)
        assert "keepalived has closed the FIFO" in died.reason
        again = writer(path)
        os.write(again, b'INSTANCE "VI_DMA" BACKUP 100\n')
        await woken.until(source, Role.OFFLINE)
        os.close(again)


async def test_instances_share_one_fifo_and_each_hears_its_own(tmp_path: Path) -> None:
    path, first_woken, second_woken = tmp_path / "fifo", Woken(), Woken()
    first, second = listening(path, "VI_1", "VI_2")
    async with first.watched(first_woken):
        keepalived = writer(path)
        async with second.watched(second_woken):
            os.write(keepalived, b'INSTANCE "VI_1" MASTER 100\nINSTANCE "VI_2" BACKUP 90\n')
            await first_woken.until(first, Role.ONLINE)
            await second_woken.until(second, Role.OFFLINE)
        assert (await only(first)).role is Role.ONLINE
    os.close(keepalived)


async def test_outside_of_the_daemon_nothing_is_heard_and_no_line_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path, 0o600)
    keepalived = writer(path)
    os.write(keepalived, b'INSTANCE "VI_DMA" MASTER 100\n')
    (source,) = listening(path, "VI_DMA")
    seen = await only(source)
    assert (seen.role, seen.reason) == (Role.UNKNOWN, CLOSED)
    woken = Woken()
    async with source.watched(woken):
        waited = await woken.until(source, Role.ONLINE)
        assert waited.since_s is None
    assert (await only(source)).role is Role.UNKNOWN
    os.close(keepalived)


async def test_a_fifo_that_could_not_be_opened_is_tried_again_at_each_look(tmp_path: Path) -> None:
    path, woken = tmp_path / "run" / "fifo", Woken()
    (source,) = listening(path, "VI_DMA")
    async with source.watched(woken):
        assert (await only(source)).reason == "its directory does not exist; make it"
        (tmp_path / "run").mkdir()
        assert "has not spoken" in (await only(source)).reason
        keepalived = writer(path)
        os.write(keepalived, b'INSTANCE "VI_DMA" MASTER 100\n')
        await woken.until(source, Role.ONLINE)
        os.close(keepalived)


CONFIGURATION = """
global_defs {{
    vrrp_notify_fifo {fifo}
    fifo_write_vrrp_states_on_reload
}}
vrrp_instance VI_DMA {{
    state BACKUP
    interface {interface}
    virtual_router_id 51
    priority {priority}
    advert_int 0.2
    version 3
    virtual_ipaddress {{
        10.10.10.5/24
    }}
}}
"""


@contextmanager
def two_hosts() -> Iterator[tuple[str, str]]:
    """Make two network namespaces joined by one cable, for as long as the block runs."""
    names = (f"fdns-{os.getpid()}-a", f"fdns-{os.getpid()}-b")
    with ExitStack() as stack:
        for name in names:
            stack.callback(subprocess.run, ["ip", "netns", "del", name], check=False)
            subprocess.run(["ip", "netns", "add", name], check=True)
        peer = ["type", "veth", "peer", "name", "cable", "netns", names[1]]
        subprocess.run(["ip", "-n", names[0], "link", "add", "cable", *peer], check=True)
        for number, name in enumerate(names, start=1):
            own = f"10.10.10.{number}/24"
            subprocess.run(["ip", "-n", name, "address", "add", own, "dev", "cable"], check=True)
            subprocess.run(["ip", "-n", name, "link", "set", "cable", "up"], check=True)
        yield names


@contextmanager
def running_keepalived(host: str, folder: Path, priority: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run keepalived on a host of `two_hosts`, speaking into `folder`/fifo."""
    configuration = folder / "keepalived.conf"
    configuration.write_text(CONFIGURATION.format(fifo=folder / "fifo", interface="cable", priority=priority))
    files = [f"--{kind}={folder / kind}" for kind in ("pid", "vrrp_pid")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *("ip", "netns", "exec", host, str(find_program("keepalived"))),
                *("--dont-fork", "--vrrp", "--log-console", f"--use-file={configuration}", *files),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()


@pytest.mark.needs("keepalived", "ip")
async def test_when_the_real_master_stops_the_other_is_heard_to_be_master(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make network namespaces")
    folders = [tmp_path / "main", tmp_path / "backup"]
    for folder in folders:
        folder.mkdir()
    (main,), (backup,) = (listening(folder / "fifo", "VI_DMA") for folder in folders)
    main_woken, backup_woken = Woken(), Woken()
    with two_hosts() as (first, second):
        async with main.watched(main_woken), backup.watched(backup_woken):
            with (
                running_keepalived(second, folders[1], 90),
                running_keepalived(first, folders[0], 200) as process,
            ):
                await main_woken.until(main, Role.ONLINE)
                await backup_woken.until(backup, Role.OFFLINE)
                process.terminate()
                await main_woken.until(main, Role.OFFLINE)
                await backup_woken.until(backup, Role.ONLINE)


@pytest.mark.needs("keepalived", "ip")
async def test_a_reload_makes_a_real_backup_say_again_what_it_is(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make network namespaces")
    folders = [tmp_path / "main", tmp_path / "backup"]
    for folder in folders:
        folder.mkdir()
    (main,), (backup,) = (listening(folder / "fifo", "VI_DMA") for folder in folders)
    main_woken, backup_woken = Woken(), Woken()
    with (
        two_hosts() as (first, second),
        running_keepalived(second, folders[1], 90) as process,
        running_keepalived(first, folders[0], 200),
    ):
        async with main.watched(main_woken), backup.watched(backup_woken):
            await main_woken.until(main, Role.ONLINE)
            await backup_woken.until(backup, Role.OFFLINE)
        async with backup.watched(backup_woken):
            assert (await only(backup)).role is Role.UNKNOWN
            process.send_signal(signal.SIGHUP)
            await backup_woken.until(backup, Role.OFFLINE)
