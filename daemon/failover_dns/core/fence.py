"""Who decided last: one TXT record for a pair in every zone that it touches, and what may follow it.

Several daemons may look after one pair, and the authoritative server is their arbiter. A decision has an epoch.
Whoever decides otherwise takes the next one and writes it into every zone, each in the same message as that
zone's change and with the fence as it was read for a prerequisite. So a late message of an older decision is
refused by the server, also where the records have meanwhile moved back to what it expects.

A daemon whose own decision differs from the newest fence may go on only with evidence that is newer:

    the fence names      this daemon's decision stands if
    nobody, or no fence  always
    the same agent       always: it finishes that decision, under the same epoch
    the other agent      the claim it follows is newer than the fence, or
                         the agent that the fence names says OFFLINE, and began to after this daemon knew the fence
                             (or has since this daemon began, if the fence is older than that)

Otherwise it is superseded and holds until one of its own observations changes; so daemons that see different
halves of a network never take turns. A claim is newer if it began, by the clocks, later than the fence was decided
and by more than they may disagree; or if this daemon saw it begin after it knew the fence.

Who sees the agent that the fence names say OFFLINE, and nobody else online, withdraws the decision: the fence then
names nobody, no record moves, and whoever sees an agent online may take the next epoch. That is how DNS reaches the
survivor of a split brain, who himself has nothing new to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from failover_dns.core.decide import Claim, Decision, Hold, Move, Reason, Seen
from failover_dns.core.model import (
    Change,
    Instant,
    Key,
    Pair,
    Plan,
    Record,
    Records,
    Role,
    RRset,
    Type,
    Value,
    zone_of,
)
from failover_dns.core.moment import rfc3339, seconds
from failover_dns.core.plan import keys

LABEL = "_failover-dns"
NOBODY = "-"
MAX_TEXT = 255
"""A TXT record's string holds no more bytes (RFC 1035 3.3)."""

MAX_WRITER = 63
"""The longest name of a daemon: a label's length, since it is a host's name without more."""

_FORM = re.compile(
    r"failover-dns/1 epoch=([1-9]\d{0,17}) online=(\S+) writer=(\S+)(?: at=(\S+))? time=(\S+)", re.ASCII
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """A decision: its epoch, the agent that is to be online (empty: withdrawn), who decided, and when.

    `time_s` is in seconds since 1970, by the writer's clock, to the millisecond. `at` is the server that took the
    decision in this zone, where each of several takes updates and they replicate; it is no part of the decision.
    """

    epoch: int
    online: str
    writer: str
    time_s: float
    at: str = field(default="", compare=False)

    def __str__(self) -> str:
        at = f" at={self.at}" if self.at else ""
        head = f"failover-dns/1 epoch={self.epoch} online={self.online or NOBODY} writer={self.writer}"
        return f"{head}{at} time={rfc3339(self.time_s)}"

    def taken_at(self, server: str) -> Fence:
        """Return the fence as it is written at `server`, whose name is left out where there is no room for it."""
        named = replace(self, at=server)
        return named if len(str(named)) <= MAX_TEXT else replace(self, at="")

    @property
    def rank(self) -> tuple[int, str, str, float]:
        """The order of decisions; of two that took the same epoch in different zones, one is the later."""
        return (self.epoch, self.writer, self.online, self.time_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Damaged:
    """What stands in the fence's place and is none: its zone, the values, and what is wrong with them."""

    zone: str
    values: frozenset[Value]
    why: str


Found = Fence | Damaged | None
"""What stands in a zone where the fence belongs; None is proved absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The newest fence that this daemon knows of, and when it first did; its own, when it decided.

    `stood` is when this daemon began, if the fence was decided before that: it may have been read much later.
    """

    fence: Fence
    first_seen: Instant
    stood: Instant | None = None

    @property
    def stands_since(self) -> Instant:
        """Since when it stands at most, as far as this daemon can tell."""
        return self.stood or self.first_seen


def fence_key(pair: str, zone: str) -> Key:
    """Return where the pair's fence is in `zone`."""
    return Key(f"{LABEL}.{pair.lower()}.{zone}".replace("..", "."), Type.TXT)


def parse(text: str) -> Fence:
    """Return the fence that `text` says; ValueError for any text that is not written to the letter as one is."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r:.80} is no fence of this version")
    epoch, online, writer, at, time = match.groups()
    agent = "" if online == NOBODY else online
    return Fence(epoch=int(epoch), online=agent, writer=writer, time_s=seconds(time), at=at or "")


def fits(agent: str) -> bool:
    """Return whether every fence that names `agent` fits into one string of a TXT record."""
    longest = Fence(epoch=10**18 - 1, online=agent, writer="w" * MAX_WRITER, time_s=0.0)
    return len(str(longest)) <= MAX_TEXT


def find(pair: Pair, current: Records, zones: Iterable[str]) -> Mapping[str, Found]:
    """Return what stands in each of `zones` that was read."""
    read = ((zone, current.get(fence_key(pair.name, zone))) for zone in zones)
    return {zone: _found(pair, zone, rrset) for zone, rrset in read if rrset is not None}


def learn(
    known: Known | None,
    found: Iterable[Found],
    own: Iterable[Known],
    *,
    now: Instant,
    began: Instant | None = None,
) -> Known | None:
    """Return the newest fence known after a reading; `own` are those that this daemon itself may have written.

    What was known stays known though it was removed, or an older copy of a zone came back. `began` is given for the
    first reading since then.
    """
    fences = [fence for fence in found if isinstance(fence, Fence)]
    newest = max(fences, key=lambda fence: fence.rank, default=None)
    if newest is None or (known is not None and newest.rank <= known.fence.rank):
        return known
    stood = began if began is not None and newest.time_s <= began.wall_s else None
    learnt = Known(fence=newest, first_seen=now, stood=stood)
    return next((each for each in own if each.fence == newest), learnt)


def judge(pair: Pair, move: Move, seen: Seen, claims: Mapping[str, Claim], known: Known | None) -> Decision:
    """Return `move` if it stands against the newest fence, else that it is superseded."""
    if known is None or known.fence.online in {"", move.to}:
        return move
    named = known.fence.online
    if _newer(claims[move.to], known, pair.clock_tolerance_s) or _gone(pair, named, seen, claims, known):
        return move
    return Hold(reason=Reason.SUPERSEDED, agents=(named,))


def outdated(pair: Pair, seen: Seen, claims: Mapping[str, Claim], known: Known | None) -> bool:
    """Return whether the agent that the fence names denies it: then the decision may be withdrawn."""
    return (
        known is not None
        and bool(known.fence.online)
        and _gone(pair, known.fence.online, seen, claims, known)
    )


def target(to: str, writer: str, known: Known | None, own: Iterable[Known], *, now: Instant) -> Known:
    """Return the fence that the decision for `to` stands under; "" is nobody.

    A decision that is known already is finished under its own epoch; one that was proposed is proposed again as it
    was, so that a repeated message is the same message.
    """
    if known is not None and known.fence.online == to:
        return known
    epoch = known.fence.epoch + 1 if known is not None else 1
    fence = Fence(epoch=epoch, online=to, writer=writer, time_s=round(now.wall_s, 3))
    proposed = (each for each in own if (each.fence.online, each.fence.epoch) == (to, epoch))
    return next(proposed, Known(fence=fence, first_seen=now))


def elsewhere(found: Mapping[str, Found], servers: Mapping[str, str]) -> Mapping[str, Fence]:
    """Return, by zone, the fences that another of several servers took than the one they were read from.

    A prerequisite is compared by one server only: two daemons at two servers may both win.
    """
    return {
        zone: fence
        for zone, fence in found.items()
        if isinstance(fence, Fence) and fence.at and zone in servers and fence.at != servers[zone]
    }


def fenced(
    plan: Plan,
    pair: Pair,
    found: Mapping[str, Found],
    fence: Fence,
    servers: Mapping[str, str] | None = None,
) -> Plan:
    """Return the plan with each zone's fence: as it was read for a prerequisite, and `fence` in its place.

    `servers` has the name of the server that takes a zone's update, where that is to be said in the fence.
    A zone whose records need no change gets its fence alone. That what is no fence is not replaced unasked is the
    guard's matter.
    """
    changes = {change.zone: change for change in plan.changes}
    taken = {zone: fence.taken_at((servers or {}).get(zone, "")) for zone in found}
    every = (_fenced(changes.get(zone), pair, zone, found[zone], taken[zone]) for zone in sorted(found))
    return replace(plan, changes=tuple(change for change in every if change is not None))


def demanding(plan: Plan, pair: Pair, current: Records, zones: frozenset[str]) -> Plan:
    """Return the plan, where each fence moves only if all that was read of the pair in its zone still is so.

    RRsets are read one by one: what another daemon changed in between must not go by under a newer fence. `zones` are
    all that were read.
    """
    return replace(plan, changes=tuple(_demanding(change, pair, current, zones) for change in plan.changes))


def _found(pair: Pair, zone: str, rrset: RRset) -> Found:
    if not rrset.values:
        return None
    damaged = Damaged(zone=zone, values=rrset.values, why="there are several TXT records")
    if len(rrset.values) > 1:
        return damaged
    try:
        fence = parse(str(next(iter(rrset.values))))
    except ValueError as error:
        return replace(damaged, why=str(error))
    if fence.online and fence.online not in {agent.name for agent in pair.agents}:
        return replace(damaged, why=f"it names {fence.online}, which is no agent of pair {pair.name}")
    return fence


def _fenced(change: Change | None, pair: Pair, zone: str, found: Found, fence: Fence) -> Change | None:
    if change is None and found == fence:
        return None
    key = fence_key(pair.name, zone)
    values = _values(found)
    bare = change or Change(zone=zone, before=(), ttl_s=pair.ttl_s)
    stays = found == fence
    return replace(
        bare,
        before=tuple(sorted((RRset(key=key, values=values), *bare.before), key=lambda rrset: rrset.key)),
        removes=bare.removes
        if stays
        else (*(Record(key, value) for value in sorted(values, key=str)), *bare.removes),
        adds=bare.adds if stays else (Record(key, str(fence)), *bare.adds),
    )


def _demanding(change: Change, pair: Pair, current: Records, zones: frozenset[str]) -> Change:
    if not change.decides:
        return change
    lying = (key for key in keys(pair) if key in current and zone_of(key.name, zones) == change.zone)
    before = {**{key: current[key] for key in lying}, **{rrset.key: rrset for rrset in change.before}}
    return replace(change, before=tuple(before[key] for key in sorted(before)))


def _values(found: Found) -> frozenset[Value]:
    match found:
        case None:
            return frozenset()
        case Damaged(values=values):
            return values
        case Fence():
            return frozenset({str(found)})
        case _:
            assert_never(found)


def _newer(claim: Claim, known: Known, tolerance_s: float) -> bool:
    if _later(claim, known.fence, tolerance_s):
        return True
    return claim.seen_to_begin and claim.first_seen.mono_s > known.first_seen.mono_s


def _gone(pair: Pair, named: str, seen: Seen, claims: Mapping[str, Claim], known: Known) -> bool:
    if named not in claims or seen[named].role is not Role.OFFLINE:
        return False
    claim = claims[named]
    if _later(claim, known.fence, pair.clock_tolerance_s):
        return True
    return claim.first_seen.mono_s >= known.stands_since.mono_s


def _later(claim: Claim, fence: Fence, tolerance_s: float) -> bool:
    """Whether the claim began later than the fence was decided, by more than the clocks may disagree."""
    seen_s = claim.first_seen.wall_s if claim.seen_to_begin else None
    began_s = seen_s if claim.since_s is None else claim.since_s
    return began_s is not None and began_s - fence.time_s > tolerance_s
