"""One pair at a real primary: scripted sources and change log, and a tap on what goes to the server."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import TypeVar

import dns.message
import dns.opcode

from failover_dns.conduct.discover import ZoneBook
from failover_dns.conduct.fencing import Fencing, Insist
from failover_dns.conduct.propose import Proposer
from failover_dns.conduct.reconcile import Reconciler
from failover_dns.conduct.restraint import Restraint
from failover_dns.conduct.signing import Server, Shared
from failover_dns.conduct.transaction import Transactions
from failover_dns.conduct.walk import Wake, Walk, Why
from failover_dns.conduct.zone import Zone
from failover_dns.core.changelog import Entry, Intent, Result
from failover_dns.core.errors import JournalError
from failover_dns.core.model import Agent, Instant, Key, Observation, Pair, Record, Role, Type
from failover_dns.core.outcome import Verdict
from failover_dns.core.recall import NOTHING, Recalled
from failover_dns.effects import clock as real
from failover_dns.effects.primary import Primary
from tests.servers.client import DnsServer

T = TypeVar("T")
FORWARD = "example.test."
REVERSE = "10.10.10.in-addr.arpa."
REVERSE6 = "0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."
MAIN = "dma-main.example.test."
BACKUP = "dma-backup.example.test."
VIRTUAL = Record(Key(BACKUP, Type.A), ip_address("10.10.10.5"))
DEADLINE_S = 5.0
PAIR = Pair(
    name="dma",
    agents=(
        Agent(name=MAIN, addresses=(ip_address("10.10.10.1"), ip_address("2001:db8::1"))),
        Agent(name=BACKUP, addresses=(ip_address("10.10.10.2"),)),
    ),
    virtual_ips=(ip_address("10.10.10.5"),),
)

Forward = Callable[[bytes], Awaitable[bytes]]
Treat = Callable[[bytes, Forward], Awaitable[bytes]]


@dataclass(slots=True)
class Clock:
    """A monotonic clock that goes when told; its wall shows 2026-03-01."""

    mono_s: float = 1000.0

    def __call__(self) -> Instant:
        return Instant(mono_s=self.mono_s, wall_s=1_772_323_200 + self.mono_s)


@dataclass(slots=True)
class Roles:
    """A source that says what it was told to."""

    roles: dict[str, Role]
    clock: Callable[[], Instant]
    may_look: asyncio.Event = field(default_factory=asyncio.Event)
    looking: asyncio.Event = field(default_factory=asyncio.Event)
    wakes: list[Callable[[], None]] = field(default_factory=list)
    defect: Exception | None = None

    def __post_init__(self) -> None:
        self.may_look.set()

    async def look(self) -> Iterable[Observation]:
        self.looking.set()
        await self.may_look.wait()
        if self.defect is not None:
            raise self.defect
        now = self.clock()
        return [Observation(agent=a, role=r, read=now, source="script") for a, r in self.roles.items()]

    def watched(self, wake: Callable[[], None]) -> AbstractAsyncContextManager[None]:
        self.wakes.append(wake)
        return nullcontext()

    def set(self, main: Role, backup: Role) -> None:
        self.roles = {MAIN: main, BACKUP: backup}

    def online(self, agent: str) -> None:
        self.roles = {name: Role.ONLINE if name == agent else Role.OFFLINE for name in (MAIN, BACKUP)}


@dataclass(slots=True)
class Log:
    """A change log in memory; while `broken` is true for an entry, it cannot be written."""

    entries: dict[int, Entry] = field(default_factory=dict)
    broken: Callable[[Entry], bool] = lambda _: False

    async def append(self, *entries: Entry) -> tuple[int, ...]:
        if any(map(self.broken, entries)):
            raise JournalError("the change log cannot be written: No space left on device", "free space")
        first = len(self.entries) + 1
        numbers = tuple(range(first, first + len(entries)))
        self.entries.update(zip(numbers, entries, strict=True))
        return numbers

    @property
    def intents(self) -> list[Intent]:
        return [entry for entry in self.entries.values() if isinstance(entry, Intent)]

    @property
    def results(self) -> list[Result]:
        return [entry for entry in self.entries.values() if isinstance(entry, Result)]

    def verdicts(self) -> dict[str, Verdict]:
        """Return each zone's last verdict."""
        return {result.zone: result.verdict for result in self.results}

    def outcome(self, zone: str) -> Result:
        """Return the zone's last outcome."""
        return [result for result in self.results if result.zone == zone][-1]

    def open(self) -> list[tuple[int, Intent]]:
        closed = {result.intent for result in self.results}
        return [
            (seq, entry)
            for seq, entry in self.entries.items()
            if isinstance(entry, Intent) and seq not in closed
        ]


class Lock:
    """A lock that nobody else wants."""

    @asynccontextmanager
    async def held(self, *, deadline_s: float) -> AsyncIterator[None]:
        assert deadline_s > 0
        yield


class Tap:
    """A server that remembers what was sent through it, and treats it as `treat` says."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.treat: Treat | None = None
        self.sent: list[bytes] = []

    def __str__(self) -> str:
        return str(self._server)

    async def exchange(self, wire: bytes, *, deadline_s: float) -> bytes:
        self.sent.append(wire)

        async def forward(octets: bytes) -> bytes:
            return await self._server.exchange(octets, deadline_s=deadline_s)

        return await (self.treat(wire, forward) if self.treat else forward(wire))

    @property
    def updates(self) -> list[bytes]:
        return [wire for wire in self.sent if is_update(wire)]

    @property
    def queries(self) -> list[bytes]:
        return [wire for wire in self.sent if not is_update(wire)]


def is_update(wire: bytes) -> bool:
    """Whether the message is to change something: one of prerequisites alone is a reading."""
    opcode = dns.opcode.from_flags(int.from_bytes(wire[2:4]))
    return opcode == dns.opcode.UPDATE and int.from_bytes(wire[8:10]) > 0


def zone_of(wire: bytes) -> str:
    """Return the name in the message's first section: the zone of an update, the name of a question."""
    return dns.message.from_wire(wire, keyring=False).question[0].name.to_text()


@dataclass(slots=True)
class World:
    """A pair, its reconciler and everything around it."""

    server: DnsServer
    roles: Roles
    log: Log
    taps: Mapping[str, Tap]
    zones: Mapping[str, Zone]
    clock: Callable[[], Instant]
    proposer: Proposer
    reconciler: Reconciler
    transactions: Transactions

    async def walk(self, why: Why = Why.SOURCE) -> Walk:
        async with asyncio.timeout(30):
            return await self.reconciler.walk(Wake(why=why, at=self.clock()))

    def tap(self, zone: str = FORWARD) -> Tap:
        return self.taps[zone]

    def updates(self, zone: str) -> int:
        return len(self.tap(zone).updates)

    def holds(self, name: str, zone: str = FORWARD) -> set[str]:
        """Return the values at a name of the zone, by asking the server: {"A 10.10.10.1"}."""
        owner = f"{name}.{zone} "
        return {
            record.removeprefix(owner).partition(" ")[2]
            for record in self.server.records(zone)
            if record.startswith(owner)
        }


@asynccontextmanager
async def world(
    server: DnsServer,
    pair: Pair = PAIR,
    *,
    zones: Iterable[str] = (FORWARD, REVERSE, REVERSE6),
    online: str = MAIN,
    clock: Callable[[], Instant] | None = None,
    log: Log | None = None,
    last_online: str | None = None,
    max_changes: int = 64,
    book: ZoneBook | None = None,
    writer: str = "test",
    by_server: bool = False,
    insist: Insist | None = None,
    recalled: Recalled = NOTHING,
    restraint: Restraint | None = None,
) -> AsyncIterator[World]:
    """Open what walks `pair`'s path at `server`; each zone has a tap of its own.

    `book` has the zones instead, wherever they are; `by_server` signs as a Kerberos account does. `writer` is this
    daemon's name in the fence, if `pair` has one.
    """
    clock = clock or Clock()
    log = log or Log()
    roles = Roles({}, clock)
    roles.online(online)
    async with AsyncExitStack() as stack:
        taps = {zone: Tap(await stack.enter_async_context(connect(server))) for zone in zones}
        found = {
            zone: Zone(zone, [tap], Shared(server.key, by_server), deadline_s=DEADLINE_S, serial_s=0.0)
            for zone, tap in taps.items()
        }
        transactions = Transactions(log, Lock(), clock=clock, writer=f"{writer}/1", open_intents=log.open())
        proposer = Proposer(
            pair,
            [roles],
            found if book is None else book,
            clock=clock,
            max_changes=max_changes,
            fencing=Fencing(pair, writer, known=recalled.known, insist=insist) if pair.fence else None,
            memory=recalled.memory,
        )
        yield World(
            server=server,
            roles=roles,
            log=log,
            taps=taps,
            zones=found if book is None else book,
            clock=clock,
            transactions=transactions,
            proposer=proposer,
            reconciler=Reconciler(
                proposer,
                transactions,
                clock=clock,
                rng=random.Random(1),  # noqa: S311 - spreads timers
                last_online=last_online,
                restraint=restraint,
            ),
        )


def connect(server: DnsServer) -> Primary:
    return Primary(server.host, server.port, run=never_look_up)


async def never_look_up(call: Callable[[], T], *, deadline_s: float) -> T:
    raise AssertionError(f"an address was looked up ({call}, {deadline_s})")


def pair_with(**changes: object) -> Pair:
    """Return the usual pair with some fields changed."""
    return replace(PAIR, **changes)  # type: ignore[arg-type]


now = real.now
