"""A real systemd, booted for one test in namespaces of its own; see `boot.sh` for what it finds there.

No container engine is needed, but root is. Test and servers join its network, so that loopback is the same for all.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import secrets
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.servers.programs import require

ROOT = Path(__file__).parents[2]
BOOT = Path(__file__).with_name("boot.sh")
PROGRAMS = ("systemctl", "unshare", "nsenter", "setpriv", "pivot_root")
LONG_S = 60.0
POLL_S = 0.02
UNIT = "failover-dns.service"

# cgroup2 is mounted once more, since where it is mounted, and whether for writing, differs from host to host.
ENTER = """
mount -t cgroup2 cgroup2 "$1" && mkdir "$1/$2" && echo $$ >"$1/$2/cgroup.procs" && umount "$1" &&
shift 2 && exec unshare "$@"
"""
LEAVE = 'mount -t cgroup2 cgroup2 "$1" || exit 0; [ ! -e "$1/$2" ] || find "$1/$2" -depth -type d -exec rmdir {} +'
NAMESPACES = ("--cgroup", "--pid", "--fork", "--kill-child", "--mount", "--net", "--ipc", "--uts")


class NotPermittedError(Exception):
    """This machine does not let the test make namespaces, mounts or control groups."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The booted systemd; `pid` is what the host calls its first process."""

    pid: int

    @property
    def root(self) -> Path:
        """Its files, as the host sees them."""
        return Path(f"/proc/{self.pid}/root")

    @contextmanager
    def network(self) -> Iterator[None]:
        """Have this thread, and what it starts, in the machine's network until the block ends."""
        with Path("/proc/thread-self/ns/net").open() as ours, Path(f"/proc/{self.pid}/ns/net").open() as its:
            _join(its.fileno())
            try:
                yield
            finally:
                _join(ours.fileno())

    async def run(self, *words: str, may_fail: bool = False) -> str:
        """Run a command on the machine and return what it prints."""
        # nsenter has one word for all namespaces, but the user's is the host's own.
        process = await asyncio.create_subprocess_exec(
            *("nsenter", "-t", str(self.pid), "-m", "-u", "-i", "-n", "-p", "-C", "--", "env", "-i"),
            *("PATH=/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_PAGER=", *words),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(LONG_S):
            output, _ = await process.communicate()
        if process.returncode and not may_fail:
            journal = "" if words[0] == "journalctl" else await self.run("journalctl", "-n", "50")
            raise AssertionError(f"{' '.join(words)}: {process.returncode}: {output.decode()}\n{journal}")
        return output.decode()

    async def show(self, name: str) -> str:
        """Return one of the service's properties."""
        return (await self.run("systemctl", "show", "--value", "--property", name, UNIT)).strip()

    async def shows(self, **wanted: str) -> None:
        """Return once the service's properties are as `wanted`."""
        found: dict[str, str] = {}
        try:
            async with asyncio.timeout(LONG_S):
                while found != wanted:
                    await asyncio.sleep(POLL_S)
                    found = {name: await self.show(name) for name in wanted}
        except TimeoutError:
            journal = await self.run("journalctl", "-n", "50")
            raise AssertionError(f"{found}, not {wanted}\n{journal}") from None

    async def entry(self, *matches: str, number: int = 1) -> dict[str, Any]:
        """Return the first entry of the journal that `matches`, or that of another number, once it is there."""
        try:
            async with asyncio.timeout(LONG_S):
                while len(found := await self.entries(*matches)) < number:  # noqa: ASYNC110 - another process
                    await asyncio.sleep(POLL_S)
                return found[number - 1]
        except TimeoutError:
            raise AssertionError(f"no {matches}\n{await self.run('journalctl', '-n', '50')}") from None

    async def entries(self, *matches: str) -> list[dict[str, Any]]:
        """Return the entries of the journal that `matches` so far."""
        text = await self.run("journalctl", "--output=json", *matches)
        return [json.loads(line) for line in text.splitlines()]


@asynccontextmanager
async def booted() -> AsyncIterator[Machine]:
    """Boot a systemd, and end all that it started; skips, or in CI fails, where that is not permitted."""
    require(*PROGRAMS)
    try:
        with _started() as machine:
            await _until_up(machine)
            yield machine
    except NotPermittedError as error:
        reason = f"systemd cannot be booted here: {error}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


@contextmanager
def _started() -> Iterator[Machine]:
    if os.geteuid() != 0:
        raise NotPermittedError("only root may make such namespaces")
    tried = subprocess.run(["unshare", *NAMESPACES, "true"], check=False, capture_output=True, text=True)
    if tried.returncode:
        raise NotPermittedError(tried.stderr.strip())
    group = f"failover-dns-{secrets.token_hex(4)}"
    with tempfile.TemporaryDirectory(prefix="boot-") as scratch, tempfile.TemporaryFile() as log:
        directories = [str(ROOT), sys.base_prefix, sysconfig.get_path("purelib")]
        process = subprocess.Popen(
            # The kernel ends it with this thread, however the tests end.
            [
                *("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "sh", "-c", ENTER, "sh"),
                *(scratch, group, *NAMESPACES, "sh", str(BOOT), scratch, *directories),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            pid = _init(process)
            if pid is None:
                log.seek(0)
                raise NotPermittedError(log.read().decode().strip() or "it ended at once")
            yield Machine(pid)
        finally:
            process.kill()
            process.wait()
            _remove(group, scratch)


def _init(process: subprocess.Popen[bytes]) -> int | None:
    """Return the process that has become systemd; None if something ended before."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + LONG_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(FileNotFoundError, ProcessLookupError):  # it may end while it is looked at
            for child in children.read_text().split():
                if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                    return int(child)
        time.sleep(POLL_S)
    return None


async def _until_up(machine: Machine) -> None:
    async with asyncio.timeout(LONG_S):
        while await machine.run("systemctl", "is-system-running", may_fail=True) != "running\n":  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)


def _remove(group: str, scratch: str) -> None:
    """Remove the control groups once the kernel has ended the last process in them."""
    deadline = time.monotonic() + LONG_S
    command = ["unshare", "--mount", "sh", "-c", LEAVE, "sh", scratch, group]
    while subprocess.run(command, check=False, capture_output=True).returncode:
        if time.monotonic() > deadline:
            raise RuntimeError(f"the control group {group} cannot be removed")
        time.sleep(POLL_S)


def _join(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, 0) != 0:
        raise OSError(ctypes.get_errno(), "setns")
