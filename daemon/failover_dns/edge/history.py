"""The change log for `failover-dns history`: a selection of its lines, as a table for people.

Programs take the selected lines as they are (`Row.raw`). A line that cannot be read is part of every
selection: what is damaged is shown, not hidden.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from failover_dns.core.changelog import (
    BrokenLineError,
    Converged,
    Frozen,
    Held,
    Intent,
    Line,
    Peer,
    Released,
    Repaired,
    Result,
    Shown,
    Thawed,
    decode,
)
from failover_dns.core.fence import LABEL, parse
from failover_dns.core.model import Change, Record
from failover_dns.core.outcome import Verdict
from failover_dns.edge.told import printable

COLUMNS = ("TIME", "PAIR", "EVENT", "VERDICT", "TOOK", "CAUSE", "ZONE", "WHAT")
_WIDTHS = [24, 8, 8, 7, 8, 6, 24, 0]
UNKNOWN = "not known to this version of failover-dns; its JSON says more"
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_NOTHING = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A selected line: its bytes, what they say, the intent it is or closes, why it could not be read."""

    raw: bytes
    line: Line | None = None
    intent: Intent | None = None
    broken: str = ""


def since(text: str, *, now: datetime) -> datetime:
    """Return the moment that `text` names: RFC 3339, or an age such as 15m, 2h or 3d before `now`."""
    age = re.fullmatch(r"([0-9]{1,6})([smhdw])", text)
    try:
        if age:
            return now - timedelta(**{_UNITS[age[2]]: int(age[1])})
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(
            f"{text!r} is neither an age such as 15m, 2h or 3d nor a time such as 2026-03-01T09:30:00Z"
        )
    return moment


def select(
    lines: Iterable[bytes],
    *,
    pair: str | None = None,
    since: datetime | None = None,
    event: str | None = None,
) -> Iterator[Row]:
    """Yield the lines of `pair` and `event` from `since` on, each outcome with the intent that it closes."""
    open_intents: dict[int, Intent] = {}
    for raw in lines:
        row = _row(raw, open_intents)
        if row.line is None or _wanted(row.line, pair, since, event):
            yield row


def table(rows: Iterable[Row]) -> Iterator[str]:
    """Yield a heading and a line of text for each row, as rows come: columns grow when they must."""
    widths = _WIDTHS
    for cells in _cells(rows):
        widths = [max(width, len(cell)) for width, cell in zip(widths, cells, strict=True)]
        yield "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _row(raw: bytes, open_intents: dict[int, Intent]) -> Row:
    try:
        line = decode(raw)
    except BrokenLineError as error:
        return Row(raw=raw, broken=str(error))
    match line.entry:
        case Intent() as opened:
            open_intents[line.seq] = opened
            return Row(raw=raw, line=line, intent=opened)
        case Result(intent=seq) if seq in open_intents:
            return Row(raw=raw, line=line, intent=open_intents.pop(seq))
        case _:
            return Row(raw=raw, line=line)


def _wanted(line: Line, pair: str | None, since: datetime | None, event: str | None) -> bool:
    return (
        (pair is None or line.raw.get("pair") == pair)
        and (since is None or line.time >= since)
        and (event is None or line.event == event)
    )


def _cells(rows: Iterable[Row]) -> Iterator[tuple[str, ...]]:
    yield COLUMNS
    for row in rows:
        yield tuple(printable(cell) or _NOTHING for cell in _texts(row))


def _texts(row: Row) -> tuple[str, ...]:
    """Return the row's cells, in the order of `COLUMNS`."""
    line = row.line
    if line is None:
        return ("", "", "unreadable", "", "", "", "", row.broken)
    verdict = took = cause = zone = ""
    match line.entry:
        case Intent(zone=zone) as intent:
            cause, what = intent.cause, _change(intent.change)
        case Result(zone=zone, verdict=verdict) as result:
            took = "" if result.took_ms is None else f"{result.took_ms:.1f} ms"
            cause, what = row.intent.cause if row.intent else "", _became(result, row.intent)
        case Converged(zone=zone, servers=servers):
            what = ", ".join(_lag(server) for server in servers)
        case Peer() | Held() | Released() | Frozen() | Thawed() as said:
            cause, what = said.reason if isinstance(said, Held) else "", tell(said)
        case Repaired(cut_bytes=count):
            what = f"cut off a torn last line of {count} bytes"
        case _:
            what = UNKNOWN
    pair = str(line.raw.get("pair", ""))
    return (str(line.raw["time"]), pair, line.event, verdict, took, cause, zone, what)


def tell(entry: Peer | Held | Released | Frozen | Thawed) -> str:
    """Say in words what a pair went through besides its changes."""
    match entry:
        case Peer():
            mind = f"stands for {entry.stands_for}" if entry.stands_for else "holds"
            online = entry.online or "nobody"
            return (
                f"{entry.writer} decided at {entry.decided} that {online} is online (epoch {entry.epoch}); "
                f"this daemon {'agrees' if entry.agrees else mind}"
            )
        case Held():
            until = "" if entry.until is None else f", until {entry.until}"
            return f"not moved to {entry.to}: penalty {entry.penalty:.1f}{until}"
        case Released():
            return f"by {entry.by}: no more damping; the penalty was {entry.penalty:.1f}"
        case Frozen():
            return f"by {entry.by} until {entry.until or 'it is thawed'}: {entry.reason}"
        case Thawed():
            return f"by {entry.by}" + (f": {entry.reason}" if entry.reason else "")
        case _:
            assert_never(entry)


def _change(change: Change) -> str:
    removes, adds = map(_record, change.removes), map(_record, change.adds)
    return " ".join([*(f"-{text}" for text in removes), *(f"+{text}" for text in adds)])


def _record(record: Record) -> str:
    """Return the record as it is, but a fence by its epoch: the rest of it is in other columns."""
    if not record.key.name.startswith(f"{LABEL}."):
        return str(record)
    try:
        return f"fence epoch={parse(str(record.value)).epoch}"
    except ValueError:
        return str(record)


def _became(result: Result, intent: Intent | None) -> str:
    """Say what was changed, and why it was not where it was not."""
    change = _change(intent.change) if intent else f"closes seq {result.intent}"
    answer = "" if result.verdict is Verdict.APPLIED else result.rcode or result.said
    return "; ".join(filter(None, (change, answer, result.what, result.cure)))


def _lag(shown: Shown) -> str:
    if shown.delay_ms is None:
        return f"{shown.server} does not show it: {shown.problem}"
    return f"{shown.server} after {shown.delay_ms:.1f} ms"
