"""The types of the change log's fields: how each is written as JSON and read back.

What any other JSON value in a field's place raises is ValueError.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from operator import attrgetter
from typing import Any, Final

from failover_dns.core.entries import Claimed, Entry, Shown
from failover_dns.core.model import Key, Record, Records, Role, RRset, Type, Value
from failover_dns.core.moment import seconds

REQUIRED: Final = object()
"""Stands for the value of a field that every line of its event has."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of field: its name in the documentation, and both ways between value and JSON."""

    name: str
    put: Callable[[Any], Any]
    get: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A field of a line: its type, its meaning, and where in the entry it is, if not under its own name.

    `absent` is what a line says that was written before there was this field.
    """

    name: str
    kind: Kind
    meaning: str
    path: str = ""
    absent: Any = REQUIRED

    def of(self, entry: Entry) -> Any:
        """Return the entry's value."""
        return attrgetter(self.path or self.name)(entry)


def parsed(data: bytes) -> Any:
    """Return what JSON says; ValueError (or RecursionError) also for what different readers read differently."""
    return json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_refuse)


def word(words: type[StrEnum]) -> Kind:
    """Return the type of a field that has one of `words`."""
    named = ", ".join(f"`{word}`" for word in words)
    return Kind(f"one of {named}", str, lambda value: words(_text(value)))


def several(kind: Kind) -> Kind:
    """Return the type of a list."""
    return Kind(
        f"list of {kind.name}s",
        lambda values: [kind.put(value) for value in values],
        lambda value: tuple(kind.get(item) for item in _list(value)),
    )


def or_null(kind: Kind) -> Kind:
    """Return the type of a field that may have no value, which is None."""
    return Kind(
        f"{kind.name} or null",
        lambda value: None if value is None else kind.put(value),
        lambda value: None if value is None else kind.get(value),
    )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field is there twice")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


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
_bool = _a(bool, "true or false")
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
    return datetime.fromtimestamp(seconds(_text(value)), UTC)


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


def _table(value: Any, *names: str) -> dict[str, Any]:
    table: dict[str, Any] = _object(value)
    if table.keys() != {*names}:
        raise ValueError(f"is not {', '.join(names[:-1])} and {names[-1]}")
    return table


def _put_shown(shown: Shown) -> dict[str, Any]:
    return {"server": shown.server, "delay_ms": shown.delay_ms, "problem": shown.problem}


def _get_shown(value: Any) -> Shown:
    table = _table(value, "server", "delay_ms", "problem")
    return Shown(
        server=_text(table["server"]),
        delay_ms=or_null(NUMBER).get(table["delay_ms"]),
        problem=_text(table["problem"]),
    )


def _put_claimed(claimed: Claimed) -> dict[str, Any]:
    return {
        "agent": claimed.agent,
        "role": claimed.role,
        "since_s": claimed.since_s,
        "seen": claimed.seen,
        "began": claimed.began,
    }


def _get_claimed(value: Any) -> Claimed:
    table = _table(value, "agent", "role", "since_s", "seen", "began")
    return Claimed(
        agent=_text(table["agent"]),
        role=Role(_text(table["role"])),
        since_s=or_null(NUMBER).get(table["since_s"]),
        seen=_moment(table["seen"]),
        began=_bool(table["began"]),
    )


TEXT = Kind("text", _same, _text)
COUNT = Kind("whole number from 0", _same, _at_least(0))
SEQ = Kind("whole number from 1", _same, _at_least(1))
NUMBER = Kind("number", _same, _number)
BOOL = Kind("true or false", _same, _bool)
SHA = Kind("SHA-256 in hex", _same, _sha)
TIME = Kind("time", _same, _time)
MOMENT = Kind("time", _same, _moment)
RECORD = Kind("record", _put_record, _get_record)
RRSET = Kind("RRset", _put_rrset, _get_rrset)
RECORDS = Kind("list of RRsets", _put_records, _get_records)
SHOWN = Kind("server", _put_shown, _get_shown)
CLAIMED = Kind("claim", _put_claimed, _get_claimed)
