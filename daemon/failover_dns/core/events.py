"""The change log's schema: the fields of each event's lines, by which they are written, read and documented."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from failover_dns.core.columns import (
    BOOL,
    CLAIMED,
    COUNT,
    MOMENT,
    NUMBER,
    RECORD,
    RECORDS,
    RRSET,
    SEQ,
    SHA,
    SHOWN,
    TEXT,
    TIME,
    Column,
    or_null,
    several,
    word,
)
from failover_dns.core.decide import Reason
from failover_dns.core.entries import (
    Cause,
    Converged,
    Entry,
    Frozen,
    Held,
    Intent,
    Peer,
    Released,
    Repaired,
    Result,
    Thawed,
)
from failover_dns.core.model import Change
from failover_dns.core.outcome import Said, Verdict

VERSION = 1

_PAIR = Column("pair", TEXT, "name of the pair in the configuration")
_TRANSACTION = Column("transaction", TEXT, "shared by the intents that one plan led to, and their outcomes")
_FORGOTTEN_AT = Column("forgotten_at", or_null(MOMENT), "when the last cache forgets the old answer, or null")
_BY = Column("by", TEXT, "who asked for it, as account@host")

EVENTS: Mapping[str, tuple[Column, ...]] = {
    "intent": (
        _PAIR,
        _TRANSACTION,
        Column(
            "cause",
            word(Cause),
            "what DNS differed through: a switch, drift though nobody switched, a start, or that nobody is "
            "online any more",
        ),
        Column(
            "wake",
            TEXT,
            "what made the daemon look: `start`, `source`, `look`, `audit`, `notify`, `resync`, `retry` or `settled`",
        ),
        Column("reason", word(Reason), "what the decision stood on"),
        Column("online", TEXT, "the agent that DNS is to show as online"),
        Column("writer", TEXT, "the daemon or command that writes, as host/process"),
        Column("zone", TEXT, "the zone that is updated"),
        Column("primary", TEXT, "the server that the update goes to, as host#port"),
        Column("key", TEXT, "name of the key that signs the update; empty if it has none"),
        Column(
            "before",
            several(RRSET),
            "the records as they were read; the update's prerequisites",
            "change.before",
        ),
        Column("removes", several(RECORD), "the records to remove", "change.removes"),
        Column("adds", several(RECORD), "the records to add", "change.adds"),
        Column("ttl_s", COUNT, "TTL of the records to add, in seconds", "change.ttl_s"),
        Column("fence", TEXT, "the fence that the change stands under; empty if there is none", absent=""),
        Column("claims", several(CLAIMED), "what the agents had claimed, as this daemon saw it", absent=()),
    ),
    "outcome": (
        _PAIR,
        _TRANSACTION,
        Column("zone", TEXT, "the zone that was updated"),
        Column("intent", SEQ, "`seq` of the intent that this closes"),
        Column("verdict", word(Verdict), "what became of the update, after reading back"),
        Column("said", word(Said), "what the primary's answer said, believed or not"),
        Column("rcode", or_null(TEXT), "the answer's response code; null if there was none"),
        Column("what", TEXT, "what went wrong; empty if nothing did"),
        Column("cure", TEXT, "what an operator can do about it; may be empty"),
        Column(
            "after",
            or_null(RECORDS),
            "the records that are changed, as read back; null if that failed",
        ),
        Column(
            "took_ms",
            or_null(NUMBER),
            "milliseconds from the wake-up to the verified read-back; null if not known",
        ),
        Column("recovered", BOOL, "true if the intent was left open and closed later by reading DNS"),
        _FORGOTTEN_AT,
    ),
    "converged": (
        _PAIR,
        _TRANSACTION,
        Column("zone", TEXT, "the zone that was updated"),
        Column("intent", SEQ, "`seq` of the intent whose change this is about"),
        Column(
            "servers",
            several(SHOWN),
            "each server of the zone, and the milliseconds from the wake-up until it showed the change",
        ),
        _FORGOTTEN_AT,
    ),
    "peer": (
        _PAIR,
        Column("epoch", SEQ, "the other daemon's fence: its epoch, newer than what this daemon stands for"),
        Column("online", TEXT, "the agent that it calls online; empty if that was withdrawn"),
        Column("writer", TEXT, "the daemon that wrote it"),
        Column("decided", MOMENT, "when it was decided, by that daemon's clock"),
        Column("stands_for", TEXT, "the agent that this daemon's own decision names; empty if it holds"),
        Column("agrees", BOOL, "true if that does not go against this daemon's own decision"),
    ),
    "held": (
        _PAIR,
        Column("reason", word(Reason), "what the move was held by: `damped` or `superseded`"),
        Column("to", TEXT, "the agent that DNS would have shown as online"),
        Column("penalty", NUMBER, "the pair's penalty for its moves at that time"),
        Column("until", or_null(MOMENT), "when time alone ends the hold, or null"),
    ),
    "released": (
        _PAIR,
        _BY,
        Column("penalty", NUMBER, "the pair's penalty until then"),
    ),
    "frozen": (
        _PAIR,
        _BY,
        Column("reason", TEXT, "why, in their words"),
        Column("until", or_null(MOMENT), "when it ends by itself; null if only `thaw` ends it"),
    ),
    "thawed": (
        _PAIR,
        _BY,
        Column("reason", TEXT, "why, in their words; may be empty"),
    ),
    "repaired": (
        Column("cut_bytes", COUNT, "how many bytes of a torn last line were cut off"),
        Column("cut_sha256", SHA, "of the bytes that were cut off"),
    ),
}
"""The fields of each event, between head and tail, in their order."""

HEAD = (
    Column("v", SEQ, "version of this schema: 1"),
    Column("seq", SEQ, "sequence number of the line; grows by one"),
    Column("time", TIME, "when the line was handed to the log, by this machine's clock"),
    Column("event", TEXT, f"what the line records: {', '.join(f'`{event}`' for event in EVENTS)}"),
)
"""The fields that every line begins with."""

TAIL = (Column("prev", SHA, "of the line before, without its newline; 64 zeros in the very first line"),)
"""The field that every line ends with."""

_ENTRIES: Mapping[str, type[Entry]] = {
    "intent": Intent,
    "outcome": Result,
    "converged": Converged,
    "peer": Peer,
    "held": Held,
    "released": Released,
    "frozen": Frozen,
    "thawed": Thawed,
    "repaired": Repaired,
}
_NAMES: Mapping[type[Entry], str] = {entry: event for event, entry in _ENTRIES.items()}


def event_of(entry: Entry) -> str:
    """Return the name of the entry's event."""
    return _NAMES[type(entry)]


def build(event: str, values: dict[str, Any]) -> Entry:
    """Return the entry of a known event whose fields have these values."""
    if event != "intent":
        return _ENTRIES[event](**values)
    change = {field.name: values[field.name] for field in fields(Change)}
    own = {field.name: values[field.name] for field in fields(Intent) if field.name != "change"}
    return Intent(**own, change=Change(**change))
