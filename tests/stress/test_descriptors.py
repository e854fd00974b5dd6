"""The daemon may open no more files: whatever fails by that, it lives, publishes nothing, and goes on once it may."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from failover_dns.effects.changelog import NAME
from tests.stress.machine import started, told
from tests.whole.daemon import BACKUP, FORWARD, MAIN, REVERSE, Site, until

SHARED = '  [[pairs.sources]]\n  type = "file"\n  path = "{}/online"\n'


@contextmanager
def starved(pid: int) -> Iterator[None]:
    """Let the process open nothing more; what it has open stays so."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, before[1]))
    yield
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def has_open(pid: int, path: Path) -> bool:
    found = set[Path]()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since
            found.add(entry.readlink())
    return path in found


def noted(site: Site) -> bool:
    """Say whether the daemon has written down that it saw the earlier fence, which nothing waits for."""
    return (site.state / NAME).stat().st_size > 0


async def test_a_source_that_cannot_be_opened_is_unknown_and_holds(site: Site) -> None:
    async with started(site) as (daemon, pid):
        await daemon.event("ready")
        with starved(pid):
            site.online(BACKUP)
            seen = await told(daemon, "role_seen", role="UNKNOWN")
            assert "Too many open files" in seen["reason"]
            assert (await daemon.event("pair_held"))["level"] == "warning"
            assert site.shows(MAIN)
        await daemon.event("vip_moved")
        assert await daemon.stop() == 0
    site.require_agreement(BACKUP)


async def test_nothing_is_sent_where_the_lock_cannot_be_opened(site: Site) -> None:
    fifo = site.folder / "fifo"
    text = site.config.read_text().replace(SHARED.format(site.folder), "")
    for agent, source in (
        (MAIN, f'type = "keepalived", fifo = "{fifo}", instance = "VI_MAIN"'),
        (BACKUP, f'type = "keepalived", fifo = "{fifo}", instance = "VI_BACKUP"'),
    ):
        name = f'name = "{agent}.example.test."\n'
        text = text.replace(name, f"{name}sources = [{{ {source} }}]\n")
    site.config.write_text(text)
    async with started(site) as (daemon, pid):
        await daemon.event("ready")
        writer = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        os.write(writer, b'INSTANCE "VI_MAIN" MASTER 100\nINSTANCE "VI_BACKUP" BACKUP 100\n')
        await daemon.event("agent_online")
        await until(lambda: noted(site) and not has_open(pid, site.state / "lock"))
        serials = site.server.serial(FORWARD), site.server.serial(REVERSE)
        with starved(pid):
            os.write(writer, b'INSTANCE "VI_MAIN" BACKUP 100\nINSTANCE "VI_BACKUP" MASTER 100\n')
            alert = await daemon.event("walk_hindered")
            assert (alert["level"], "Too many open files" in alert["what"]) == ("error", True)
            assert (site.server.serial(FORWARD), site.server.serial(REVERSE)) == serials
        await until(lambda: site.shows(BACKUP))
        os.close(writer)
        assert await daemon.stop() == 0
    site.require_agreement(BACKUP)
