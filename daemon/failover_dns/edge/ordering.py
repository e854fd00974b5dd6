"""Operators' orders carried out: a line in the change log first, then the orders that daemons read.

Commands do it for a daemon that does not run, and the daemon does it for those who ask over its control channel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from failover_dns.conduct.transaction import LOCK_S, Lock, Log
from failover_dns.core.changelog import Entry, Frozen, Released, Thawed, rfc3339
from failover_dns.core.orders import Freeze, Orders, Release, frozen
from failover_dns.edge.control.shapes import Ordered
from failover_dns.effects import Run
from failover_dns.effects.orders import OrdersFile

DISK_S = 10.0

Lines = Mapping[str, Entry]
"""The change log's line of each pair that an order makes a difference for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is ordered for some pairs, by whom, and what becomes of the orders so far."""

    name: Literal["freeze", "thaw", "release"]
    pairs: Sequence[str]
    change: Callable[[Orders], tuple[Orders, Lines]]


def freezing(pairs: Sequence[str], *, by: str, reason: str, now_s: float, for_s: float | None) -> Order:
    """Return the order to freeze `pairs`, whatever was ordered of that before; for ever without `for_s`."""
    until_s = None if for_s is None else now_s + for_s
    until = None if until_s is None else rfc3339(until_s)
    freeze = Freeze(by=by, reason=reason, since_s=now_s, until_s=until_s)
    lines = {pair: Frozen(pair=pair, by=by, reason=reason, until=until) for pair in pairs}
    return Order(name="freeze", pairs=pairs, change=lambda orders: (orders.freezing(pairs, freeze), lines))


def thawing(pairs: Sequence[str], *, by: str, reason: str, now_s: float) -> Order:
    """Return the order to thaw `pairs`; one that is not frozen is none the worse for it."""

    def change(orders: Orders) -> tuple[Orders, Lines]:
        thawed = [pair for pair in pairs if frozen(orders, pair, now_s)]
        return orders.thawing(pairs), {pair: Thawed(pair=pair, by=by, reason=reason) for pair in thawed}

    return Order(name="thaw", pairs=pairs, change=change)


def releasing(
    pairs: Sequence[str], *, by: str, now_s: float, penalty: Callable[[], Mapping[str, float]]
) -> Order:
    """Return the order to end the damping of `pairs`: their switches so far, their `penalty`, count no more."""

    def change(orders: Orders) -> tuple[Orders, Lines]:
        found = penalty()
        lines = {pair: Released(pair=pair, by=by, penalty=found.get(pair, 0.0)) for pair in pairs}
        return orders.releasing(pairs, Release(by=by, at_s=now_s)), lines

    return Order(name="release", pairs=pairs, change=change)


async def carry_out(order: Order, *, file: OrdersFile, log: Log, lock: Lock, run: Run) -> tuple[Ordered, ...]:
    """Have the order written down and in force; raises what the lock, the change log and the orders do."""
    async with lock.held(deadline_s=LOCK_S):
        orders, lines = order.change(await run(file.read, deadline_s=DISK_S))
        await log.append(*lines.values())
        await run(lambda: file.write(orders), deadline_s=DISK_S)
    return tuple(_ordered(order, pair, lines.get(pair)) for pair in order.pairs)


def _ordered(order: Order, pair: str, line: Entry | None) -> Ordered:
    said = {name: getattr(line, name) for name in ("by", "reason", "until", "penalty") if hasattr(line, name)}
    return Ordered(pair=pair, order=order.name, changed=line is not None, **said)
