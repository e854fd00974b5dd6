"""Where steps act: the world, its daemons, and chance."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from failover_dns.conduct.walk import Why
from tests.simulation.daemon import Daemon, World
from tests.simulation.primaries import zone_of
from tests.simulation.truth import Nodes, Rr

NOTICED = 0.75
"""The share of changes of a file that a watcher tells of; the others are seen at the next look."""


@dataclass(slots=True)
class Stage:
    """What steps act on; `copies` has older contents of zones."""

    world: World
    daemons: Mapping[str, Daemon]
    rng: random.Random
    copies: list[tuple[str, Nodes]] = field(default_factory=list)
    quiet: bool = False

    @property
    def agents(self) -> tuple[str, str]:
        return self.world.scenario.agents

    def later(self, delay_s: float, call: Callable[[], None]) -> None:
        """Let something happen later, if all is not quiet by then."""
        self.world.loop.call_later(delay_s, lambda: None if self.quiet else call())

    def daemon(self) -> Daemon:
        return self.daemons[self.rng.choice(sorted(self.daemons))]

    def agent(self) -> str:
        return self.rng.choice(self.agents)

    def zone(self) -> str:
        return self.rng.choice(sorted(self.world.scenario.zones))

    def way(self) -> tuple[str, str]:
        return self.daemon().name, self.rng.choice(sorted(self.world.primaries))

    def notice(self) -> None:
        """Tell most daemons, soon, that a file changed."""
        for daemon in self.daemons.values():
            if self.rng.random() < NOTICED:
                late_s = self.rng.choice((0.0, 0.003, 0.5))
                self.world.loop.call_later(late_s, daemon.wake, Why.SOURCE)  # also when all is quiet

    def nodes(self, zone: str) -> Nodes:
        return self.world.primaries[self.world.scenario.zones[zone]].nodes(zone)

    def edit(self, *, removes: tuple[Rr, ...] = (), adds: tuple[Rr, ...] = ()) -> None:
        """Let somebody else change records, each where it belongs."""
        scenario = self.world.scenario
        for zone in sorted({zone_of(scenario, one[0]) for one in (*removes, *adds)}):
            self.world.primaries[scenario.zones[zone]].edit(
                zone,
                removes=[one for one in removes if zone_of(scenario, one[0]) == zone],
                adds=[one for one in adds if zone_of(scenario, one[0]) == zone],
            )
