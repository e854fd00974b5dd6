"""A machine in distress: mounts of its own that fill up or take no writing, and a daemon started on them."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from failover_dns.core.entries import Peer
from failover_dns.effects import clock
from failover_dns.effects.changelog import NAME, ChangeLog
from failover_dns.effects.lane import Lane
from failover_dns.effects.lock import StateLock
from tests.servers.programs import require
from tests.whole.daemon import LONG_S, PROGRAM, Daemon, Site

SIZE_KIB = 256
BLOCK = 4096
SPARE = 512
"""Room for the rest of a line whose longest part is chosen so that the block is full."""
NOTE = Peer(
    pair="dma", epoch=1, online="", writer="", decided="2026-03-01T09:30:00.000Z", stands_for="", agrees=True
)
HOLD = 'mount -t tmpfs -o "size=$2k,mode=0700" tmpfs "$1" && echo mounted && read -r _'


@dataclass(frozen=True, slots=True)
class Disk:
    """A small file system at `at`, which only the processes see that are started by `prefix`.

    It lives in a mount namespace of its own, so that nothing is left of it whatever becomes of the test.
    """

    at: Path
    pid: int

    @property
    def prefix(self) -> tuple[str, ...]:
        return ("nsenter", "--mount", f"--target={self.pid}", "--")

    @property
    def seen(self) -> Path:
        """Where this process sees what is on it."""
        return Path(f"/proc/{self.pid}/root{self.at}")

    def fill(self) -> None:
        """Leave no room for another block."""
        with (self.seen / "filler").open("ab", buffering=0) as file, suppress(OSError):
            while file.write(bytes(BLOCK)):
                pass

    def free(self) -> None:
        """Have room again."""
        (self.seen / "filler").unlink()

    def read_only(self) -> None:
        """Take no writing any more, as a file system that found itself damaged."""
        self._run("mount", "--bind", str(self.at), str(self.at))
        self._run("mount", "-o", "remount,bind,ro", str(self.at))

    def writable(self) -> None:
        """Take writing again."""
        self._run("umount", str(self.at))

    def _run(self, *command: str) -> None:
        subprocess.run([*self.prefix, *command], check=True, timeout=LONG_S)


@dataclass(frozen=True, slots=True)
class OnDisk(Site):
    """A site whose state directory is on a disk of its own, as it is seen from here."""

    disk: Disk

    @property
    def state(self) -> Path:
        return self.disk.seen

    async def fill(self) -> None:
        """Fill the disk, and what is left of the change log's last block, with a line as another process writes it."""
        self.disk.fill()
        lane = Lane("change log")
        async with (
            StateLock(self.state / "lock").held(deadline_s=LONG_S),
            ChangeLog(self.state, clock=clock.now, run=lane.run) as log,
        ):
            left = -(self.state / NAME).stat().st_size % BLOCK
            await log.append(replace(NOTE, writer="x" * max(1, left - SPARE)))
        lane.close()


@asynccontextmanager
async def small_disk(at: Path, *, size_kib: int = SIZE_KIB) -> AsyncIterator[Disk]:
    """Have a file system of so many KiB at `at`; skipped where this account may mount nothing."""
    require("unshare", "nsenter", "mount")
    at.mkdir(mode=0o700, exist_ok=True)  # noqa: ASYNC240 - a local directory
    holder = await asyncio.create_subprocess_exec(
        "unshare",
        "--mount",
        "sh",
        "-c",
        HOLD,
        "sh",
        at,
        str(size_kib),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    try:
        async with asyncio.timeout(LONG_S):
            if not await holder.stdout.readline():
                missing("this account may not mount anything")
        yield Disk(at, holder.pid)
    finally:
        holder.stdin.close()
        await holder.wait()


def missing(why: str) -> None:
    """Skip the test, or fail it in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


@asynccontextmanager
async def started(
    site: Site, *prefix: str, environ: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[Daemon, int]]:
    """Run the daemon by way of `prefix`, which execs it, with `environ` besides; yield it and its process id."""
    process = await asyncio.create_subprocess_exec(
        *prefix,
        PROGRAM,
        "run",
        "--config",
        site.config,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **(environ or {})},
    )
    daemon = Daemon(process)
    try:
        yield daemon, process.pid
    finally:
        await daemon.kill()


async def told(daemon: Daemon, name: str, **fields: Any) -> dict[str, Any]:
    """Return the first event of this name and with these fields, once it was logged."""
    await daemon.last(name, fields, fields)
    return next(each for each in daemon._events if each["event"] == name and fields.items() <= each.items())
