"""What the log is asked: all its lines, those to come, and what each pair went through last."""

from __future__ import annotations

import json
import math
import os
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from pathlib import Path

from failover_dns.core.changelog import (
    BrokenLineError,
    Cause,
    Intent,
    Line,
    Released,
    Result,
    decode,
    rfc3339,
)
from failover_dns.core.errors import JournalError
from failover_dns.core.outcome import Verdict
from failover_dns.effects.changelog.files import files, open_if, open_in, read_from

POLL_S = 0.2

_PAIR = re.compile(rb'"pair":("(?:[^"\\]|\\.)*")')
_TIME = re.compile(rb'"time":"([^"]*)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A pair's last applied change: the agent that it showed as online, and when it was written down."""

    online: str
    intent: Intent
    result: Result
    time: datetime


def read_lines(directory: Path) -> Iterator[bytes]:
    """Yield every whole line, oldest first and without its newline, over all files of the log."""
    with _readable(directory):
        yield from _Reader(directory).lines()


def read_backwards(directory: Path) -> Iterator[bytes]:
    """Yield every line, newest first and without its newline; one that is half written, too, is not empty."""
    with _readable(directory):
        yield from filter(None, _backwards(directory))


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
        return open_in(directory)


def last_moves(directory: Path, pairs: Collection[str]) -> dict[str, Moved]:
    """Return the last applied change of each of `pairs`; one that the log does not know of is left out.

    Reads backwards, and no further than it must.
    """
    missing = {json.dumps(pair).encode() for pair in pairs}
    results: dict[str, tuple[Result, datetime]] = {}
    found: dict[str, Moved] = {}
    with _readable(directory):
        for line in _of(missing, _backwards(directory)):
            match line.entry:
                case Result(verdict=Verdict.APPLIED) as result:
                    results.setdefault(result.pair, (result, line.time))
                case Intent(pair=pair) as intent if pair in results and results[pair][0].intent == line.seq:
                    result, moment = results[pair]
                    found[pair] = Moved(online=intent.online, intent=intent, result=result, time=moment)
                    missing.remove(json.dumps(pair).encode())
    return found


def recent_switches(
    directory: Path, pairs: Collection[str], *, since_s: float
) -> dict[str, tuple[float, ...]]:
    """Return when DNS followed a switch of each of `pairs`, in seconds since 1970, oldest first.

    One time for each transaction that was begun since `since_s` and of which anything was applied. What an
    operator's release made to be forgotten is left out. Reads backwards, and no further than it must.
    """
    counted = {json.dumps(pair).encode() for pair in pairs}
    applied: dict[int, float] = {}
    found: dict[str, dict[str, float]] = {pair: {} for pair in pairs}
    since = rfc3339(since_s).encode()
    with _readable(directory):
        for line in _of(counted, takewhile(lambda raw: not _older(raw, since), _backwards(directory))):
            match line.entry:
                case Result(verdict=Verdict.APPLIED, intent=seq):
                    applied[seq] = line.time.timestamp()
                case Intent(cause=Cause.SWITCH) as intent if line.seq in applied:
                    times = found[intent.pair]
                    times[intent.transaction] = min(
                        applied[line.seq], times.get(intent.transaction, math.inf)
                    )
                case Released(pair=pair):
                    counted.remove(json.dumps(pair).encode())
    return {pair: tuple(sorted(times.values())) for pair, times in found.items()}


@contextmanager
def _readable(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = f"the change log in {directory} cannot be read: {error.strerror or error}"
        raise JournalError(what, "read it as the daemon's account, or let this account read it") from error


class _Reader:
    """Reads on from where it stopped, over rotations."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._inode = 0
        self._offset = 0

    def lines(self) -> Iterator[bytes]:
        """Yield the whole lines that were not yielded before."""
        for inode, path in self._unread():
            file = open_if(path, inode)
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
        found = files(self._directory)
        inodes = [inode for inode, _ in found]
        return found[inodes.index(self._inode) :] if self._inode in inodes else found


def _backwards(directory: Path) -> Iterator[bytes]:
    """Yield what stands between newlines, newest first."""
    for _, path in reversed(files(directory)):
        yield from reversed(read_from(path, 0).split(b"\n"))


def _of(pairs: Collection[bytes], lines: Iterable[bytes]) -> Iterator[Line]:
    """Yield the lines of `pairs`, JSON texts, for as long as there are any of them.

    Most lines need not be decoded: their pair, the first field of that name, stands in them as it is.
    """
    for raw in lines:
        match = _PAIR.search(raw)
        if match is not None and match[1] in pairs:
            with suppress(BrokenLineError):
                yield decode(raw)
        if not pairs:
            return


def _older(raw: bytes, moment: bytes) -> bool:
    """Whether a line was written before `moment`; its time, the first field of that name, compares as text."""
    match = _TIME.search(raw)
    return match is not None and match[1] < moment
