"""A FIFO that another program writes into, opened so that it is never held up.

The reader does not keep the FIFO open for writing, so that it notices when the last writer has gone; it then
opens it anew, since an end once seen is seen again and again (poll(2)). Two readers would steal lines from
each other: a lock keeps a second one out. Linux only, as is keepalived.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import struct
import sys
from collections.abc import Callable
from errno import ELOOP
from pathlib import Path

from failover_dns.core.keepalived import Piece

if sys.platform == "linux":
    import fcntl
    import termios

MODE = 0o600
CLOSED = "only the running daemon listens to it"


class Fifo:
    """A FIFO at `path`, made if nothing is there; `problem` says why it is not open."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.problem: str | None = CLOSED
        self._descriptor: int | None = None
        self._hear: Callable[[Piece], None] = _nobody

    def open(self, hear: Callable[[Piece], None]) -> None:
        """Call `hear` on the running loop with whatever comes, until `close`; never raises.

        An open FIFO stays as it is, one with a problem is tried again.
        """
        self._hear = hear
        if self._descriptor is not None:
            return
        self.problem = self._open()

    def close(self) -> None:
        """Listen no longer."""
        self._shut()
        self.problem = CLOSED

    def _open(self) -> str | None:
        if sys.platform != "linux":
            return "a FIFO is read on Linux only"
        try:
            self._make()
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except (OSError, ValueError) as error:
            return _why_unopened(error)
        problem = _unfit(os.fstat(descriptor)) or _second(descriptor)
        if problem is not None:
            os.close(descriptor)
            return problem
        self._descriptor = descriptor
        asyncio.get_running_loop().add_reader(descriptor, self._read, descriptor)
        if _waiting(descriptor):
            self._read(descriptor, waited=True)
        return None

    def _make(self) -> None:
        with contextlib.suppress(FileExistsError):
            os.mkfifo(self.path, MODE)
        if not stat.S_ISFIFO(Path(self.path).lstat().st_mode):  # before opening, which a device would notice
            raise _NoFifoError

    def _read(self, descriptor: int, *, waited: bool = False) -> None:
        """Read once: the loop calls again while there is more, and serves others between."""
        capacity = _capacity(descriptor)
        try:
            content = os.read(descriptor, capacity)
        except BlockingIOError:
            return
        self._hear(Piece(content=content, waited=waited, full=len(content) > capacity // 2))
        if not content:
            self._shut()
            self.problem = self._open()

    def _shut(self) -> None:
        if self._descriptor is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None


class _NoFifoError(OSError):
    """What is there is no FIFO."""


def _nobody(_piece: Piece) -> None:
    """Hear nothing, before anybody listens."""


def _unfit(status: os.stat_result) -> str | None:
    if not stat.S_ISFIFO(status.st_mode):
        return _why_unopened(_NoFifoError())
    if status.st_uid not in {0, os.geteuid()}:
        return f"it belongs to user {status.st_uid}, who could say anything in it; remove it"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "others may write into it and say anything; chmod 600"
    return None


if sys.platform == "linux":

    def _second(descriptor: int) -> str | None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return "another failover-dns reads it; give each one a FIFO of its own"
        return None

    def _waiting(descriptor: int) -> int:
        """Return how many bytes are in the FIFO already."""
        found: tuple[int] = struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)))
        return found[0]

    def _capacity(descriptor: int) -> int:
        return fcntl.fcntl(descriptor, fcntl.F_GETPIPE_SZ)


def _why_unopened(error: OSError | ValueError) -> str:
    match error:
        case _NoFifoError():
            return "there is something else in its place; remove it, or give another path"
        case OSError(errno=code) if code == ELOOP:
            return "it is a symbolic link; give the path of the FIFO itself"
        case FileNotFoundError() | NotADirectoryError():
            return "its directory does not exist; make it"
        case PermissionError():
            return f"not permitted to open it; give user {os.geteuid()} read access to it and its directory"
        case OSError():
            return f"it cannot be opened ({error.strerror or error})"
        case _:
            return "its path cannot be a FIFO's; correct it in the configuration"
