"""A pair at a primary that misbehaves, and what must hold whatever that primary does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from failover_dns.conduct.walk import Walk, Why
from failover_dns.core.changelog import Entry, Intent, Result
from failover_dns.core.model import Change
from failover_dns.core.outcome import Verdict
from tests.conduct.world import BACKUP, DEADLINE_S, FORWARD, MAIN, REVERSE, Clock, Log, World, world
from tests.faults.server import Faulty, Haste, foul_play
from tests.servers.zones import ZONES

LONGEST_WAIT_S = 400.0
WALKS = 6
"""So many walks after a fault ends everything is as it should be."""


@dataclass(slots=True, kw_only=True)
class Witness(Log):
    """A change log that looks at the server itself whenever something is called applied."""

    server: Faulty
    wrong: list[Change] = field(default_factory=list)

    async def append(self, *entries: Entry) -> tuple[int, ...]:
        numbers = await Log.append(self, *entries)
        for entry in entries:
            if isinstance(entry, Result) and entry.verdict is Verdict.APPLIED:
                intent = self.entries[entry.intent]
                assert isinstance(intent, Intent)
                if not self.server.shows(intent.change):
                    self.wrong.append(intent.change)
        return numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The primary, the pair's world, and how both were at first."""

    server: Faulty
    pair: World
    log: Witness
    clock: Clock
    at_first: dict[str, set[str]]

    async def walk(self, why: Why = Why.SOURCE) -> Walk:
        return await self.pair.walk(why)

    async def recover(self) -> Walk:
        """Walk again, whenever the path would by itself, until all is in order."""
        walks: list[Walk] = []
        while len(walks) < WALKS:
            self.clock.mono_s += LONGEST_WAIT_S
            walks.append(await self.walk(Why.RETRY))
            if walks[-1].in_order:
                return walks[-1]
        raise AssertionError(f"not in order after {WALKS} walks: {walks[-1]}")

    def change_of(self, zone: str) -> Change:
        """Return the last change of the zone that was written down."""
        return [intent.change for intent in self.log.intents if intent.zone == zone][-1]

    def is_exact(self, online: str) -> bool:
        """Return whether the zones are what they were at first, but for what says who is online."""
        return all(self.server.records(zone) == self._wanted(zone, online) for zone in ZONES)

    def _wanted(self, zone: str, online: str) -> set[str]:
        ours = {name: _published(zone, name) for name in (MAIN, BACKUP)}
        return (self.at_first[zone] - ours[MAIN] - ours[BACKUP]) | ours[online]


def _published(zone: str, online: str) -> set[str]:
    return {
        FORWARD: {f"{online} 60 A 10.10.10.5"},
        REVERSE: {f"5.{REVERSE} 60 PTR {online}"},
    }.get(zone, set())


@asynccontextmanager
async def scene(*, online: str = MAIN, zones: Sequence[str] = (FORWARD, REVERSE)) -> AsyncIterator[Scene]:
    """Open a pair at a faulty primary; at its end nothing was called applied that was not, or sent unsigned."""
    haste = Haste(DEADLINE_S)
    clock = Clock()
    async with Faulty(haste) as server:
        log = Witness(server=server)
        async with world(server.seen_by_client, zones=zones, online=online, clock=clock, log=log) as pair:
            for tap in pair.taps.values():
                tap.treat = haste.count
            at_first = {zone: server.records(zone) for zone in ZONES}
            yield Scene(server=server, pair=pair, log=log, clock=clock, at_first=at_first)
        assert log.wrong == []
        assert foul_play(server.received) == []


@asynccontextmanager
async def settled() -> AsyncIterator[Scene]:
    """Open a pair whose records are in order and known, and then let BACKUP come online."""
    async with scene() as stage:
        assert (await stage.walk(Why.START)).in_order
        stage.pair.roles.online(BACKUP)
        yield stage
