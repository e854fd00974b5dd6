"""Orders without a daemon to ask: the change log and the orders are written by the command itself."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from failover_dns.conduct.transaction import LOCK_S
from failover_dns.edge.control.shapes import Ordered
from failover_dns.edge.ordering import Order, carry_out, freezing, releasing, thawing
from failover_dns.edge.penalties import penalties
from failover_dns.edge.settings.choice import chosen
from failover_dns.edge.settings.load import load
from failover_dns.edge.settings.loaded import Loaded
from failover_dns.edge.wiring import LOCK_NAME
from failover_dns.effects import clock
from failover_dns.effects.changelog import ChangeLog
from failover_dns.effects.lane import Lane
from failover_dns.effects.lock import StateLock
from failover_dns.effects.orders import OrdersFile


def order_here(arguments: argparse.Namespace, said: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Carry out the order that a command gives, and return what it came to for each pair."""
    loaded = chosen(load(arguments.config and Path(arguments.config), os.environ), arguments.pairs)
    found = asyncio.run(_carry_out(loaded, _order(arguments.command, loaded, said)))
    return [asdict(ordered) for ordered in found]


def _order(name: str, loaded: Loaded, said: Mapping[str, Any]) -> Order:
    pairs, by, now_s = [pair.name for pair in loaded.pairs], said["by"], clock.now().wall_s
    match name:
        case "freeze":
            return freezing(pairs, by=by, reason=said["reason"], now_s=now_s, for_s=said["for_s"])
        case "thaw":
            return thawing(pairs, by=by, reason=said["reason"], now_s=now_s)
        case _:
            return releasing(pairs, by=by, now_s=now_s, penalty=lambda: penalties(loaded))


async def _carry_out(loaded: Loaded, order: Order) -> tuple[Ordered, ...]:
    lane = Lane("change log")
    lock = StateLock(loaded.state_dir / LOCK_NAME)
    file = OrdersFile(loaded.state_dir)
    try:
        async with (
            lock.held(deadline_s=LOCK_S),
            ChangeLog(loaded.state_dir, clock=clock.now, run=lane.run) as log,
        ):
            return await carry_out(order, file=file, log=log, lock=lock, run=lane.run)
    finally:
        lane.close()
