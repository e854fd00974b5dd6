"""Which files the log is in, oldest first, and single lines of them."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO

from failover_dns.core import changelog
from failover_dns.core.changelog import BrokenLineError, Intent, seq_of

NAME = "changes.jsonl"
MAX_LINE = 1024 * 1024
"""The longest line, in bytes; the last one is looked for in as much of the file's end."""


def files(directory: Path) -> list[tuple[int, Path]]:
    """Return the log's files with their inodes, oldest first.

    The newest is looked at first: if it is rotated while the others are listed, it is found among them, and
    what came after it is left for the next look.
    """
    newest = directory / NAME
    inode = _inode(newest)
    old = [(_inode(path), path) for path in rotated(directory)]
    before = list(takewhile(lambda file: file[0] != inode, old))
    last = old[len(before)] if len(before) < len(old) else (inode, newest)
    return [file for file in (*before, last) if file[0]]


def _inode(path: Path) -> int:
    """Return the file's inode, 0 if there is no file."""
    with suppress(FileNotFoundError):
        return path.stat().st_ino
    return 0


def open_if(path: Path, inode: int) -> BinaryIO | None:
    """Return the opened file, None if another or none is there by now."""
    with suppress(FileNotFoundError):
        file = path.open("rb")
        if os.fstat(file.fileno()).st_ino == inode:
            return file
        file.close()
    return None


def rotated(directory: Path) -> list[Path]:
    """Return the files that the log was before, oldest first."""
    found = [
        (re.fullmatch(r"changes-(\d{12,})\.jsonl", path.name), path) for path in directory.glob("changes-*")
    ]
    return [path for _, path in sorted((int(match[1]), path) for match, path in found if match)]


def open_in(directory: Path) -> tuple[tuple[int, Intent], ...]:
    """Return the intents without an outcome, with their sequence numbers, from the two newest files."""
    newest = [path for _, path in files(directory)][-2:]
    return changelog.open_intents(line for path in newest for line in read_from(path, 0).split(b"\n"))


def last_rotated_line(directory: Path) -> bytes | None:
    """Return the last line of the newest file that the log was before."""
    for path in reversed(rotated(directory)):
        lines = read_from(path, max(0, path.stat().st_size - MAX_LINE)).split(b"\n")[:-1]
        return next(filter(is_line, reversed(lines)), None)
    return None


def first_seq(path: Path) -> int:
    """Return the sequence number of the first line that is one; BrokenLineError if none is."""
    with path.open("rb") as file:
        return seq_of(next(filter(is_line, file), b""))


def is_line(line: bytes) -> bool:
    """Return whether this is a line of the log, whatever its entry."""
    with suppress(BrokenLineError):
        return seq_of(line) > 0
    return False


def read_from(path: Path, start: int) -> bytes:
    """Return the file's bytes from `start` on."""
    with path.open("rb") as file:
        file.seek(start)
        return file.read()
