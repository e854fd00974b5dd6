"""Status files, read at a glance: it never raises for what a file system can do, but says it in words."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from errno import ELOOP
from pathlib import Path
from typing import TypeVar

from failover_dns.core.sources import MAX_BYTES, Glance
from failover_dns.effects import Run, me

T = TypeVar("T")

DEADLINE_S = 2.0
"""A local disk answers in microseconds, a share in milliseconds; one that takes this long is stuck."""

OPEN_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)  # a FIFO without a writer cannot hang
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


class StatusFile:
    """A status file, read in a lane of its own so that a share that hangs delays nobody else."""

    def __init__(self, path: str, *, run: Run, deadline_s: float = DEADLINE_S) -> None:
        self.path = path
        self._run = run
        self._deadline_s = deadline_s

    async def glance(self) -> Glance:
        """Return what is in the file, or in words what is wrong with it."""
        try:
            return await self._run(lambda: _read(self.path), deadline_s=self._deadline_s)
        except TimeoutError:
            return Glance(problem=f"no answer within {self._deadline_s:g} s; look at its disk or share")
        except OSError as error:
            return Glance(problem=_why_unread(error))
        except ValueError:
            return Glance(problem="its path cannot be a file's; correct it in the configuration")


def _read(path: str) -> Glance:
    problem = _unfit(Path(path).stat().st_mode)  # before opening, which a FIFO's writer would notice
    if problem is not None:
        return Glance(problem=problem)
    descriptor = os.open(path, OPEN_FLAGS)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        status = os.fstat(descriptor)
        problem = _unfit(status.st_mode)
        if problem is not None:
            return Glance(problem=problem)
        return Glance(content=_first(file.read, MAX_BYTES + 1), modified_s=status.st_mtime)


def _first(read: Callable[[int], bytes | None], size: int) -> bytes:
    content = b""
    while len(content) < size and (more := read(size - len(content))):
        content += more
    return content


def _unfit(mode: int) -> str | None:
    if stat.S_ISREG(mode):
        return None
    kinds = {stat.S_IFDIR: "a directory", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}
    return f"it is {kinds.get(stat.S_IFMT(mode), 'a device')}, not a file; give the path of a status file"


def _why_unread(error: OSError) -> str:
    match error:
        case FileNotFoundError() | NotADirectoryError():
            return "there is no file there; check the path, and that something writes it"
        case PermissionError():
            return f"not permitted to read it; give {me()} read access to it and its directory"
        case OSError(errno=code) if code == ELOOP:
            return "its symbolic links lead in a circle; correct them"
        case _:
            return f"it cannot be read ({error.strerror or error}); look at its disk or share"
