"""`failover-dns plan` and `failover-dns resync`: the main path, once, for an operator."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from failover_dns.conduct.fencing import Insist
from failover_dns.conduct.walk import Wake, Walk, Why
from failover_dns.core.decide import Hold, Move, Reason
from failover_dns.core.outcome import Outcome
from failover_dns.edge import wiring
from failover_dns.edge.logs import describe
from failover_dns.edge.settings.load import load
from failover_dns.edge.settings.loaded import Loaded
from failover_dns.edge.words import OK, PENDING, WRONG
from failover_dns.effects import clock

MEANS = {
    Reason.SETTLING: "the decision must stand for settle_s first",
    Reason.SWITCHING: "a switch is under way, which may take minutes",
    Reason.BOTH_ONLINE: "both say ONLINE and neither claim is known to be newer: mend the source of the one "
    "that is not online",
    Reason.NOBODY_ONLINE: "no agent says ONLINE freshly: see what each source says",
    Reason.SUPERSEDED: "another daemon decided later, and nothing that this one sees has changed since; "
    "`failover-dns resync --supersede` decides by what this one sees all the same",
    Reason.DAMPED: "the pair switched too often; `failover-dns release` ends the hold",
}
"""What a reason to hold means to an operator, and what to do."""


def plan(arguments: argparse.Namespace) -> int:
    """Show what would change; 2 if anything would, 1 if it could not be found out."""
    walks = asyncio.run(_plan(_loaded(arguments)))
    _print(walks, as_json=arguments.json)
    if any(walk.problems for walk in walks):
        return WRONG
    return PENDING if any(walk.plan and walk.plan.changes for walk in walks) else OK


def resync(arguments: argparse.Namespace) -> int:
    """Walk the path now; 0 if DNS says what was decided, or was left alone on purpose."""
    insist = Insist(supersede=arguments.supersede, mend=arguments.mend_fence)
    walks = asyncio.run(_resync(_loaded(arguments), insist))
    _print(walks, as_json=arguments.json)
    return OK if all(walk.in_order for walk in walks) else WRONG


def _loaded(arguments: argparse.Namespace) -> Loaded:
    loaded = wiring.chosen(load(arguments.config and Path(arguments.config), os.environ), arguments.pairs)
    # An operator who asks now does not wait for a decision to settle.
    return replace(loaded, pairs=tuple(replace(pair, settle_s=0.0) for pair in loaded.pairs))


async def _plan(loaded: Loaded) -> Sequence[Walk]:
    async with wiring.previews(loaded) as paths:
        return await asyncio.gather(*(path.preview() for path in paths))


async def _resync(loaded: Loaded, insist: Insist) -> Sequence[Walk]:
    async with wiring.works(loaded, insist=insist) as works:
        wake = Wake(why=Why.RESYNC, at=clock.now())
        return await asyncio.gather(*(reconciler.walk(wake) for reconciler in works.reconcilers))


def _print(walks: Iterable[Walk], *, as_json: bool) -> None:
    for walk in walks:
        text = json.dumps(_document(walk)) if as_json else "\n".join(_lines(walk))
        print(text)  # noqa: T201 - a command's output


def _lines(walk: Walk) -> Iterable[str]:
    yield f"pair {walk.pair}: {decided(walk)}"
    for agent, seen in walk.seen.items():
        yield f"  {agent}  {seen.role}  {seen.source}: {seen.reason}"
    if walk.frozen is not None:
        yield f"  frozen by {walk.frozen.by} ({walk.frozen.reason}): nothing is carried out"
    if walk.fence is not None:
        yield f"  fence: {walk.fence}"
    for change in walk.plan.changes if walk.plan else ():
        outcome = walk.outcomes.get(change.zone)
        yield f"  zone {change.zone}  {_became(outcome)}"
        yield from (f"    {text}" for text in describe(change))
    if walk.plan and not walk.plan.changes and not walk.problems:
        yield "  DNS says so already"
    for record in walk.plan.foreign if walk.plan else ():
        yield f"  foreign, left alone: {record}"
    for refusal in walk.refusals:
        yield f"  withheld: {refusal.what}; {refusal.cure}"
    for problem in walk.problems:
        yield f"  problem: {problem}"


def decided(walk: Walk) -> str:
    """Say in a sentence what was decided."""
    match walk.decision:
        case Move(to=to, reason=reason):
            return f"{to} is online ({reason})"
        case Hold(reason=reason, agents=agents):
            return f"held, DNS stays as it is ({reason}: {', '.join(agents)}); {MEANS[reason]}"


def _became(outcome: Outcome | None) -> str:
    if outcome is None:
        return "to do"
    return str(outcome.verdict) + "".join(f": {text}" for text in (outcome.what, outcome.cure) if text)


def decision_document(walk: Walk) -> dict[str, Any]:
    """Return what was seen and decided, for programs."""
    decision = walk.decision
    return {
        "pair": walk.pair,
        "decision": "move" if isinstance(decision, Move) else "hold",
        "reason": decision.reason,
        "online": decision.to if isinstance(decision, Move) else None,
        "agents": {
            agent: {"role": seen.role, "source": seen.source, "reason": seen.reason, "since_s": seen.since_s}
            for agent, seen in walk.seen.items()
        },
    }


def _document(walk: Walk) -> dict[str, Any]:
    return {
        **decision_document(walk),
        "changes": [
            {
                "zone": change.zone,
                "removes": [str(record) for record in change.removes],
                "adds": [str(record) for record in change.adds],
                "verdict": _verdict(walk.outcomes.get(change.zone)),
            }
            for change in (walk.plan.changes if walk.plan else ())
        ],
        "foreign": [str(record) for record in (walk.plan.foreign if walk.plan else ())],
        "withheld": [{"reason": r.reason, "what": r.what, "cure": r.cure} for r in walk.refusals],
        "problems": [str(problem) for problem in walk.problems],
        "in_order": walk.in_order,
    }


def _verdict(outcome: Outcome | None) -> dict[str, Any] | None:
    if outcome is None:
        return None
    return {
        "verdict": outcome.verdict,
        "rcode": outcome.answer.rcode,
        "what": outcome.what,
        "cure": outcome.cure,
    }
