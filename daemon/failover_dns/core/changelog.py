"""The change log's lines: every intent and its outcome, as values and as the bytes of one JSON line each.

A line carries the schema's version, a sequence number and the SHA-256 of the line before it, so that a
missing or edited line shows. `HEAD`, `EVENTS` and `TAIL` are the schema: lines are written, read and
documented (docs/change-log.md) from them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address
from operator import attrgetter
from typing import Any, TypeVar

from failover_dns.core.decide import Reason
from failover_dns.core.model import Change, Key, Record, Records, RRset, Type, Value
from failover_dns.core.outcome import Said, Verdict

T = TypeVar("T")

VERSION = 1
GENESIS = "0" * 64
"""What stands for the hash of the line before the first."""


class BrokenLineError(ValueError):
    """A line is not one of the change log's; the message says what is wrong with it."""


class Cause(StrEnum):
    """Why a change was needed."""

    SWITCH = "switch"
    DRIFT = "drift"
    START = "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What is about to be sent to one zone's primary; on the disk before it is sent."""

    pair: str
    transaction: str
    cause: Cause
    wake: str
    reason: Reason
    online: str
    writer: str
    zone: str
    primary: str
    key: str
    change: Change

    def __post_init__(self) -> None:
        if self.zone != self.change.zone:
            raise ValueError(f"an intent for zone {self.zone} changes zone {self.change.zone}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of the intent with sequence number `intent`; `after` is None where reading back failed."""

    pair: str
    transaction: str
    zone: str
    intent: int
    verdict: Verdict
    said: Said
    rcode: str | None = None
    what: str = ""
    cure: str = ""
    after: Records | None = None
    took_ms: float | None = None
    recovered: bool = False
    forgotten_at: str | None = None

    def __post_init__(self) -> None:
        if self.forgotten_at is not None:
            _time(self.forgotten_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A server of a zone and how long after the wake-up it showed a change; no delay if it did not in time."""

    server: str
    delay_ms: float | None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Converged:
    """When each server of the zone showed an applied change (RFC 3339 for `forgotten_at`)."""

    pair: str
    transaction: str
    zone: str
    intent: int
    servers: tuple[Shown, ...]
    forgotten_at: str | None

    def __post_init__(self) -> None:
        if self.forgotten_at is not None:
            _time(self.forgotten_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """A torn last line, which a crash left half written, was cut off at a start."""

    cut_bytes: int
    cut_sha256: str


Entry = Intent | Result | Converged | Repaired


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
    event = _NAMES[type(entry)]
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


def rfc3339(wall_s: float) -> str:
    """Return seconds since 1970 as RFC 3339 text, in UTC with milliseconds."""
    text = datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


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
                waiting.pop(_SEQ.get(raw.get("intent")), None)
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
        entry = _BUILD[head["event"]]({column.name: _get(raw, column) for column in columns})
    return Line(
        seq=head["seq"], time=head["time"], event=head["event"], prev=head["prev"], entry=entry, raw=raw
    )


def _head(line: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a line as it is, and the fields that every line has."""
    raw = json.loads(line.decode(), object_pairs_hook=_unique, parse_constant=_refuse)
    if not isinstance(raw, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - a broken line, not a mistake in our code
    return raw, {column.name: _get(raw, column) for column in (*HEAD, *TAIL)}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that different readers would read differently."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field is there twice")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _get(raw: Mapping[str, Any], column: Column) -> Any:
    if column.name not in raw:
        raise ValueError(f"field {column.name} is missing")
    try:
        return column.kind.get(raw[column.name])
    except (ValueError, OverflowError) as error:
        raise ValueError(f"field {column.name}: {error}") from error


def _intent(values: dict[str, Any]) -> Intent:
    change = {field.name: values[field.name] for field in fields(Change)}
    own = {field.name: values[field.name] for field in fields(Intent) if field.name != "change"}
    return Intent(**own, change=Change(**change))


# How each type of field is written and read: what any other JSON value in its place raises is ValueError.


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of field: its name in the documentation, and both ways between value and JSON."""

    name: str
    put: Callable[[Any], Any]
    get: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A field of a line: its type, its meaning, and where in the entry it is, if not under its own name."""

    name: str
    kind: Kind
    meaning: str
    path: str = ""

    def of(self, entry: Entry) -> Any:
        """Return the entry's value."""
        return attrgetter(self.path or self.name)(entry)


def _same(value: Any) -> Any:
    return value


def _a(kind: type, what: str) -> Callable[[Any], Any]:
    def get(value: Any) -> Any:
        if type(value) is not kind:  # JSON has no subclasses, and true is not a number
            raise ValueError(f"{value!r:.60} is not {what}")
        return value

    return get


_text = _a(str, "a text")
_whole = _a(int, "a whole number")
_list = _a(list, "a list")
_object = _a(dict, "an object")


def _at_least(least: int) -> Callable[[Any], int]:
    def get(value: Any) -> int:
        number: int = _whole(value)
        if number < least:
            raise ValueError(f"{number} is less than {least}")
        return number

    return get


def _number(value: Any) -> float:
    number = float(value if type(value) is float else _whole(value))
    if not math.isfinite(number):
        raise ValueError("too large a number")
    return number


def _sha(value: Any) -> str:
    text: str = _text(value)
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise ValueError(f"{text!r:.60} is not a SHA-256 in lower-case hex")
    return text


def _time(value: Any) -> datetime:
    text: str = _text(value)
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text, re.ASCII):
        raise ValueError(f"{text!r:.60} is not a time such as 2026-03-01T09:30:00.000Z")
    return datetime.fromisoformat(text)


def _moment(value: Any) -> str:
    _time(value)
    return str(value)


def _key(value: Any) -> Key:
    item = _object(value)
    return Key(_text(item.get("name")), Type(_text(item.get("type"))))


def _value(kind: Type, value: Any) -> Value:
    text: str = _text(value)
    match kind:
        case Type.A:
            return IPv4Address(text)
        case Type.AAAA:
            return IPv6Address(text)
        case _:
            return text


def _put_record(record: Record) -> dict[str, Any]:
    return {"name": record.key.name, "type": record.key.type, "value": str(record.value)}


def _get_record(value: Any) -> Record:
    key = _key(value)
    return Record(key, _value(key.type, value.get("value")))


def _put_rrset(rrset: RRset) -> dict[str, Any]:
    values = sorted(map(str, rrset.values))
    return {"name": rrset.key.name, "type": rrset.key.type, "ttl_s": rrset.ttl_s, "values": values}


def _get_rrset(value: Any) -> RRset:
    key = _key(value)
    values = frozenset(_value(key.type, item) for item in _list(value.get("values")))
    return RRset(key=key, values=values, ttl_s=_at_least(0)(value.get("ttl_s")))


def _put_records(records: Records) -> list[dict[str, Any]]:
    return [_put_rrset(records[key]) for key in sorted(records)]


def _get_records(value: Any) -> Records:
    found = [_get_rrset(item) for item in _list(value)]
    records = {rrset.key: rrset for rrset in found}
    if len(records) != len(found):
        raise ValueError("an RRset is there twice")
    return records


def _put_shown(shown: Shown) -> dict[str, Any]:
    return {"server": shown.server, "delay_ms": shown.delay_ms, "problem": shown.problem}


def _get_shown(value: Any) -> Shown:
    table: dict[str, Any] = _object(value)
    if table.keys() != {"server", "delay_ms", "problem"}:
        raise ValueError("is not server, delay_ms and problem")
    delay_ms = table["delay_ms"]
    return Shown(
        server=_text(table["server"]),
        delay_ms=None if delay_ms is None else _number(delay_ms),
        problem=_text(table["problem"]),
    )


def _word(words: type[StrEnum]) -> Kind:
    named = ", ".join(f"`{word}`" for word in words)
    return Kind(f"one of {named}", str, lambda value: words(_text(value)))


def _several(kind: Kind) -> Kind:
    return Kind(
        f"list of {kind.name}s",
        lambda values: [kind.put(value) for value in values],
        lambda value: tuple(kind.get(item) for item in _list(value)),
    )


def _or_null(kind: Kind) -> Kind:
    return Kind(
        f"{kind.name} or null",
        lambda value: None if value is None else kind.put(value),
        lambda value: None if value is None else kind.get(value),
    )


_TEXT = Kind("text", _same, _text)
_COUNT = Kind("whole number from 0", _same, _at_least(0))
_SEQ = Kind("whole number from 1", _same, _at_least(1))
_MS = Kind("number", _same, _number)
_BOOL = Kind("true or false", _same, _a(bool, "true or false"))
_SHA = Kind("SHA-256 in hex", _same, _sha)
_TIME = Kind("time", _same, _time)
_MOMENT = Kind("time", _same, _moment)
_RECORD = Kind("record", _put_record, _get_record)
_RRSET = Kind("RRset", _put_rrset, _get_rrset)
_SHOWN = Kind("server", _put_shown, _get_shown)
_RECORDS = Kind("list of RRsets", _put_records, _get_records)

_PAIR = Column("pair", _TEXT, "name of the pair in the configuration")
_TRANSACTION = Column("transaction", _TEXT, "shared by the intents that one plan led to, and their outcomes")

HEAD = (
    Column("v", _SEQ, "version of this schema: 1"),
    Column("seq", _SEQ, "sequence number of the line; grows by one"),
    Column("time", _TIME, "when the line was handed to the log, by this machine's clock"),
    Column("event", _TEXT, "what the line records: `intent`, `outcome`, `converged` or `repaired`"),
)
"""The fields that every line begins with."""

TAIL = (Column("prev", _SHA, "of the line before, without its newline; 64 zeros in the very first line"),)
"""The field that every line ends with."""

EVENTS: Mapping[str, tuple[Column, ...]] = {
    "intent": (
        _PAIR,
        _TRANSACTION,
        Column(
            "cause",
            _word(Cause),
            "what DNS differed through: a switch, drift though nobody switched, or a start",
        ),
        Column(
            "wake",
            _TEXT,
            "what made the daemon look: `start`, `source`, `look`, `audit`, `notify`, `resync`, `retry` or `settled`",
        ),
        Column("reason", _word(Reason), "what the decision stood on"),
        Column("online", _TEXT, "the agent that DNS is to show as online"),
        Column("writer", _TEXT, "the daemon or command that writes, as host/process"),
        Column("zone", _TEXT, "the zone that is updated"),
        Column("primary", _TEXT, "the server that the update goes to, as host#port"),
        Column("key", _TEXT, "name of the key that signs the update; empty if it has none"),
        Column(
            "before",
            _several(_RRSET),
            "the records as they were read; the update's prerequisites",
            "change.before",
        ),
        Column("removes", _several(_RECORD), "the records to remove", "change.removes"),
        Column("adds", _several(_RECORD), "the records to add", "change.adds"),
        Column("ttl_s", _COUNT, "TTL of the records to add, in seconds", "change.ttl_s"),
    ),
    "outcome": (
        _PAIR,
        _TRANSACTION,
        Column("zone", _TEXT, "the zone that was updated"),
        Column("intent", _SEQ, "`seq` of the intent that this closes"),
        Column("verdict", _word(Verdict), "what became of the update, after reading back"),
        Column("said", _word(Said), "what the primary's answer said, believed or not"),
        Column("rcode", _or_null(_TEXT), "the answer's response code; null if there was none"),
        Column("what", _TEXT, "what went wrong; empty if nothing did"),
        Column("cure", _TEXT, "what an operator can do about it; may be empty"),
        Column(
            "after",
            _or_null(_RECORDS),
            "the same records as `before`, as read back; null if that failed",
        ),
        Column(
            "took_ms",
            _or_null(_MS),
            "milliseconds from the wake-up to the verified read-back; null if not known",
        ),
        Column("recovered", _BOOL, "true if the intent was left open and closed later by reading DNS"),
        Column("forgotten_at", _or_null(_MOMENT), "when the last cache forgets the old answer, or null"),
    ),
    "converged": (
        _PAIR,
        _TRANSACTION,
        Column("zone", _TEXT, "the zone that was updated"),
        Column("intent", _SEQ, "`seq` of the intent whose change this is about"),
        Column(
            "servers",
            _several(_SHOWN),
            "each server of the zone, and the milliseconds from the wake-up until it showed the change",
        ),
        Column("forgotten_at", _or_null(_MOMENT), "when the last cache forgets the old answer, or null"),
    ),
    "repaired": (
        Column("cut_bytes", _COUNT, "how many bytes of a torn last line were cut off"),
        Column("cut_sha256", _SHA, "of the bytes that were cut off"),
    ),
}
"""The fields of each event, between head and tail, in their order."""

_NAMES: Mapping[type[Entry], str] = {
    Intent: "intent",
    Result: "outcome",
    Converged: "converged",
    Repaired: "repaired",
}
_BUILD: Mapping[str, Callable[[dict[str, Any]], Entry]] = {
    "intent": _intent,
    "outcome": lambda values: Result(**values),
    "converged": lambda values: Converged(**values),
    "repaired": lambda values: Repaired(**values),
}
