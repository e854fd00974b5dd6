"""The file that is appended to, and what is known of its end; everything here blocks."""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from failover_dns.core.changelog import (
    GENESIS,
    BrokenLineError,
    Entry,
    Intent,
    Repaired,
    Result,
    decode,
    digest,
    encode,
    seq_of,
)
from failover_dns.core.errors import JournalError
from failover_dns.effects.changelog.files import (
    MAX_LINE,
    NAME,
    first_seq,
    is_line,
    last_rotated_line,
    open_in,
    read_from,
    rotated,
)

RENAME_TRIES = 5
RENAME_PAUSE_S = 0.02
CURE = "look at the disk and the system's log; nothing is changed in DNS until this is mended"

_CURES = {
    errno.ENOSPC: "free space on its file system; nothing is changed in DNS until then",
    errno.EDQUOT: "raise the quota or free space; nothing is changed in DNS until then",
    errno.EROFS: "mount its file system for writing; nothing is changed in DNS until then",
    errno.EACCES: "let the daemon's account write there; nothing is changed in DNS until then",
}
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)


class File:
    """The end of the log in `directory`: writes lines, rotates, and catches up with other processes."""

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
            cure = _CURES.get(error.errno or 0, CURE)
            raise JournalError(f"{self.path} cannot be written: {error.strerror or error}", cure) from error
        except JournalError:
            self.close()
            raise
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
        _require_own(self.path.parent, self.path.parent.stat().st_mode)
        self._fd = fd = os.open(self.path, _FLAGS, 0o600)
        found = os.fstat(fd)
        _require_own(self.path, found.st_mode)
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
        tail = read_from(self.path, start)
        lines = tail.split(b"\n")[:-1]
        if lines and not is_line(lines[-1]):
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
        last = lines[-1] if lines else last_rotated_line(self.path.parent)
        if last is None or seq_of(last) <= self._seq:
            return
        if not grown:
            self._open = {number for number, _ in open_in(self.path.parent)}
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
            target = self.path.with_name(f"changes-{first_seq(self.path):012}.jsonl")
            if target.exists() or not self._renamed(target):
                return
            self._inode = self._end = 0
            self._rotate_at = self._max_bytes
            _sync_directory(self.path.parent)
            old = rotated(self.path.parent)
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


def _require_own(path: Path, mode: int) -> None:
    """Raise JournalError if others may write there: what they forge would be believed at the next start."""
    if sys.platform != "win32" and mode & OTHERS_WRITE:
        raise JournalError(
            f"{path} can be changed by its group or others (mode {stat.S_IMODE(mode):04o})",
            f"run `chmod go-w {path}`; nothing is changed in DNS until then",
        )


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
