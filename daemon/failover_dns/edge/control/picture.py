"""A pair as it is now, with what is wrong and what to do: made from its last walk and its last change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from failover_dns.conduct.walk import Walk
from failover_dns.core.decide import Hold, Memory, Move, Reason
from failover_dns.core.model import Instant, Observation, Record, Role
from failover_dns.core.moment import rfc3339
from failover_dns.core.outcome import Verdict
from failover_dns.core.plan import zone_for
from failover_dns.core.returns import registrant
from failover_dns.edge.control.live import Change, Last, Live
from failover_dns.edge.control.shapes import LastChange, PairStatus, Shown, Source, Trouble
from failover_dns.edge.told import MEANS
from failover_dns.edge.walked import freeze

IN_PASSING = frozenset({Reason.SETTLING, Reason.SWITCHING})
"""Reasons to hold that are part of every switch, and nothing wrong."""

_ONE_ONLINE = "mend the source of the one that is not online"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What there is to say of a pair, gathered at one moment; nothing of it changes any more."""

    pair: str
    now: Instant
    last: Last | None
    change: Change | None
    memory: Memory
    penalty: float
    in_flight: int


def facts(live: Live, pair: str, *, now: Instant) -> Facts:
    """Return what there is to say of a pair; KeyError if there is none of that name."""
    reconciler = live.reconcilers[pair]
    return Facts(
        pair=pair,
        now=now,
        last=live.last(pair),
        change=live.change(pair),
        memory=reconciler.memory,
        penalty=round(reconciler.penalty, 3),
        in_flight=len(reconciler.in_flight),
    )


def picture(found: Facts) -> PairStatus:
    """Return a pair as it is; may be called beside the loop."""
    last, change, now = found.last, found.change, found.now
    decision = last.walk.decision if last else None
    online = decision.to if isinstance(decision, Move) else None
    return PairStatus(
        pair=found.pair,
        decision="none" if decision is None else "hold" if online is None else "move",
        reason=decision.reason if decision else None,
        online=online,
        since=_since(found.memory, online, last) if last and online else None,
        in_order=last.walk.in_order if last else False,
        agents=tuple(_source(seen, now) for _, seen in sorted(last.walk.seen.items())) if last else (),
        dns=tuple(_shown(last)) if last else (),
        last_change=_last_change(change) if change else None,
        wrong=tuple(_wrong(last.walk)) if last else (),
        frozen=freeze(last.walk.frozen) if last else None,
        fence=str(last.walk.fence) if last and last.walk.fence else None,
        penalty=found.penalty,
        in_flight=found.in_flight,
        looked_s=round(now.mono_s - last.at.mono_s, 3) if last else None,
    )


def _source(seen: Observation, now: Instant) -> Source:
    return Source(
        agent=seen.agent,
        role=seen.role,
        source=seen.source,
        reason=seen.reason,
        age_s=round(max(0.0, now.mono_s - seen.read.mono_s), 3),
        since=None if seen.since_s is None else rfc3339(seen.since_s),
    )


def _since(memory: Memory, agent: str, last: Last) -> str | None:
    """Return since when the agent claims its role: by its source's word, or since this daemon saw it begin."""
    seen, claim = last.walk.seen.get(agent), memory.claims.get(agent)
    if seen is not None and seen.since_s is not None:
        return rfc3339(seen.since_s)
    if claim is not None and claim.seen_to_begin:
        return rfc3339(claim.first_seen.wall_s)
    return None


def _shown(last: Last) -> Iterator[Shown]:
    """Yield what each zone has of the pair; foreign records of its names too."""
    if last.view is None or last.records is None:
        return
    zones = last.view.zones
    for zone in sorted(zones):
        records = sorted(
            (Record(key, value) for key, rrset in last.records.items() for value in rrset.values),
            key=lambda record: record.order,
        )
        unread = last.view.unread.get(zone)
        yield Shown(
            zone=zone,
            records=tuple(str(record) for record in records if zone_for(record.key.name, zones) == zone),
            problem=None if unread is None else str(unread),
        )


def _last_change(change: Change) -> LastChange:
    return LastChange(
        at=rfc3339(change.at_s),
        cause=change.cause,
        online=change.online,
        zones=dict(change.zones),
        took_ms=change.took_ms,
    )


def _wrong(walk: Walk) -> Iterator[Trouble]:
    """Yield what is wrong, the decision first."""
    match walk.decision:
        case Hold(reason=reason, agents=agents) if reason not in IN_PASSING:
            yield Trouble(what=f"held ({reason}: {', '.join(agents)})", cure=MEANS[reason])
        case Move(to=to, reason=Reason.NEWER_CLAIM):
            yield Trouble(what=f"both say ONLINE; {to} is the newer claim", cure=_ONE_ONLINE)
    for _, seen in sorted(walk.seen.items()):
        if seen.role is Role.UNKNOWN:
            what = f"{seen.agent} is UNKNOWN by {seen.source}"
            yield Trouble(what=what, cure=seen.reason or "look at its source")
    if walk.frozen is not None:
        what = f"frozen by {walk.frozen.by}: {walk.frozen.reason}"
        yield Trouble(what=what, cure=f"failover-dns thaw {walk.pair} ends the freeze")
    for refusal in walk.refusals:
        yield Trouble(what=refusal.what, cure=refusal.cure)
    for problem in walk.problems:
        yield Trouble(what=problem.what, cure=problem.cure)
    yield from _undone(walk)


def _undone(walk: Walk) -> Iterator[Trouble]:
    """Yield what was to be changed and was not, and what nobody here may change."""
    for zone, outcome in walk.outcomes.items():
        if outcome.verdict is not Verdict.APPLIED and not walk.in_order:
            yield Trouble(what=f"zone {zone}: {outcome.verdict}: {outcome.what}", cure=outcome.cure)
    if walk.returning:
        hosts = ", ".join(sorted({registrant(record) for record in walk.returning}))
        cure = "clear 'Register this connection's addresses in DNS' there"
        yield Trouble(what=f"records keep returning, registered by {hosts}", cure=cure)
    for record in walk.plan.foreign if walk.plan else ():
        yield Trouble(what=f"a foreign pointer: {record}", cure="remove it by hand if it is stale")
