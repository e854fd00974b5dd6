"""Reading on in a log, through its rotation and its truncation, and reading a larger file whole.

A log is read from where the last reading ended, never whole: at first its last part, then what was appended.
It is opened for each reading only, since on Windows an open file cannot be renamed. What cannot be read is
told in words.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

from failover_dns.core.slfailover import Appended
from failover_dns.core.sources import Glance

T = TypeVar("T")

DEADLINE_S = 2.0
"""A local disk answers in microseconds, a share in milliseconds; one that takes this long is stuck."""

START_BYTES = 256 * 1024
"""How much of a log's end is read at first."""

MAX_APPENDED_BYTES = 1024 * 1024
"""What was appended beyond this is not read; the log is begun anew, at its end."""

MARK_BYTES = 64
"""What stood before the place to read on from must stand there still, or the log was written anew."""

MAX_ENTRIES = 1000
"""As many entries of a directory are looked at to find a log, or the log's directory, under its new name."""

OPEN_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)  # a FIFO without a writer cannot hang
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


class Run(Protocol):
    """Runs blocking calls one after the other, off the loop (`effects.lane`)."""

    async def __call__(self, call: Callable[[], T], *, deadline_s: float) -> T:
        """Return what `call` returns; TimeoutError if it takes over `deadline_s`."""
        ...


class Tail:
    """A log that grows."""

    def __init__(self, path: str, *, run: Run, deadline_s: float = DEADLINE_S) -> None:
        self.path = path
        self._run = run
        self._deadline_s = deadline_s
        self._place: _Place | None = None

    async def read(self) -> Appended:
        """Return the whole lines that were appended since the last reading; never raises."""
        place = self._place
        try:
            appended, self._place = await self._run(
                lambda: _read_on(self.path, place), deadline_s=self._deadline_s
            )
        except (OSError, ValueError) as error:
            return Appended(problem=_why_unread(error, self._deadline_s))
        return appended


class WholeFile:
    """A file of up to `limit_bytes`, read at a glance."""

    def __init__(self, path: str, *, run: Run, limit_bytes: int, deadline_s: float = DEADLINE_S) -> None:
        self.path = path
        self._run = run
        self._limit_bytes = limit_bytes
        self._deadline_s = deadline_s

    async def glance(self) -> Glance:
        """Return what is in the file, at most one byte beyond the limit, or what is wrong; never raises."""
        try:
            return await self._run(
                lambda: _read_whole(self.path, self._limit_bytes), deadline_s=self._deadline_s
            )
        except (OSError, ValueError) as error:
            return Glance(problem=_why_unread(error, self._deadline_s))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where to read on: in which file, of which directory (inode), from where, and what stands before."""

    identity: tuple[int, int]
    home: int
    offset: int = 0
    mark: bytes = b""

    def after(self, lines: bytes) -> _Place:
        mark = (self.mark + lines)[-MARK_BYTES:]
        return _Place(self.identity, self.home, self.offset + len(lines), mark)


class _UnfitError(OSError):
    """What is there is no file."""


def _read_on(path: str, place: _Place | None) -> tuple[Appended, _Place]:
    with _opened(path) as (file, status):
        identity, home = (status.st_dev, status.st_ino), Path(path).absolute().parent.stat().st_ino
        if place is not None and place.identity == identity:
            lines = _appended(file, status.st_size, place)
            if lines is not None:
                return Appended(content=lines), place.after(lines)
        elif place is not None:
            rest = _rest(path, place)
            fresh = _Place(identity, home)
            lines = _appended(file, status.st_size, fresh)
            if rest is not None and lines is not None:
                return Appended(content=rest + b"\n" + lines), fresh.after(lines)
        begun = _Place(identity, home, max(0, status.st_size - START_BYTES))
        return _begin(file, begun)


def _begin(file: BinaryIO, place: _Place) -> tuple[Appended, _Place]:
    """Read the log's end; its first line is half a line unless it is the log's first."""
    file.seek(place.offset)
    content = _whole_lines(_first(file, START_BYTES))
    _, _, lines = content.partition(b"\n") if place.offset else (b"", b"", content)
    return Appended(content=lines, anew=True), place.after(content)


def _appended(file: BinaryIO, size: int, place: _Place) -> bytes | None:
    """Return the whole lines after `place`; None if what is there does not follow on it, or is too much."""
    if not place.offset <= size <= place.offset + MAX_APPENDED_BYTES:
        return None
    file.seek(place.offset - len(place.mark))
    content = _first(file, len(place.mark) + size - place.offset)
    return _whole_lines(content.removeprefix(place.mark)) if content.startswith(place.mark) else None


def _rest(path: str, place: _Place) -> bytes | None:
    """Return what was still appended to the log before it, or its directory, was renamed; None if it is not found."""
    home, inode = Path(path).absolute().parent, place.identity[1]
    try:
        renamed = _entry(home, inode) or _entry(_entry(home.parent, place.home), inode)
        if renamed is None:
            return None
        with _opened(str(renamed)) as (file, status):
            same = (status.st_dev, status.st_ino) == place.identity
            return _appended(file, status.st_size, place) if same else None
    except OSError:
        return None


def _entry(directory: Path | None, inode: int) -> Path | None:
    """Return the directory's entry with this inode."""
    if directory is None:
        return None
    with os.scandir(directory) as entries:
        return next((Path(e.path) for e in islice(entries, MAX_ENTRIES) if e.inode() == inode), None)


def _read_whole(path: str, limit_bytes: int) -> Glance:
    with _opened(path) as (file, status):
        return Glance(content=_first(file, limit_bytes + 1), modified_s=status.st_mtime)


@contextmanager
def _opened(path: str) -> Iterator[tuple[BinaryIO, os.stat_result]]:
    _require_file(Path(path).stat())  # before opening, which a FIFO's writer would notice
    with os.fdopen(os.open(path, OPEN_FLAGS), "rb", buffering=0) as file:
        status = os.fstat(file.fileno())
        _require_file(status)
        yield file, status


def _require_file(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise _UnfitError


def _first(file: BinaryIO, size: int) -> bytes:
    content = b""
    while len(content) < size and (more := file.read(size - len(content))):
        content += more
    return content


def _whole_lines(content: bytes) -> bytes:
    return content[: content.rfind(b"\n") + 1]


def _why_unread(error: OSError | ValueError, deadline_s: float) -> str:
    match error:
        case TimeoutError():
            return f"no answer within {deadline_s:g} s; look at its disk or share"
        case _UnfitError():
            return "it is not a file; give the path of the file itself"
        case FileNotFoundError() | NotADirectoryError():
            return "there is no file there; check the path, and that something writes it"
        case PermissionError():
            return "not permitted to read it; give the service's account read access to it and its directory"
        case OSError():
            return f"it cannot be read ({error.strerror or error}); look at its disk or share"
        case _:
            return "its path cannot be a file's; correct it in the configuration"
