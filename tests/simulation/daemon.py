"""A simulated daemon: the real path over simulated files, network and disk, from its start to a stop or a crash."""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import dns.tsig

from failover_dns.conduct.converge import Convergence
from failover_dns.conduct.fencing import Fencing
from failover_dns.conduct.observe import FromFile
from failover_dns.conduct.propose import Proposer
from failover_dns.conduct.reconcile import Reconciler
from failover_dns.conduct.restraint import Restraint
from failover_dns.conduct.service import Every, Service, Worker
from failover_dns.conduct.signing import Server, Shared
from failover_dns.conduct.transaction import Transactions
from failover_dns.conduct.walk import Wake, Walk, Why
from failover_dns.conduct.zone import Zone
from failover_dns.core.changelog import Entry, Intent, open_intents
from failover_dns.core.decide import Move
from failover_dns.core.recall import NOTHING, recall
from failover_dns.core.returns import Returns
from failover_dns.core.sources import FileSource
from tests.simulation.clocks import ACTING, Clock
from tests.simulation.invariants import Judge
from tests.simulation.journal import Disk, Journal
from tests.simulation.loop import VirtualLoop
from tests.simulation.minds import Mind
from tests.simulation.network import Network, Way
from tests.simulation.primaries import Applied, Primary
from tests.simulation.scenario import Scenario, chance
from tests.simulation.sources import Files, Sight, Sighting
from tests.simulation.story import Story

DEADLINE_S = 2.0
EVERY = Every(look_s=40.0, audit_s=250.0)

OWNER: ContextVar[Life | None] = ContextVar("OWNER", default=None)
"""The life that a task belongs to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What all daemons share."""

    loop: VirtualLoop
    scenario: Scenario
    story: Story
    judge: Judge
    network: Network
    files: Files
    primaries: Mapping[str, Primary]
    secondaries: Mapping[str, Server]
    key: dns.tsig.Key


class Lock:
    """A lock that no other process wants."""

    @asynccontextmanager
    async def held(self, *, deadline_s: float) -> AsyncIterator[None]:
        assert deadline_s > 0
        yield


@dataclass(slots=True, eq=False)
class Life:
    """A daemon's process: once it is killed, nothing it does has any effect."""

    world: World
    name: str
    number: int
    disk: Disk
    clock: Clock
    rng: random.Random
    alive: bool = True
    walk: Walk | None = None
    walks: int = 0
    ended: Callable[[], None] = lambda: None
    tasks: dict[asyncio.Task[Any], None] = field(default_factory=dict)
    _service: Service | None = None
    _mind: Mind = field(init=False)
    _journal: Journal = field(init=False)
    _main: asyncio.Task[None] = field(init=False)
    _told: str = ""

    def __post_init__(self) -> None:
        self._mind = Mind(self.world.scenario.pair)
        self._journal = Journal(self.disk, self.clock, self._written)
        context = contextvars.copy_context()
        context.run(OWNER.set, self)
        context.run(ACTING.set, self.clock.wall)
        self._main = self.world.loop.create_task(self._run(), context=context)
        self._main.add_done_callback(self._end)

    def wall(self) -> float:
        return self.clock.wall()

    def saw(self, agent: str, sighting: Sighting) -> None:
        self._mind.see(agent, sighting)

    def sending(self) -> Callable[[Applied], None]:
        durable = len(self.disk.lines)
        return lambda update: self.world.judge.applied(self.name, durable, update)

    def wake(self, why: Why) -> None:
        if self.alive and self._service is not None:
            self._service.wake((self.world.scenario.pair.name,), why)

    def notified(self, zone: str) -> None:
        if self.alive and self._service is not None:
            self._service.notified(zone)

    def stop(self) -> None:
        """Stop in order."""
        if self._service is None:
            self._main.cancel()
        else:
            self._service.stop()

    def kill(self) -> None:
        """End at whatever await each task stands."""
        if not self.alive:
            return
        self.alive = False
        self._journal.crash(self.rng)
        for task in list(self.tasks):
            task.cancel()

    def _written(self, seq: int, entry: Entry) -> None:
        self._mind.frozen_s = self.disk.frozen_s
        self.world.judge.written(self.name, self._mind, seq, entry)

    def _end(self, main: asyncio.Task[None]) -> None:
        if self.alive and not main.cancelled() and (error := main.exception()) is not None:
            self.world.judge.blame(f"{self.name} ended by {error!r}")
        self.alive = False
        self.ended()

    async def _run(self) -> None:
        pair = self.world.scenario.pair
        self._journal.open()
        transactions = self._transactions()
        moved = self.disk.last_moved(pair.name)
        published = moved.online if moved else None
        reconciler = Reconciler(
            self._proposer(moved),
            transactions,
            clock=self.clock,
            rng=self.rng,
            last_online=published,
            returns=Returns(limit=5, window_s=120.0),
            restraint=Restraint(
                pair.name,
                clock=self.clock,
                damping=self.world.scenario.damping,
                published=published,
                orders=lambda: self.disk.orders,
            ),
        )
        worker = Worker(reconciler, clock=self.clock, every=EVERY, rng=self.rng, tell=self._tell)
        await transactions.abandon([pair.name])
        self._service = Service([worker], stop_s=2 * DEADLINE_S + 5.0)
        await self._service.run()
        await transactions.close()

    def _proposer(self, moved: Intent | None) -> Proposer:
        pair = self.world.scenario.pair
        last = recall(moved.claims, moved.fence, now=self.clock()) if moved else NOTHING
        return Proposer(
            pair,
            self._sources(),
            self._zones(),
            clock=self.clock,
            max_changes=64,
            fencing=Fencing(pair, self.name, known=last.known) if pair.fence else None,
            memory=last.memory,
        )

    def _transactions(self) -> Transactions:
        lagging = self.world.secondaries
        return Transactions(
            self._journal,
            Lock(),
            clock=self.clock,
            writer=f"{self.name}/{self.number}",
            open_intents=open_intents(self.disk.lines),
            names=lambda: f"{self.rng.getrandbits(48):012x}",
            follow=(lambda zone: self._convergence(zone).follow) if lagging else None,
        )

    def _convergence(self, zone: str) -> Convergence:
        named = {"secondary": self.world.secondaries[zone]}
        return Convergence(
            named, lambda _: named["secondary"], clock=self.clock, deadline_s=3.0, watch_ns=False
        )

    def _zones(self) -> dict[str, Zone]:
        world = self.world
        return {
            zone: Zone(
                zone,
                [Way(world.network, self, world.primaries[at])],
                Shared(world.key),
                deadline_s=DEADLINE_S,
            )
            for zone, at in world.scenario.zones.items()
        }

    def _sources(self) -> list[FromFile]:
        scenario = self.world.scenario
        return [
            FromFile(
                FileSource(path=agent, agent=agent, form=scenario.form, max_age_s=scenario.max_age_s),
                Sight(self.world.files, self, agent),
                self.clock,
            )
            for agent in scenario.agents
        ]

    def _tell(self, walk: Walk, wake: Wake) -> None:
        self.walk = walk
        self.walks += 1
        to = f"move to {walk.decision.to}" if isinstance(walk.decision, Move) else "hold"
        decides = f"{self.name} decides: {to} ({walk.decision.reason})"
        if decides != self._told:
            self._told = decides
            self.world.story.tell(f"{decides}, woken by {wake.why}")


def owned(
    loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **options: Any
) -> asyncio.Task[Any]:
    """Make a task that its daemon's end takes along: the loop's task factory."""
    context = options.get("context")
    owner = OWNER.get() if context is None else context.get(OWNER)
    task = asyncio.Task(coro, loop=loop, **options)
    if owner is not None:
        owner.tasks[task] = None
        task.add_done_callback(owner.tasks.pop)
    return task


@dataclass(slots=True)
class Daemon:
    """A daemon over all its lives: what it keeps is its disk, and its host's clock."""

    world: World
    name: str
    clock: Clock
    rng: random.Random
    disk: Disk = field(default_factory=Disk)
    life: Life | None = None
    lives: int = 0

    @property
    def alive(self) -> bool:
        return self.life is not None and self.life.alive

    def start(self) -> None:
        """Begin a new life with nothing but what is on the disk, unless there is one."""
        if self.alive:
            return
        self.lives += 1
        self.world.story.tell(f"{self.name} starts ({self.lives})")
        self.life = Life(
            self.world, self.name, self.lives, self.disk, self.clock, chance(str(self.rng.random()))
        )

    def crash(self) -> None:
        if self.life is not None and self.life.alive:
            self.world.story.tell(f"{self.name} crashes")
            self.life.kill()
            self.world.judge.verify(self.name, self.disk.lines)

    def reload(self) -> None:
        """Stop in order, and start anew."""
        if self.life is not None and self.life.alive:
            self.life.ended = self.start
            self.life.stop()

    def wake(self, why: Why) -> None:
        if self.life is not None:
            self.life.wake(why)
