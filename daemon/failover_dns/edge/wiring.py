"""A configuration becomes the objects that do the work, opened together and closed together."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from failover_dns.conduct.converge import Convergence
from failover_dns.conduct.discover import Finder, Mnames, ZoneBook
from failover_dns.conduct.fencing import Fencing, Insist
from failover_dns.conduct.propose import Proposer
from failover_dns.conduct.reconcile import Reconciler
from failover_dns.conduct.restraint import Restraint
from failover_dns.conduct.signing import Shared
from failover_dns.conduct.transaction import LOCK_S, Follow, Transactions
from failover_dns.conduct.zone import Zone
from failover_dns.core.changelog import Converged
from failover_dns.core.errors import JournalError
from failover_dns.core.model import Pair
from failover_dns.core.recall import NOTHING, recall
from failover_dns.core.returns import Returns
from failover_dns.edge import adapters
from failover_dns.edge.servers import Servers
from failover_dns.edge.settings.choice import chosen
from failover_dns.edge.settings.keys import TsigKey
from failover_dns.edge.settings.loaded import Loaded
from failover_dns.edge.settings.values import Server
from failover_dns.effects import clock
from failover_dns.effects.changelog import ChangeLog, Moved, last_moves, open_intents, recent_switches
from failover_dns.effects.lane import Lane
from failover_dns.effects.lock import StateLock
from failover_dns.effects.orders import OrdersFile
from failover_dns.wire.keys import tsig_key

__all__ = ["Works", "chosen", "previews", "works", "writer"]

LOCK_NAME = "lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Works:
    """What a configuration was made into."""

    proposers: tuple[Proposer, ...]
    reconcilers: tuple[Reconciler, ...]
    transactions: Transactions


@asynccontextmanager
async def previews(loaded: Loaded) -> AsyncIterator[tuple[Proposer, ...]]:
    """Open what it takes to look, decide, read and plan; none of it can change anything.

    What the change log remembers is taken in as far as it can be read.
    """
    moves: Mapping[str, Moved] = {}
    with suppress(JournalError):
        moves = last_moves(loaded.state_dir, {pair.name for pair in loaded.pairs})
    async with AsyncExitStack() as stack:
        yield await _proposers(loaded, stack, moves, Insist())


async def _proposers(
    loaded: Loaded, stack: AsyncExitStack, moves: Mapping[str, Moved], insist: Insist
) -> tuple[Proposer, ...]:
    zones = await _zones(loaded, Servers(stack))
    sources = await stack.enter_async_context(adapters.opened(loaded))

    def proposer(pair: Pair) -> Proposer:
        moved = moves.get(pair.name)
        last = recall(moved.intent.claims, moved.intent.fence, now=clock.now()) if moved else NOTHING
        return Proposer(
            pair,
            sources(pair.name),
            zones,
            clock=clock.now,
            max_changes=loaded.max_changes,
            fencing=Fencing(pair, loaded.writer, known=last.known, insist=insist) if pair.fence else None,
            memory=last.memory,
        )

    return tuple(proposer(pair) for pair in loaded.pairs)


@asynccontextmanager
async def works(
    loaded: Loaded,
    *,
    converged: Callable[[Converged], None] | None = None,
    insist: Insist | None = None,
) -> AsyncIterator[Works]:
    """Open everything that it takes to change DNS; `converged` is told when a zone's servers show a change.

    Without `converged` nobody waits for them. Raises JournalError if the change log cannot be opened,
    LockBusyError if another process keeps the lock.
    """
    async with AsyncExitStack() as stack:
        transactions = await _transactions(loaded, stack, converged)
        moves = last_moves(loaded.state_dir, {pair.name for pair in loaded.pairs})
        proposers = await _proposers(loaded, stack, moves, insist or Insist())
        restraints = _restraints(loaded, moves)
        yield Works(
            proposers=proposers,
            reconcilers=tuple(
                Reconciler(
                    proposer,
                    transactions,
                    clock=clock.now,
                    rng=random.Random(),  # noqa: S311 - spreads timers, guards no secret
                    last_online=moves[name].online if (name := proposer.pair.name) in moves else None,
                    returns=Returns(limit=loaded.drift.limit, window_s=loaded.drift.window_s),
                    restraint=restraints(proposer.pair.name),
                )
                for proposer in proposers
            ),
            transactions=transactions,
        )


def _restraints(loaded: Loaded, moves: Mapping[str, Moved]) -> Callable[[str], Restraint]:
    """Return who makes a pair's restraint, with the switches that the change log remembers."""
    orders = OrdersFile(loaded.state_dir)
    now = clock.now()
    memory_s = loaded.damping.memory_s if loaded.damping else 0.0
    names = {pair.name for pair in loaded.pairs}
    switches = recent_switches(loaded.state_dir, names, since_s=now.wall_s - memory_s) if memory_s else {}

    def restraint(pair: str) -> Restraint:
        return Restraint(
            pair,
            clock=clock.now,
            damping=loaded.damping,
            switches=switches.get(pair, ()),
            published=moves[pair].online if pair in moves else None,
            orders=orders.read,
        )

    return restraint


async def _zones(loaded: Loaded, servers: Servers) -> ZoneBook:
    discovery = loaded.discovery
    finder = mnames = None
    if discovery is not None or not all(zone.primaries for zone in loaded.zones):
        finder = Finder(await servers.resolvers(loaded), clock=clock.now)
        mnames = Mnames(finder, servers.connect)

    def opened(name: str, key: TsigKey, primaries: Iterable[Server] = ()) -> Zone:
        return Zone(
            name,
            [servers.connect(str(server.host), server.port) for server in primaries],
            Shared(tsig_key(key.name, key.secret.get_secret_value(), key.algorithm)),
            deadline_s=loaded.timings.deadline_s,
            locator=mnames,
        )

    configured = {zone.name: opened(zone.name, zone.key, zone.primaries) for zone in loaded.zones}
    if discovery is None:
        return ZoneBook(configured)
    return ZoneBook(configured, finder, lambda name: opened(name, discovery))


async def _transactions(
    loaded: Loaded, stack: AsyncExitStack, converged: Callable[[Converged], None] | None
) -> Transactions:
    lane = Lane("change log")
    stack.callback(lane.close)
    lock = StateLock(loaded.state_dir / LOCK_NAME)
    async with lock.held(deadline_s=LOCK_S):
        log = await stack.enter_async_context(ChangeLog(loaded.state_dir, clock=clock.now, run=lane.run))
        waiting = open_intents(loaded.state_dir)
    following = _Following(loaded, Servers(stack)) if converged else None
    transactions = Transactions(
        log,
        lock,
        clock=clock.now,
        writer=writer(),
        open_intents=waiting,
        follow=following,
        tell=converged or (lambda _: None),
    )
    stack.push_async_callback(transactions.close)
    return transactions


class _Following:
    """Who asks each zone's servers for a change; made when a zone is first changed."""

    def __init__(self, loaded: Loaded, servers: Servers) -> None:
        self._zones = {zone.name: zone for zone in loaded.zones}
        self._deadline_s = loaded.timings.converge_s
        self._servers = servers
        self._made: dict[str, Follow] = {}

    def __call__(self, zone: str) -> Follow:
        if zone not in self._made:
            configured = self._zones.get(zone)
            named = (
                [self._servers.connect(str(s.host), s.port) for s in configured.secondaries]
                if configured
                else []
            )
            self._made[zone] = Convergence(
                {str(server): server for server in named},
                lambda name: self._servers.connect(name.rstrip(".")),
                clock=clock.now,
                deadline_s=self._deadline_s,
                watch_ns=configured.watch_ns if configured else True,
            ).follow
        return self._made[zone]


def writer() -> str:
    """Return how this daemon signs its intents: host and process."""
    return f"{socket.gethostname().lower()}/{os.getpid()}"
