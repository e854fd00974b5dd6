"""inotify(7) with nothing around it: to see at once, and cheaply, that a file grew or was replaced.

The measuring process watches both sides' logs with it. Run as a program it stands in for `inotifywait` where
inotify-tools is missing: it prints the name of each file in a directory that was written or replaced.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
import sys
from pathlib import Path
from typing import Self

MODIFY, CLOSE_WRITE, MOVED_TO = 0x2, 0x8, 0x80
HEAD = struct.Struct("iIII")
MAX_BYTES = 64 * 1024

_libc = ctypes.CDLL(None, use_errno=True)


class Inotify:
    """One watch on a file or a directory."""

    def __init__(self, path: Path, mask: int) -> None:
        self._fd: int = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self._fd < 0 or _libc.inotify_add_watch(self._fd, os.fsencode(path), mask) < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def wait(self, timeout_s: float | None) -> list[str]:
        """Return the names that the next events speak of ("" for the watched file); none at a time-out."""
        ready, _, _ = select.select([self._fd], [], [], timeout_s)
        return _names(os.read(self._fd, MAX_BYTES)) if ready else []


def _names(events: bytes) -> list[str]:
    names, at = list[str](), 0
    while at < len(events):
        length = HEAD.unpack_from(events, at)[3]
        at += HEAD.size
        names.append(os.fsdecode(events[at : at + length].rstrip(b"\0")))
        at += length
    return names


if __name__ == "__main__":
    with Inotify(Path(sys.argv[1]), CLOSE_WRITE | MOVED_TO) as changes:
        print("Watches established.", file=sys.stderr, flush=True)
        while True:
            for name in changes.wait(None):
                print(name, flush=True)
