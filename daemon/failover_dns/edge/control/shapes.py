"""What the control channel answers, as values; the documents of `docs/openapi.json` are made from them.

Times are RFC 3339, ages are seconds. Names are as in the configuration and in DNS.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal


def encoded(value: Any) -> bytes:
    """Return one of these as JSON; with a thousand pairs that takes a tenth of a second."""
    return json.dumps(asdict(value)).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What is wrong, and what to do."""

    what: str
    cure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """That the daemon lives, or is ready."""

    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What was last read of an agent's role, how old that is, and since when the role holds, if it is known."""

    agent: str
    role: str
    source: str
    reason: str
    age_s: float
    since: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The pair's records in a zone, as they were last read or made; why they are not known, if they are not."""

    zone: str
    records: tuple[str, ...]
    problem: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LastChange:
    """The pair's last transaction: when, why, the agent it was for, what became of it in each zone.

    `took_ms` is from the wake-up to the last read-back, null if it is not known.
    """

    at: str
    cause: str | None
    online: str
    zones: Mapping[str, str]
    took_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """Who froze the pair, why, since when and until when (null: until it is thawed)."""

    by: str
    reason: str
    since: str
    until: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PairStatus:
    """One pair as it is now.

    `online` is the agent that was decided for, null while the pair is held; `since` is when that agent's claim
    began, as its source or this daemon saw it. `in_order` says that DNS is as decided. Before the first look at
    the pair `decision` is `none`.
    """

    pair: str
    decision: Literal["none", "move", "hold"]
    reason: str | None
    online: str | None
    since: str | None
    in_order: bool
    agents: tuple[Source, ...]
    dns: tuple[Shown, ...]
    last_change: LastChange | None
    wrong: tuple[Trouble, ...]
    frozen: Freeze | None
    fence: str | None
    penalty: float
    in_flight: int
    looked_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """The daemon that answers."""

    version: str
    writer: str
    pid: int
    started: str
    ready: bool
    state_dir: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The daemon and all its pairs."""

    daemon: Daemon
    pairs: tuple[PairStatus, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Lines of the change log, newest first, as they are; `next` is the `before` of the next page, null at the end.

    A page may hold fewer lines than asked for, or none, and still have a next one.
    """

    lines: tuple[dict[str, Any], ...]
    next: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a source said of an agent, and since when (seconds since 1970)."""

    role: str
    source: str
    reason: str
    since_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a change."""

    verdict: str
    rcode: str | None
    what: str
    cure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneChange:
    """The change of one zone; no verdict if it was not sent, or its outcome is not there yet."""

    zone: str
    removes: tuple[str, ...]
    adds: tuple[str, ...]
    verdict: Verdict | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """A change that was refused by this daemon itself."""

    reason: str
    what: str
    cure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """One look at a pair and what came of it; `about` are the agents that a hold is about.

    `planned` is false where nothing was read or planned.
    """

    pair: str
    decision: Literal["move", "hold"]
    reason: str
    online: str | None
    about: tuple[str, ...]
    agents: Mapping[str, Said]
    planned: bool
    changes: tuple[ZoneChange, ...]
    foreign: tuple[str, ...]
    withheld: tuple[Withheld, ...]
    problems: tuple[str, ...]
    in_order: bool
    frozen: Freeze | None
    fence: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """A pair whose look has not ended in time; the daemon goes on with it."""

    pair: str
    unfinished: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """What was ordered for a pair; `changed` is false if that made no difference."""

    pair: str
    order: Literal["freeze", "thaw", "release"]
    changed: bool
    by: str | None = None
    reason: str | None = None
    until: str | None = None
    penalty: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderedPairs:
    """What was ordered, for each of the pairs."""

    pairs: tuple[Ordered, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    """That the configuration was read anew."""

    reloaded: bool
