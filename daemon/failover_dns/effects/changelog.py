"""The change log on the disk: `changes.jsonl` and, beside it, the files that it was before it grew too large.

`ChangeLog` appends: what it returns a number for is on the disk. Appends that arrive while a write is under
way go together into the next one, with one fsync for all. Another process may append to the same log while it
holds the state directory's lock; so enter a `ChangeLog` and append to it only while holding that lock.

The functions read: `read_lines`, `follow`, `open_intents`, `last_moves`. They need no lock.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import re
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO, Self, TypeVar

from failover_dns.core import changelog
from failover_dns.core.changelog import (
    GENESIS,
    BrokenLineError,
    Entry,
    Intent,
    Line,
    Repaired,
    Result,
    decode,
    digest,
    encode,
    seq_of,
)
from failover_dns.core.errors import JournalError
from failover_dns.core.model import Instant
from failover_dns.core.outcome import Verdict
from failover_dns.effects import Run

T = TypeVar("T")

NAME = "changes.jsonl"
MAX_LINE = 1024 * 1024
"""The longest line, in bytes; the last one is looked for in as much of the file's end."""
MAX_WAITING = 10_000
"""How many appends may wait for the disk."""
MAX_BYTES = 10 * 1024 * 1024
DEADLINE_S = 10.0
POLL_S = 0.2
RENAME_TRIES = 5
RENAME_PAUSE_S = 0.02

_CURES = {
    errno.ENOSPC: "free space on its file system; nothing is changed in DNS until then",
    errno.EDQUOT: "raise the quota or free space; nothing is changed in DNS until then",
    errno.EROFS: "mount its file system for writing; nothing is changed in DNS until then",
    errno.EACCES: "let the daemon's account write there; nothing is changed in DNS until then",
}
_CURE = "look at the disk and the system's log; nothing is changed in DNS until this is mended"
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_PAIR = re.compile(rb'"pair":("(?:[^"\\]|\\.)*")')
_sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A pair's last applied change: the agent that it showed as online, and when it was written down."""

    online: str
    result: Result
    time: datetime


@dataclass(frozen=True, slots=True, eq=False)
class _Append:
    """One call of `append` that waits for the disk."""

    entries: tuple[Entry, ...]
    wall_s: float
    done: asyncio.Future[tuple[int, ...]]


class ChangeLog:
    """Appends to the change log in `directory`; a directory that is missing is created for its owner only."""

    def __init__(  # noqa: PLR0913 - the outside world and its limits, each with a default where there is one
        self,
        directory: Path,
        *,
        clock: Callable[[], Instant],
        run: Run,
        max_bytes: int = MAX_BYTES,
        keep: int = 20,
        deadline_s: float = DEADLINE_S,
        rename: Callable[[Path, Path], object] = os.replace,
    ) -> None:
        self._file = _File(directory, max_bytes=max_bytes, keep=keep, rename=rename)
        self._clock = clock
        self._run_in_lane = run
        self._deadline_s = deadline_s
        self._waiting: list[_Append] = []
        self._flusher: asyncio.Task[None] | None = None
        self._entered = False

    async def __aenter__(self) -> Self:
        """Open the log, cut off a torn last line; JournalError if it cannot be written."""
        wall_s = self._clock().wall_s
        await self._run(lambda: self._file.write([((), wall_s)]))
        self._entered = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self._entered = False
        if self._flusher is not None:
            await self._flusher
        with suppress(JournalError):
            await self._run(self._file.close)

    async def append(self, *entries: Entry) -> tuple[int, ...]:
        """Return the sequence numbers once the entries are on the disk; JournalError if they cannot be.

        After an error none of them is in the log, unless the disk did not answer in time: then they may be.
        """
        if not self._entered:
            raise JournalError(f"{self._file.path} is not open", "this is a defect: report it")
        if len(self._waiting) >= MAX_WAITING:
            raise JournalError(f"{len(self._waiting)} writes wait for {self._file.path}", _CURE)
        waiting = _Append(entries, self._clock().wall_s, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush())
        return await waiting.done

    async def _flush(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting, []
                await self._write(_still_waiting(group))
        finally:
            self._flusher = None

    async def _write(self, group: Sequence[_Append]) -> None:
        batch = [(waiting.entries, waiting.wall_s) for waiting in group]
        try:
            numbers = await self._run(lambda: self._file.write(batch))
        except asyncio.CancelledError:
            for waiting in (*group, *self._waiting):
                waiting.done.cancel()
            self._waiting = []
            raise
        except Exception as error:  # noqa: BLE001 - handed to those who wait, whatever it is
            for waiting in _still_waiting(group):
                waiting.done.set_exception(error)
        else:
            for waiting, seqs in zip(group, numbers, strict=True):
                if not waiting.done.done():
                    waiting.done.set_result(seqs)

    async def _run(self, call: Callable[[], T]) -> T:
        try:
            return await self._run_in_lane(call, deadline_s=self._deadline_s)
        except TimeoutError as error:
            raise JournalError(f"{self._file.path} could not be written: {error}", _CURE) from error


def _still_waiting(group: Sequence[_Append]) -> list[_Append]:
    return [waiting for waiting in group if not waiting.done.done()]


class _File:
    """The file and what is known of its end; every method blocks, and runs in the lane."""

    def __init__(
        self, directory: Path, *, max_bytes: int, keep: int, rename: Callable[[Path, Path], object]
    ) -> None:
        self.path = directory / NAME
        self._max_bytes = max_bytes
        self._keep = keep
        self._rename = rename
        self._rotate_at = max_bytes
        self._fd: int | None = None
        self._inode = 0
        self._end = 0
        self._seq = 0
        self._prev = GENESIS
        self._open: set[int] = set()
        self._repairs: tuple[Repaired, ...] = ()

    def write(self, batch: Sequence[tuple[tuple[Entry, ...], float]]) -> list[tuple[int, ...]]:
        """Return the numbers of each part of `batch`, entries and their time, once all is on the disk."""
        try:
            fd = self._ready()
            repairs = (self._repairs, batch[0][1] if batch else 0.0)
            numbers = self._commit(fd, [repairs, *batch])
        except OSError as error:
            self.close()
            cure = _CURES.get(error.errno or 0, _CURE)
            raise JournalError(f"{self.path} cannot be written: {error.strerror or error}", cure) from error
        except BrokenLineError as error:
            self.close()
            cure = "move it to another place, and the log goes on in a new file"
            raise JournalError(f"{self.path} does not end in a change log's line: {error}", cure) from error
        self._repairs = ()
        if self._end >= self._rotate_at and (not self._open or self._end >= 2 * self._max_bytes):
            self._rotate()
        return numbers[1:]

    def close(self) -> None:
        """Close the file; the next write opens it and looks at its end anew."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            with suppress(OSError):
                os.close(fd)

    def _commit(self, fd: int, batch: Sequence[tuple[tuple[Entry, ...], float]]) -> list[tuple[int, ...]]:
        """Write the entries, numbered and chained; numbers are used up only once all are on the disk."""
        seq, prev, lines, numbers = self._seq, self._prev, [], []
        for entries, wall_s in batch:
            numbers.append(tuple(range(seq + 1, seq + 1 + len(entries))))
            for entry in entries:
                seq += 1
                lines.append(encode(entry, seq=seq, prev=prev, wall_s=wall_s))
                prev = digest(lines[-1])
        if lines:
            self._put(fd, lines)
        self._seq, self._prev = seq, prev
        for (entries, _), seqs in zip(batch, numbers, strict=True):
            for number, entry in zip(seqs, entries, strict=True):
                self._track(number, entry)
        return numbers

    def _put(self, fd: int, lines: Sequence[bytes]) -> None:
        longest = max(map(len, lines))
        if longest > MAX_LINE:
            raise OSError(errno.EFBIG, f"a line of {longest} bytes is longer than {MAX_LINE}")
        data = b"".join(lines)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(fd, rest) :]
            _sync(fd)
        except OSError:
            with suppress(OSError):
                os.ftruncate(fd, self._end)
            raise
        self._end += len(data)

    def _track(self, seq: int, entry: Entry | None) -> None:
        match entry:
            case Intent():
                self._open.add(seq)
            case Result(intent=closed):
                self._open.discard(closed)

    def _ready(self) -> int:
        """Return the open file, having caught up with whoever else wrote to it."""
        if self._fd is not None:
            with suppress(FileNotFoundError):
                found = self.path.stat()
                if (found.st_ino, found.st_size) == (self._inode, self._end):
                    return self._fd
        self.close()
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._fd = fd = os.open(self.path, _FLAGS, 0o600)
        found = os.fstat(fd)
        if not found.st_size:
            _sync_directory(self.path.parent)
        grown = found.st_ino == self._inode and found.st_size >= self._end
        start = self._end if grown else max(0, found.st_size - MAX_LINE)
        lines, end = self._whole_lines(fd, start, grown=grown)
        self._catch_up(lines, grown=grown)
        self._inode, self._end = found.st_ino, end
        return fd

    def _whole_lines(self, fd: int, start: int, *, grown: bool) -> tuple[list[bytes], int]:
        """Return the lines from `start` on and where they end; what a crash left after them is cut off.

        At most the bytes after the last newline and one line are cut. BrokenLineError if what remains does
        not end in a line of ours: then nothing is cut.
        """
        tail = _read_from(self.path, start)
        lines = tail.split(b"\n")[:-1]
        if lines and not _is_line(lines[-1]):
            lines.pop()
        if lines:
            seq_of(lines[-1])
        elif start and not grown:
            raise BrokenLineError(f"none in its last {MAX_LINE} bytes")
        keep = sum(len(line) + 1 for line in lines)
        if keep < len(tail):
            os.ftruncate(fd, start + keep)
            torn = Repaired(cut_bytes=len(tail) - keep, cut_sha256=sha256(tail[keep:]).hexdigest())
            self._repairs = (*self._repairs, torn)
        return lines, start + keep

    def _catch_up(self, lines: Sequence[bytes], *, grown: bool) -> None:
        """Go on from the last line there is; a file that lost its end does not make numbers start again."""
        last = lines[-1] if lines else _last_rotated_line(self.path.parent)
        if last is None or seq_of(last) <= self._seq:
            return
        if not grown:
            self._open = {number for number, _ in _open_in(self.path.parent)}
        for line in lines if grown else ():
            with suppress(BrokenLineError):
                read = decode(line)
                self._track(read.seq, read.entry)
        self._seq, self._prev = seq_of(last), digest(last)

    def _rotate(self) -> None:
        """Move the file out of the way; where that fails, go on with it and try again an eighth later."""
        self.close()
        self._rotate_at = self._end + self._max_bytes // 8
        with suppress(OSError, BrokenLineError):
            target = self.path.with_name(f"changes-{_first_seq(self.path):012}.jsonl")
            if target.exists() or not self._renamed(target):
                return
            self._inode = self._end = 0
            self._rotate_at = self._max_bytes
            _sync_directory(self.path.parent)
            old = _rotated(self.path.parent)
            for path in old[: max(0, len(old) - self._keep)]:
                path.unlink(missing_ok=True)

    def _renamed(self, target: Path) -> bool:
        """Rename the file. On Windows a reader may have it open for a moment (WinError 5, 32, 33)."""
        for _ in range(RENAME_TRIES):
            try:
                self._rename(self.path, target)
            except PermissionError:
                time.sleep(RENAME_PAUSE_S)
            else:
                return True
        return False


def read_lines(directory: Path) -> Iterator[bytes]:
    """Yield every whole line, oldest first and without its newline, over all files of the log."""
    with _readable(directory):
        yield from _Reader(directory).lines()


def follow(directory: Path, *, wait: Callable[[], object] = lambda: time.sleep(POLL_S)) -> Iterator[bytes]:
    """Yield every line and then, for ever, those that are appended; `wait` blocks until the next look."""
    reader = _Reader(directory)
    while True:
        with _readable(directory):
            yield from reader.lines()
        wait()


def open_intents(directory: Path) -> tuple[tuple[int, Intent], ...]:
    """Return the intents without an outcome, with their sequence numbers, from the two newest files."""
    with _readable(directory):
        return _open_in(directory)


def last_moves(directory: Path, pairs: Collection[str]) -> dict[str, Moved]:
    """Return the last applied change of each of `pairs`; one that the log does not know of is left out.

    Reads backwards, and no further than it must.
    """
    missing = {json.dumps(pair).encode() for pair in pairs}
    results: dict[str, tuple[Result, datetime]] = {}
    found: dict[str, Moved] = {}
    with _readable(directory):
        for line in _backwards(directory, missing):
            match line.entry:
                case Result(verdict=Verdict.APPLIED) as result:
                    results.setdefault(result.pair, (result, line.time))
                case Intent(pair=pair) as intent if pair in results and results[pair][0].intent == line.seq:
                    result, moment = results[pair]
                    found[pair] = Moved(online=intent.online, result=result, time=moment)
                    missing.remove(json.dumps(pair).encode())
    return found


@contextmanager
def _readable(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = f"the change log in {directory} cannot be read: {error.strerror or error}"
        raise JournalError(what, "read it as the daemon's account, or let this account read it") from error


def _open_in(directory: Path) -> tuple[tuple[int, Intent], ...]:
    newest = [path for _, path in _files(directory)][-2:]
    return changelog.open_intents(line for path in newest for line in _read_from(path, 0).split(b"\n"))


class _Reader:
    """Reads on from where it stopped, over rotations."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._inode = 0
        self._offset = 0

    def lines(self) -> Iterator[bytes]:
        """Yield the whole lines that were not yielded before."""
        for inode, path in self._unread():
            file = _open_if(path, inode)
            if file is None:  # rotated or removed since: look again
                yield from self.lines()
                return
            with file:
                if inode != self._inode or os.fstat(file.fileno()).st_size < self._offset:
                    self._inode, self._offset = inode, 0
                file.seek(self._offset)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._offset += len(line)
                    yield line[:-1]

    def _unread(self) -> list[tuple[int, Path]]:
        files = _files(self._directory)
        inodes = [inode for inode, _ in files]
        return files[inodes.index(self._inode) :] if self._inode in inodes else files


def _files(directory: Path) -> list[tuple[int, Path]]:
    """Return the log's files with their inodes, oldest first.

    The newest is looked at first: if it is rotated while the others are listed, it is found among them, and
    what came after it is left for the next look.
    """
    newest = directory / NAME
    inode = _inode(newest)
    files = [(_inode(path), path) for path in _rotated(directory)]
    before = list(takewhile(lambda file: file[0] != inode, files))
    last = files[len(before)] if len(before) < len(files) else (inode, newest)
    return [file for file in (*before, last) if file[0]]


def _inode(path: Path) -> int:
    """Return the file's inode, 0 if there is no file."""
    with suppress(FileNotFoundError):
        return path.stat().st_ino
    return 0


def _open_if(path: Path, inode: int) -> BinaryIO | None:
    """Return the opened file, None if another or none is there by now."""
    with suppress(FileNotFoundError):
        file = path.open("rb")
        if os.fstat(file.fileno()).st_ino == inode:
            return file
        file.close()
    return None


def _rotated(directory: Path) -> list[Path]:
    """Return the files that the log was before, oldest first."""
    found = [
        (re.fullmatch(r"changes-(\d{12,})\.jsonl", path.name), path) for path in directory.glob("changes-*")
    ]
    return [path for _, path in sorted((int(match[1]), path) for match, path in found if match)]


def _backwards(directory: Path, pairs: Collection[bytes]) -> Iterator[Line]:
    """Yield the lines of `pairs`, JSON texts, newest first, for as long as there are any of them.

    Most lines need not be decoded: their pair, the first field of that name, stands in them as it is.
    """
    for _, path in reversed(_files(directory)):
        if not pairs:
            return
        for raw in reversed(_read_from(path, 0).split(b"\n")):
            match = _PAIR.search(raw)
            if match is not None and match[1] in pairs:
                with suppress(BrokenLineError):
                    yield decode(raw)


def _last_rotated_line(directory: Path) -> bytes | None:
    """Return the last line of the newest file that the log was before."""
    for path in reversed(_rotated(directory)):
        lines = _read_from(path, max(0, path.stat().st_size - MAX_LINE)).split(b"\n")[:-1]
        return next(filter(_is_line, reversed(lines)), None)
    return None


def _first_seq(path: Path) -> int:
    with path.open("rb") as file:
        return seq_of(next(filter(_is_line, file), b""))


def _is_line(line: bytes) -> bool:
    with suppress(BrokenLineError):
        return seq_of(line) > 0
    return False


def _read_from(path: Path, start: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read()


def _sync_directory(directory: Path) -> None:
    """Make a new or renamed file's name durable, where directories can be synced (not on Windows)."""
    flag = getattr(os, "O_DIRECTORY", None)
    if flag is None:
        return
    fd = os.open(directory, flag)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
