"""A configuration becomes the objects that do the work, opened together and closed together."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from failover_dns.conduct.observe import FromFile
from failover_dns.conduct.propose import Proposer
from failover_dns.conduct.reconcile import Reconciler
from failover_dns.conduct.transaction import LOCK_S, Transactions
from failover_dns.conduct.zone import Zone
from failover_dns.core.sources import FileSource
from failover_dns.edge.settings import loaded as configured
from failover_dns.edge.settings.loaded import Loaded
from failover_dns.edge.settings.problems import ConfigurationError, Problem
from failover_dns.effects import clock
from failover_dns.effects.changelog import ChangeLog, last_moves, open_intents
from failover_dns.effects.files import StatusFile
from failover_dns.effects.lane import Lane
from failover_dns.effects.lock import StateLock
from failover_dns.effects.primary import Primary
from failover_dns.wire.keys import tsig_key

LOCK_NAME = "lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Works:
    """What a configuration was made into."""

    reconcilers: tuple[Reconciler, ...]
    transactions: Transactions


def chosen(loaded: Loaded, names: Iterable[str]) -> Loaded:
    """Return the configuration with only the pairs of these names, all if there are none."""
    wanted = set(names)
    known = {pair.name for pair in loaded.pairs}
    if wanted - known:
        raise ConfigurationError(
            Problem(
                where=str(loaded.path),
                what=f"no pair is called {name}",
                cure=f"the pairs are: {', '.join(sorted(known))}",
            )
            for name in sorted(wanted - known)
        )
    return replace(loaded, pairs=tuple(p for p in loaded.pairs if not wanted or p.name in wanted))


def pairs_by_file(loaded: Loaded) -> dict[str, list[str]]:
    """Return the pairs that each status file speaks of."""
    found: dict[str, list[str]] = {}
    for pair in loaded.pairs:
        for source in loaded.sources[pair.name]:
            found.setdefault(source.path, []).append(pair.name)
    return found


@asynccontextmanager
async def previews(loaded: Loaded) -> AsyncIterator[tuple[Proposer, ...]]:
    """Open what it takes to look, decide, read and plan; none of it can change anything."""
    async with AsyncExitStack() as stack:
        zones = {zone.name: await _zone(zone, loaded, stack) for zone in loaded.zones}
        lanes: dict[Path, Lane] = {}
        stack.callback(_close_all, lanes)
        yield tuple(
            Proposer(
                pair,
                sources(loaded.sources[pair.name], lanes),
                zones,
                clock=clock.now,
                max_changes=loaded.max_changes,
            )
            for pair in loaded.pairs
        )


@asynccontextmanager
async def works(loaded: Loaded) -> AsyncIterator[Works]:
    """Open everything that it takes to change DNS.

    Raises JournalError if the change log cannot be opened, LockBusyError if another process keeps the lock.
    """
    async with AsyncExitStack() as stack:
        proposers = await stack.enter_async_context(previews(loaded))
        transactions = await _transactions(loaded, stack)
        moves = last_moves(loaded.state_dir, {pair.name for pair in loaded.pairs})
        yield Works(
            reconcilers=tuple(
                Reconciler(
                    proposer,
                    transactions,
                    clock=clock.now,
                    rng=random.Random(),  # noqa: S311 - spreads timers, guards no secret
                    last_online=moves[name].online if (name := proposer.pair.name) in moves else None,
                )
                for proposer in proposers
            ),
            transactions=transactions,
        )


def sources(wanted: Iterable[FileSource], lanes: dict[Path, Lane]) -> list[FromFile]:
    """Return the sources; files of one directory share a lane, since they hang together."""
    found = []
    for source in wanted:
        directory = Path(source.path).parent
        lane = lanes.setdefault(directory, Lane(f"files in {directory}"))
        found.append(FromFile(source, StatusFile(source.path, run=lane.run), clock.now))
    return found


def _close_all(lanes: dict[Path, Lane]) -> None:
    for lane in lanes.values():
        lane.close()


async def _zone(zone: configured.Zone, loaded: Loaded, stack: AsyncExitStack) -> Zone:
    key = tsig_key(zone.key.name, zone.key.secret.get_secret_value(), zone.key.algorithm)
    primaries = []
    for server in zone.primaries:
        lane = Lane(f"look-up of {server.host}")
        stack.callback(lane.close)
        primaries.append(
            await stack.enter_async_context(Primary(str(server.host), server.port, run=lane.run))
        )
    return Zone(zone.name, primaries, key, deadline_s=loaded.timings.deadline_s)


async def _transactions(loaded: Loaded, stack: AsyncExitStack) -> Transactions:
    lane = Lane("change log")
    stack.callback(lane.close)
    lock = StateLock(loaded.state_dir / LOCK_NAME)
    async with lock.held(deadline_s=LOCK_S):
        log = await stack.enter_async_context(ChangeLog(loaded.state_dir, clock=clock.now, run=lane.run))
        waiting = open_intents(loaded.state_dir)
    return Transactions(log, lock, clock=clock.now, writer=writer(), open_intents=waiting)


def writer() -> str:
    """Return how this daemon signs its intents: host and process."""
    return f"{socket.gethostname().lower()}/{os.getpid()}"
