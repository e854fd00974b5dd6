"""A walk as a document, for programs and for what is told to people (`told`)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from failover_dns.conduct.walk import Walk
from failover_dns.core.decide import Move
from failover_dns.core.model import Change
from failover_dns.core.moment import rfc3339
from failover_dns.core.orders import Freeze
from failover_dns.core.outcome import Outcome
from failover_dns.edge.control import shapes


def document(walk: Walk) -> dict[str, Any]:
    """Return what was seen, decided and done."""
    return asdict(walked(walk))


def decision_document(walk: Walk) -> dict[str, Any]:
    """Return what was seen and decided alone."""
    names = ("pair", "decision", "reason", "online", "about", "agents")
    found = document(walk)
    return {name: found[name] for name in names}


def walked(walk: Walk) -> shapes.Walked:
    """Return what was seen, decided and done, as the control channel answers it."""
    decision, plan = walk.decision, walk.plan
    moves = isinstance(decision, Move)
    return shapes.Walked(
        pair=walk.pair,
        decision="move" if moves else "hold",
        reason=decision.reason,
        online=decision.to if isinstance(decision, Move) else None,
        about=() if isinstance(decision, Move) else decision.agents,
        agents={
            agent: shapes.Said(role=seen.role, source=seen.source, reason=seen.reason, since_s=seen.since_s)
            for agent, seen in sorted(walk.seen.items())
        },
        planned=plan is not None,
        changes=tuple(_change(change, walk.outcomes.get(change.zone)) for change in plan.changes)
        if plan
        else (),
        foreign=tuple(str(record) for record in plan.foreign) if plan else (),
        withheld=tuple(shapes.Withheld(reason=r.reason, what=r.what, cure=r.cure) for r in walk.refusals),
        problems=tuple(str(problem) for problem in walk.problems),
        in_order=walk.in_order,
        frozen=freeze(walk.frozen),
        fence=None if walk.fence is None else str(walk.fence),
    )


def freeze(found: Freeze | None) -> shapes.Freeze | None:
    """Return a freeze with its times as text."""
    if found is None:
        return None
    until = None if found.until_s is None else rfc3339(found.until_s)
    return shapes.Freeze(by=found.by, reason=found.reason, since=rfc3339(found.since_s), until=until)


def _change(change: Change, outcome: Outcome | None) -> shapes.ZoneChange:
    return shapes.ZoneChange(
        zone=change.zone,
        removes=tuple(str(record) for record in change.removes),
        adds=tuple(str(record) for record in change.adds),
        verdict=None
        if outcome is None
        else shapes.Verdict(
            verdict=outcome.verdict, rcode=outcome.answer.rcode, what=outcome.what, cure=outcome.cure
        ),
    )
