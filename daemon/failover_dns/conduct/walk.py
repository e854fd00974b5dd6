"""What wakes the main path, and what one walk of it saw, decided and did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from failover_dns.conduct.view import View
from failover_dns.core.changelog import Cause
from failover_dns.core.decide import Decision, Seen
from failover_dns.core.errors import FailoverDnsError
from failover_dns.core.fence import Fence
from failover_dns.core.guard import Refusal
from failover_dns.core.model import Change, Instant, Plan, Record
from failover_dns.core.orders import Freeze
from failover_dns.core.outcome import Outcome


class Why(StrEnum):
    """What woke the path. It carries no data: whatever it was, the path looks again."""

    START = "start"
    SOURCE = "source"
    LOOK = "look"
    AUDIT = "audit"
    NOTIFY = "notify"
    RESYNC = "resync"
    RETRY = "retry"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wake:
    """That something may have changed, and when it was noticed."""

    why: Why
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """One walk of the path, as far as it went.

    `plan` is what was to be done, guarded, as first planned; `made` are the changes whose outcome is there, and
    `outcomes` is the last one of each zone, of this walk's changes and of those an earlier one left in flight;
    `problems` are errors that kept a zone from being read or the change log from being written. `in_order` says
    that DNS was found or made to say what was decided, in every zone. `returning` are records that come back so
    often that their repair waits. `fence` is the newest that is known, `elsewhere` those that another server took;
    `frozen` says that an operator lets nothing be carried out. `again_in_s` is when time alone may change
    something.
    """

    pair: str
    seen: Seen
    decision: Decision
    view: View | None = None
    plan: Plan | None = None
    refusals: tuple[Refusal, ...] = ()
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    made: tuple[Change, ...] = ()
    returning: tuple[Record, ...] = ()
    problems: tuple[FailoverDnsError, ...] = ()
    cause: Cause | None = None
    again_in_s: float | None = None
    in_order: bool = False
    fence: Fence | None = None
    frozen: Freeze | None = None
    elsewhere: Mapping[str, Fence] = field(default_factory=dict)
