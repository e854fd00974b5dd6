"""Observations and memory become a decision for one pair.

A pair moves only to an agent that itself says, freshly, that it is ONLINE. Silence, an unknown word or a
stale file is UNKNOWN, and UNKNOWN never moves or removes anything:

    one agent   the other            decision
    ONLINE      OFFLINE or UNKNOWN   Move to the first
    ONLINE      SWITCHING            Hold: a switch is in progress
    ONLINE      ONLINE               Move to the newer claim if the order is known, else Hold; always an alert
    anything else                    Hold: nobody is online

A decision to move must then stand for `settle_s` before it acts.

The order of two claims is known in two ways. Sources may say since when a role holds: those times decide when
they lie further apart than the clocks may disagree. Otherwise the order in which this daemon saw the claims
begin decides: a claim that was seen to begin is newer than one that stood already. A claim outlives UNKNOWN,
since an agent that could not be read for a while has not thereby claimed anything anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from failover_dns.core.model import BothOnline, Instant, Observation, Pair, Role

Seen = Mapping[str, Observation]
"""The last observation of each agent of a pair, by the agent's name."""


class Reason(StrEnum):
    """Why a decision is what it is; stable words for logs and the change log."""

    OTHER_OFFLINE = "other_offline"
    OTHER_UNKNOWN = "other_unknown"
    NEWER_CLAIM = "newer_claim"
    SETTLING = "settling"
    SWITCHING = "switching"
    BOTH_ONLINE = "both_online"
    NOBODY_ONLINE = "nobody_online"
    SUPERSEDED = "superseded"
    DAMPED = "damped"

    @property
    def alerts(self) -> bool:
        """Whether a person should look at the pair, whatever was decided."""
        return self in {Reason.NEWER_CLAIM, Reason.BOTH_ONLINE, Reason.SUPERSEDED, Reason.DAMPED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """DNS is to say that agent `to` is online."""

    to: str
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """DNS stays as it is; `again_in_s` says when time alone may change that."""

    reason: Reason
    agents: tuple[str, ...] = ()
    again_in_s: float | None = None


Decision = Move | Hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A role as an agent has said it: when this daemon first saw it, and whether it saw it begin."""

    role: Role
    first_seen: Instant
    seen_to_begin: bool
    since_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What one pair's earlier observations leave behind: claims, and the move that waits to settle."""

    claims: Mapping[str, Claim] = field(default_factory=dict)
    standing: str | None = None
    standing_since: Instant | None = None


def remember(pair: Pair, memory: Memory, seen: Seen, *, now: Instant) -> Memory:
    """Return the memory after `seen`, one observation for each agent of the pair."""
    claims = dict(memory.claims)
    for agent, observation in seen.items():
        if observation.role is not Role.UNKNOWN:
            claims[agent] = _claim(claims.get(agent), observation, pair.clock_tolerance_s, now)
    found = _table(pair, seen, claims)
    standing = found.to if isinstance(found, Move) else None
    if standing is not None and standing == memory.standing:
        return Memory(claims=claims, standing=standing, standing_since=memory.standing_since)
    return Memory(claims=claims, standing=standing, standing_since=now if standing else None)


def decide(pair: Pair, seen: Seen, memory: Memory, *, now: Instant) -> Decision:
    """Return the decision for `seen`, already remembered in `memory`."""
    found = _table(pair, seen, memory.claims)
    if isinstance(found, Hold) or memory.standing_since is None:
        return found
    left_s = memory.standing_since.mono_s + pair.settle_s - now.mono_s
    if left_s > 0:
        return Hold(reason=Reason.SETTLING, agents=(found.to,), again_in_s=left_s)
    return found


def _claim(known: Claim | None, observation: Observation, tolerance_s: float, now: Instant) -> Claim:
    if known and known.role is observation.role and not _restated(known, observation, tolerance_s):
        return known if known.since_s is not None else replace(known, since_s=observation.since_s)
    return Claim(
        role=observation.role,
        first_seen=now,
        seen_to_begin=known is not None,
        since_s=observation.since_s,
    )


def _restated(known: Claim, observation: Observation, tolerance_s: float) -> bool:
    """Whether the source itself says that the same role began anew, by more than clocks may disagree."""
    if known.since_s is None or observation.since_s is None:
        return False
    return observation.since_s - known.since_s > tolerance_s


def _table(pair: Pair, seen: Seen, claims: Mapping[str, Claim]) -> Decision:
    online = [agent.name for agent in pair.agents if seen[agent.name].role is Role.ONLINE]
    match online:
        case [one]:
            return _one_online(one, seen[pair.other(one).name].role)
        case [first, second]:
            return _both_online(pair, first, second, claims)
        case _:
            return Hold(reason=Reason.NOBODY_ONLINE, agents=tuple(a.name for a in pair.agents))


def _one_online(online: str, other: Role) -> Decision:
    if other is Role.SWITCHING:
        return Hold(reason=Reason.SWITCHING, agents=(online,))
    return Move(to=online, reason=Reason.OTHER_OFFLINE if other is Role.OFFLINE else Reason.OTHER_UNKNOWN)


def _both_online(pair: Pair, first: str, second: str, claims: Mapping[str, Claim]) -> Decision:
    newer = _newer(claims[first], claims[second], pair.clock_tolerance_s)
    if newer is None or pair.both_online is BothOnline.HOLD:
        return Hold(reason=Reason.BOTH_ONLINE, agents=(first, second))
    return Move(to=first if newer is claims[first] else second, reason=Reason.NEWER_CLAIM)


def _newer(one: Claim, two: Claim, tolerance_s: float) -> Claim | None:
    if one.since_s is not None and two.since_s is not None and abs(one.since_s - two.since_s) > tolerance_s:
        return max(one, two, key=lambda claim: claim.since_s or 0.0)
    if one.first_seen.mono_s == two.first_seen.mono_s:
        return None
    later = max(one, two, key=lambda claim: claim.first_seen.mono_s)
    return later if later.seen_to_begin else None
