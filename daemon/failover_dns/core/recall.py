"""What a restart must not forget, from the change log's last applied intent: claims, their order, and the fence.

A crashed agent's file says ONLINE for ever. Whoever starts anew and takes such a claim for a fresh one would follow
it; so claims keep their place in the order of events, before the fence that was decided after them. What says
OFFLINE now counts as seen now.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from failover_dns.core.changelog import Claimed
from failover_dns.core.decide import Claim, Memory
from failover_dns.core.fence import Known, parse
from failover_dns.core.model import Instant, Role
from failover_dns.core.moment import rfc3339, seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """A pair's memory as it was when the change log's last applied intent was written."""

    memory: Memory
    known: Known | None


NOTHING = Recalled(memory=Memory(), known=None)
"""What a pair begins with that the change log does not know of."""


def claimed(memory: Memory) -> tuple[Claimed, ...]:
    """Return the claims as an intent records them, sorted by agent."""
    return tuple(
        Claimed(
            agent=agent,
            role=claim.role,
            since_s=claim.since_s,
            seen=rfc3339(claim.first_seen.wall_s),
            began=claim.seen_to_begin,
        )
        for agent, claim in sorted(memory.claims.items())
    )


def recall(claims: Iterable[Claimed], fence: str, *, now: Instant) -> Recalled:
    """Return what an intent with these claims and this fence leaves behind, on the clocks of `now`.

    A fence that this version cannot read counts as none.
    """
    found = {each.agent: _claim(each, now) for each in claims}
    decided = max((claim.first_seen for claim in found.values()), key=lambda at: at.mono_s, default=now)
    return Recalled(
        memory=Memory(claims={agent: _as_of_now(claim, now) for agent, claim in found.items()}),
        known=_known(fence, decided),
    )


def _claim(each: Claimed, now: Instant) -> Claim:
    return Claim(
        role=each.role, first_seen=_then(each.seen, now), seen_to_begin=each.began, since_s=each.since_s
    )


def _then(text: str, now: Instant) -> Instant:
    """Return a moment of the log on the clocks of `now`; never later, whatever the wall clock did meanwhile."""
    wall_s = min(seconds(text), now.wall_s)
    return Instant(mono_s=now.mono_s - (now.wall_s - wall_s), wall_s=wall_s)


def _as_of_now(claim: Claim, now: Instant) -> Claim:
    if claim.role is Role.ONLINE:
        return claim
    return Claim(role=claim.role, first_seen=now, seen_to_begin=claim.seen_to_begin, since_s=claim.since_s)


def _known(fence: str, decided: Instant) -> Known | None:
    try:
        return Known(fence=parse(fence), first_seen=decided)
    except ValueError:
        return None
