"""What the change log's lines record, as values: intents, their outcomes, and what else a pair went through.

Times within an entry are text as `moment.rfc3339` makes it; whatever else stands in their place raises ValueError.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from failover_dns.core.decide import Reason
from failover_dns.core.model import Change, Records, Role
from failover_dns.core.moment import seconds
from failover_dns.core.outcome import Said, Verdict


class Cause(StrEnum):
    """Why a change was needed."""

    SWITCH = "switch"
    DRIFT = "drift"
    START = "start"
    WITHDRAWAL = "withdrawal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """An agent's claim that a decision stood on: when this daemon first saw it, and whether it saw it begin.

    `since_s` is the source's own word, in seconds since 1970, or None where it does not say.
    """

    agent: str
    role: Role
    since_s: float | None
    seen: str
    began: bool

    def __post_init__(self) -> None:
        _require_moment(self.seen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What is about to be sent to one zone's primary; on the disk before it is sent.

    `fence` is the text of the fence that the change stands under, empty where the pair has none.
    """

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
    fence: str = ""
    claims: tuple[Claimed, ...] = ()

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
        _require_moment(self.forgotten_at)


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
        _require_moment(self.forgotten_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Another daemon's newer fence was seen: its epoch, the agent it calls online ("" if withdrawn), who and when.

    `stands_for` is the agent that this daemon's own decision names, empty if it holds; `agrees` says whether
    the other decision does not go against what this daemon sees.
    """

    pair: str
    epoch: int
    online: str
    writer: str
    decided: str
    stands_for: str
    agrees: bool

    def __post_init__(self) -> None:
        _require_moment(self.decided)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A move to agent `to` was held, by damping or because it is superseded; `until` is None if no time ends it."""

    pair: str
    reason: Reason
    to: str
    penalty: float
    until: str | None

    def __post_init__(self) -> None:
        _require_moment(self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """An operator ended a pair's damping; `penalty` is what it was until then."""

    pair: str
    by: str
    penalty: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """An operator wants a pair's DNS left alone; `until` is None if only an operator ends that."""

    pair: str
    by: str
    reason: str
    until: str | None

    def __post_init__(self) -> None:
        _require_moment(self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thawed:
    """An operator lets a frozen pair's DNS be changed again."""

    pair: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """A torn last line, which a crash left half written, was cut off at a start."""

    cut_bytes: int
    cut_sha256: str


Entry = Intent | Result | Converged | Peer | Held | Released | Frozen | Thawed | Repaired


def _require_moment(text: str | None) -> None:
    if text is not None:
        seconds(text)
