"""A configuration becomes the objects that do the work, opened together and closed together."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace

from failover_dns.conduct.converge import Convergence
from failover_dns.conduct.discover import Finder, Mnames, ZoneBook
from failover_dns.conduct.fencing import Fencing, Insist
from failover_dns.conduct.propose import Proposer
from failover_dns.conduct.reconcile import Reconciler
from failover_dns.conduct.remembered import Remembered
from failover_dns.conduct.restraint import Restraint
from failover_dns.conduct.transaction import LOCK_S, Follow, Log, Transactions
from failover_dns.conduct.zone import Zone
from failover_dns.core.errors import JournalError
from failover_dns.core.model import Pair
from failover_dns.core.recall import NOTHING, recall
from failover_dns.core.returns import Returns
from failover_dns.edge import adapters
from failover_dns.edge.control.hearing import Heard
from failover_dns.edge.outlets import Outlets, nobody
from failover_dns.edge.servers import Servers
from failover_dns.edge.settings.choice import chosen
from failover_dns.edge.settings.loaded import Loaded, Signer
from failover_dns.edge.settings.values import Server
from failover_dns.edge.signers import Signers
from failover_dns.effects import clock
from failover_dns.effects.changelog import ChangeLog, Moved, last_moves, open_intents, recent_switches
from failover_dns.effects.lane import Lane
from failover_dns.effects.lock import StateLock
from failover_dns.effects.orders import OrdersFile

__all__ = ["Works", "chosen", "previews", "works", "writer"]

LOCK_NAME = "lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """The change log that all changes go into, as those write to it who hear of it too, and the lock for that."""

    log: Log
    lock: StateLock
    file: ChangeLog


@dataclass(frozen=True, slots=True, kw_only=True)
class Works:
    """What a configuration was made into; `moves` is what the change log remembered of the pairs."""

    proposers: tuple[Proposer, ...]
    reconcilers: tuple[Reconciler, ...]
    transactions: Transactions
    journal: Journal
    moves: Mapping[str, Moved]


@asynccontextmanager
async def previews(loaded: Loaded) -> AsyncIterator[tuple[Proposer, ...]]:
    """Open what it takes to look, decide, read and plan; none of it can change anything.

    What the change log remembers is taken in as far as it can be read.
    """
    moves: Mapping[str, Moved] = {}
    with suppress(JournalError):
        moves = last_moves(loaded.state_dir, {pair.name for pair in loaded.pairs})
    async with AsyncExitStack() as stack:
        sources = await stack.enter_async_context(adapters.opened(loaded))
        zones = await _zones(loaded, Servers(stack), Signers(stack))
        yield _proposers(loaded, zones, sources, _past(loaded, moves), Insist())


def _past(
    loaded: Loaded, moves: Mapping[str, Moved], remembered: Mapping[str, Remembered] | None = None
) -> Mapping[str, Remembered]:
    """Return what is remembered of each pair, by who walked its path before, or else by the change log."""
    returns = Returns(limit=loaded.drift.limit, window_s=loaded.drift.window_s)

    def logged(moved: Moved | None) -> Remembered:
        last = recall(moved.intent.claims, moved.intent.fence, now=clock.now()) if moved else NOTHING
        online = moved.online if moved else None
        return Remembered(
            memory=last.memory,
            known=last.known,
            began=None,
            last_online=online,
            flaps=None,
            returns=returns,
        )

    def handed_on(past: Remembered) -> Remembered:
        return replace(past, returns=replace(returns, repaired=past.returns.repaired))

    walked = remembered or {}
    return {
        pair.name: handed_on(walked[pair.name]) if pair.name in walked else logged(moves.get(pair.name))
        for pair in loaded.pairs
    }


def _proposers(
    loaded: Loaded, zones: ZoneBook, sources: adapters.Sources, past: Mapping[str, Remembered], insist: Insist
) -> tuple[Proposer, ...]:
    def fencing(pair: Pair) -> Fencing | None:
        if not pair.fence:
            return None
        known, began = past[pair.name].known, past[pair.name].began
        return Fencing(pair, loaded.writer, known=known, began=began, insist=insist)

    return tuple(
        Proposer(
            pair,
            sources(pair.name),
            zones,
            clock=clock.now,
            max_changes=loaded.max_changes,
            fencing=fencing(pair),
            memory=past[pair.name].memory,
        )
        for pair in loaded.pairs
    )


@asynccontextmanager
async def works(
    loaded: Loaded,
    *,
    outlets: Outlets | None = None,
    insist: Insist | None = None,
    sources: adapters.Sources | None = None,
    remembered: Mapping[str, Remembered] | None = None,
) -> AsyncIterator[Works]:
    """Open everything that it takes to change DNS.

    `sources` are those that are attended to already, and `remembered` is what another configuration's pairs of these
    names leave behind. Raises JournalError if the change log cannot be opened, LockBusyError if another process keeps
    the lock.
    """
    outlets = outlets or Outlets()
    async with AsyncExitStack() as stack:
        transactions, journal = await _transactions(loaded, stack, outlets)
        moves = last_moves(loaded.state_dir, {pair.name for pair in loaded.pairs})
        if sources is None:
            sources = await stack.enter_async_context(adapters.opened(loaded))
        zones = await _zones(loaded, Servers(stack), Signers(stack, tell=outlets.unrenewed))
        past = _past(loaded, moves, remembered)
        proposers = _proposers(loaded, zones, sources, past, insist or Insist())
        restraints = _restraints(loaded, past)
        yield Works(
            proposers=proposers,
            reconcilers=tuple(
                Reconciler(
                    proposer,
                    transactions,
                    clock=clock.now,
                    rng=random.Random(),  # noqa: S311 - spreads timers, guards no secret
                    last_online=past[proposer.pair.name].last_online,
                    returns=past[proposer.pair.name].returns,
                    restraint=restraints(proposer.pair.name),
                )
                for proposer in proposers
            ),
            transactions=transactions,
            journal=journal,
            moves=moves,
        )


def _restraints(loaded: Loaded, past: Mapping[str, Remembered]) -> Callable[[str], Restraint]:
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
            flaps=past[pair].flaps,
            published=past[pair].last_online,
            orders=orders.read,
        )

    return restraint


async def _zones(loaded: Loaded, servers: Servers, signers: Signers) -> ZoneBook:
    discovery = loaded.discovery
    finder = mnames = None
    if discovery is not None or not all(zone.primaries for zone in loaded.zones):
        finder = Finder(await servers.resolvers(loaded), clock=clock.now)
        mnames = Mnames(finder, servers.connect)

    def opened(name: str, signer: Signer, primaries: Iterable[Server] = ()) -> Zone:
        return Zone(
            name,
            [servers.connect(str(server.host), server.port) for server in primaries],
            signers.of(signer),
            deadline_s=loaded.timings.deadline_s,
            locator=mnames,
        )

    configured = {zone.name: opened(zone.name, zone.signer, zone.primaries) for zone in loaded.zones}
    if discovery is None:
        return ZoneBook(configured)
    return ZoneBook(configured, finder, lambda name: opened(name, discovery))


async def _transactions(
    loaded: Loaded, stack: AsyncExitStack, outlets: Outlets
) -> tuple[Transactions, Journal]:
    lane = Lane("change log")
    stack.callback(lane.close)
    lock = StateLock(loaded.state_dir / LOCK_NAME)
    async with lock.held(deadline_s=LOCK_S):
        file = await stack.enter_async_context(ChangeLog(loaded.state_dir, clock=clock.now, run=lane.run))
        waiting = open_intents(loaded.state_dir)
    following = _Following(loaded, Servers(stack)) if outlets.converged else None
    log = Heard(file, *outlets.written) if outlets.written else file
    journal = Journal(log=log, lock=lock, file=file)
    transactions = Transactions(
        journal.log,
        lock,
        clock=clock.now,
        writer=writer(),
        open_intents=waiting,
        follow=following,
        tell=outlets.converged or nobody,
    )
    stack.push_async_callback(transactions.close)
    return transactions, journal


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
