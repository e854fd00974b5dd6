"""The last look at a plan before it is written down: what is unsafe is taken out, with reason and cure.

refusal          is taken out     because
NOT_OURS         the whole plan   a name or value is not the pair's: a mistake of ours, never to be sent
TOO_MANY         the whole plan   a pair has few records; more changes than the limit are a mistake
CNAME_IN_THE_WAY the zone         a server ignores an address beside a CNAME and answers NOERROR (RFC 2136
                                  3.4.2.2); half a switch is worse than none
LAST_ADDRESS     the one removal  the agent's name would be left without the address that is its own, or
                                  without any; everything else of the switch goes ahead
NO_FENCE         the zone         what stands in the fence's place is none, so that nobody knows who decided last
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from failover_dns.core.fence import Damaged, fence_key, find
from failover_dns.core.model import Change, Key, Pair, Plan, Record, Records, Type, address_type
from failover_dns.core.plan import wanted


class Refused(StrEnum):
    """Why a change is not sent; stable words for logs and the change log."""

    NOT_OURS = "not_ours"
    TOO_MANY = "too_many"
    CNAME_IN_THE_WAY = "cname_in_the_way"
    LAST_ADDRESS = "last_address"
    NO_FENCE = "no_fence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What was taken out of a plan and what an operator can do about it."""

    reason: Refused
    name: str
    what: str
    cure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """A plan that may be sent, and what was taken out of it."""

    plan: Plan
    refusals: tuple[Refusal, ...] = ()


def guard(plan: Plan, pair: Pair, current: Records, *, max_changes: int, mend: bool = False) -> Guarded:
    """Return what of `plan` is safe to send, given the records as they are.

    With `mend` what stands in the fence's place and is none may be replaced.
    """
    whole = _not_ours(plan, pair) or _too_many(plan, max_changes)
    if whole is not None:
        return Guarded(plan=replace(plan, changes=()), refusals=(whole,))
    kept: list[Change] = []
    refusals: list[Refusal] = []
    for change in plan.changes:
        hindered = (*_aliases(change, current), *([] if mend else _no_fence(change, pair, current)))
        if hindered:
            refusals.extend(hindered)
            continue
        last = _last_addresses(change, pair, current)
        refusals.extend(_last_address(record) for record in last)
        left = change.without(last)
        kept.extend([] if left is None else [left])
    return Guarded(plan=replace(plan, changes=tuple(kept)), refusals=tuple(refusals))


def _not_ours(plan: Plan, pair: Pair) -> Refusal | None:
    want = wanted(pair, plan.online)
    for change in plan.changes:
        fence = fence_key(pair.name, change.zone)
        for record in (*change.adds, *change.removes):
            ours = want.present if record in change.adds else want.absent
            if record not in ours and not (pair.fence and record.key == fence):
                return Refusal(
                    reason=Refused.NOT_OURS,
                    name=record.key.name,
                    what=f"the plan touches {record}, which is not a record of pair {pair.name}",
                    cure="this is a defect: report it with the change log; nothing was sent",
                )
    return None


def _too_many(plan: Plan, max_changes: int) -> Refusal | None:
    records = (record for change in plan.changes for record in (*change.adds, *change.removes))
    count = sum(record.key.type is not Type.TXT for record in records)
    if count <= max_changes:
        return None
    return Refusal(
        reason=Refused.TOO_MANY,
        name=plan.pair,
        what=f"the plan has {count} changes, more than max_changes = {max_changes}",
        cure="look at `failover-dns plan`; if it is right, raise max_changes",
    )


def _aliases(change: Change, current: Records) -> Iterator[Refusal]:
    for name in sorted({record.key.name for record in change.adds}):
        alias = current.get(Key(name, Type.CNAME))
        if alias is not None and alias.values:
            target = next(iter(alias.values))
            yield Refusal(
                reason=Refused.CNAME_IN_THE_WAY,
                name=name,
                what=f"{name} is a CNAME for {target}, and nothing can be added beside a CNAME",
                cure=f"remove the CNAME, or put {target} into the configuration instead of {name}",
            )


def _no_fence(change: Change, pair: Pair, current: Records) -> Iterator[Refusal]:
    key = fence_key(pair.name, change.zone)
    found = find(pair, current, [change.zone]).get(change.zone)
    if key in change.keys and isinstance(found, Damaged):
        values = ", ".join(sorted(map(str, found.values)))
        yield Refusal(
            reason=Refused.NO_FENCE,
            name=key.name,
            what=f"the TXT records at {key.name} are no fence of pair {pair.name}: {found.why} ({values:.200})",
            cure="if no other configuration uses this name, replace them: "
            f"failover-dns resync --mend-fence {pair.name}",
        )


def _last_addresses(change: Change, pair: Pair, current: Records) -> tuple[Record, ...]:
    """Return the removals that would take from an agent's name an address it should never be without."""
    after = {rrset.key: set(rrset.values) for rrset in current.values()}
    for record in change.adds:
        after[record.key].add(record.value)
    for record in change.removes:
        after[record.key].discard(record.value)
    agents = {agent.name: agent for agent in pair.agents}
    return tuple(
        record
        for record in change.removes
        if record.key.name in agents
        and not after[record.key]
        and (
            record.key.type in {address_type(own) for own in agents[record.key.name].addresses}
            or not any(after[Key(record.key.name, kind)] for kind in (Type.A, Type.AAAA))
        )
    )


def _last_address(record: Record) -> Refusal:
    return Refusal(
        reason=Refused.LAST_ADDRESS,
        name=record.key.name,
        what=f"removing {record} would leave {record.key.name} without its own {record.key.type} record",
        cure="set keep_physical = true for the pair, or add the agent's own address to DNS",
    )
