"""The change log's lines: every intent and its outcome, as values and as the bytes of one JSON line each.

A line carries the schema's version, a sequence number and the SHA-256 of the line before it, so that a
missing or edited line shows. `HEAD`, `EVENTS` and `TAIL` are the schema: lines are written, read and
documented (docs/change-log.md) from them. What the lines record is in `entries`; all is to be had from here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, TypeVar

from failover_dns.core.columns import REQUIRED, SEQ, Column, parsed
from failover_dns.core.entries import (
    Cause,
    Claimed,
    Converged,
    Entry,
    Frozen,
    Held,
    Intent,
    Peer,
    Released,
    Repaired,
    Result,
    Shown,
    Thawed,
)
from failover_dns.core.events import EVENTS, HEAD, TAIL, VERSION, build, event_of
from failover_dns.core.moment import rfc3339

T = TypeVar("T")

GENESIS = "0" * 64
"""What stands for the hash of the line before the first."""

__all__ = [
    "EVENTS",
    "GENESIS",
    "HEAD",
    "TAIL",
    "VERSION",
    "Broken",
    "BrokenLineError",
    "Cause",
    "Claimed",
    "Column",
    "Converged",
    "Entry",
    "Frozen",
    "Held",
    "Intent",
    "Line",
    "Peer",
    "Released",
    "Repaired",
    "Result",
    "Shown",
    "Thawed",
    "Verified",
    "decode",
    "digest",
    "encode",
    "open_intents",
    "rfc3339",
    "seq_of",
    "verify",
]


class BrokenLineError(ValueError):
    """A line is not one of the change log's; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line as read; `entry` is None for an event or a version of the schema that is not known here."""

    seq: int
    time: datetime
    event: str
    prev: str
    entry: Entry | None
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """An unbroken chain: how many lines, the first and last sequence number, and the last line's SHA-256.

    An empty log has no numbers (0 and 0) and the hash that stands before the first line.
    """

    lines: int
    first: int
    last: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """Where a chain breaks: the line's position (from 1), its sequence number if it has one, and why."""

    position: int
    seq: int | None
    why: str


def encode(entry: Entry, *, seq: int, prev: str, wall_s: float) -> bytes:
    """Return the entry's line with its newline; `prev` is the `digest` of the line before."""
    event = event_of(entry)
    line = {"v": VERSION, "seq": seq, "time": rfc3339(wall_s), "event": event}
    for column in EVENTS[event]:
        line[column.name] = column.kind.put(column.of(entry))
    line["prev"] = prev
    return json.dumps(line, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def decode(line: bytes) -> Line:
    """Return what a line says, its newline optional; BrokenLineError for whatever is not a line."""
    return _guarded(_line, line)


def seq_of(line: bytes) -> int:
    """Return a line's sequence number, whatever its entry; BrokenLineError if it is no line at all."""
    seq: int = _guarded(_head, line)[1]["seq"]
    return seq


def digest(line: bytes) -> str:
    """Return the SHA-256 of a line's bytes without its newline, in hex: the next line's `prev`."""
    return sha256(line.removesuffix(b"\n")).hexdigest()


def verify(lines: Iterable[bytes]) -> Verified | Broken:
    """Walk the chain from its oldest line; a first line other than 1 means that older files were removed."""
    first = last = position = 0
    sha = GENESIS
    for position, raw in enumerate(lines, start=1):
        try:
            line = decode(raw)
        except BrokenLineError as error:
            return Broken(position=position, seq=None, why=str(error))
        why = _start(line) if position == 1 else _link(line, last, sha)
        if why:
            return Broken(position=position, seq=line.seq, why=why)
        first, last, sha = first or line.seq, line.seq, digest(raw)
    return Verified(lines=position, first=first, last=last, sha256=sha)


def open_intents(lines: Iterable[bytes]) -> tuple[tuple[int, Intent], ...]:
    """Return the intents, with their sequence numbers, that no outcome names; broken lines say nothing."""
    waiting: dict[int, bytes] = {}
    for line in lines:
        with suppress(ValueError):
            raw, head = _guarded(_head, line)
            if head["event"] == "intent":
                waiting[head["seq"]] = line
            elif head["event"] == "outcome":
                waiting.pop(SEQ.get(raw.get("intent")), None)
    found = ((seq, _entry_or_none(line)) for seq, line in waiting.items())
    return tuple((seq, entry) for seq, entry in found if isinstance(entry, Intent))


def _start(line: Line) -> str:
    if (line.seq == 1) == (line.prev == GENESIS):
        return ""
    return f"a first line has seq 1 and a prev of zeros, or neither; this one has seq {line.seq}"


def _link(line: Line, last: int, sha: str) -> str:
    if line.seq != last + 1:
        return f"seq {line.seq} follows seq {last}: lines are missing or were moved"
    if line.prev != sha:
        return f"prev is not the SHA-256 of the line before: seq {last} or seq {line.seq} was edited"
    return ""


def _entry_or_none(line: bytes) -> Entry | None:
    with suppress(BrokenLineError):
        return decode(line).entry
    return None


def _guarded(read: Callable[[bytes], T], line: bytes) -> T:
    """Turn whatever arbitrary bytes can raise into the one error."""
    try:
        return read(line)
    except RecursionError as error:
        raise BrokenLineError("nested too deeply") from error
    except (ValueError, OverflowError) as error:
        raise BrokenLineError(str(error)) from error


def _line(line: bytes) -> Line:
    raw, head = _head(line)
    columns = EVENTS.get(head["event"])
    entry = None
    if columns is not None and head["v"] == VERSION:
        entry = build(head["event"], {column.name: _get(raw, column) for column in columns})
    return Line(
        seq=head["seq"], time=head["time"], event=head["event"], prev=head["prev"], entry=entry, raw=raw
    )


def _head(line: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a line as it is, and the fields that every line has."""
    raw = parsed(line)
    if not isinstance(raw, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - a broken line, not a mistake in our code
    return raw, {column.name: _get(raw, column) for column in (*HEAD, *TAIL)}


def _get(raw: Mapping[str, Any], column: Column) -> Any:
    if column.name not in raw and column.absent is not REQUIRED:
        return column.absent
    if column.name not in raw:
        raise ValueError(f"field {column.name} is missing")
    try:
        return column.kind.get(raw[column.name])
    except (ValueError, OverflowError) as error:
        raise ValueError(f"field {column.name}: {error}") from error
