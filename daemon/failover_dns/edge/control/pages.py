"""Pages of the change log: its lines, newest first, a bounded number of them read for each page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from failover_dns.core.changelog import BrokenLineError, Line, decode
from failover_dns.edge.control.shapes import Changes
from failover_dns.effects.changelog import read_backwards

MAX_SCANNED = 50_000
"""How many lines are looked at for one page; most of them for a moment only."""

_SEQ = re.compile(rb'\{"v":\d+,"seq":(\d+),')


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which lines: older than number `before`, of a pair, of an event, not before a time; how many at most."""

    before: int | None = None
    pair: str | None = None
    event: str | None = None
    since: datetime | None = None
    limit: int = 100


def page(directory: Path, wanted: Wanted) -> Changes:
    """Return a page of the log; lines that cannot be read are left out (`history --verify` names them)."""
    found: list[Line] = []
    seq = wanted.before
    for scanned, raw in enumerate(_older(directory, wanted.before)):
        if len(found) == wanted.limit or scanned == MAX_SCANNED:
            return Changes(lines=tuple(dict(line.raw) for line in found), next=seq)
        seq = _seq(raw) or seq
        line = _line(raw, wanted)
        if line is not None and wanted.since is not None and line.time < wanted.since:
            break
        if line is not None:
            found.append(line)
    return Changes(lines=tuple(dict(line.raw) for line in found), next=None)


def _older(directory: Path, before: int | None) -> Iterator[bytes]:
    for raw in read_backwards(directory):
        seq = _seq(raw)
        if before is None or (seq is not None and seq < before):
            yield raw


def _seq(raw: bytes) -> int | None:
    match = _SEQ.match(raw)
    return None if match is None else int(match[1])


def _line(raw: bytes, wanted: Wanted) -> Line | None:
    """Return the line if it is wanted; its text is looked at first, which spares reading most of them."""
    for field, value in (("pair", wanted.pair), ("event", wanted.event)):
        if value is not None and f'"{field}":"{value}"'.encode() not in raw:
            return None
    try:
        line = decode(raw)
    except BrokenLineError:
        return None
    same_pair = wanted.pair is None or line.raw.get("pair") == wanted.pair
    return line if same_pair and (wanted.event is None or line.event == wanted.event) else None
