"""Secondaries that show what their primary showed some time ago."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import dns.name

from failover_dns.core.errors import SilentError
from failover_dns.sandbox.server import SandboxServer
from failover_dns.sandbox.zone import load
from tests.simulation.primaries import Primary, text_of
from tests.simulation.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Secondary:
    """A zone's other server, which lags behind (`conduct.zone.Server`)."""

    zone: str
    primary: Primary
    lag_s: float
    now_s: Callable[[], float]
    server: SandboxServer

    async def exchange(self, wire: bytes, *, deadline_s: float) -> bytes:
        until_s = self.now_s() - self.lag_s
        history = self.primary.history[self.zone]
        shown = next((nodes for since_s, nodes in reversed(history) if since_s <= until_s), history[0][1])
        self.server.primary.zones[dns.name.from_text(self.zone)].nodes = dict(shown)
        answers = self.server.answers(wire, is_stream=True)
        if not answers:
            raise SilentError(f"the secondary of {self.zone} gave no answer within {deadline_s:g} s")
        return answers[0]


def lagging(
    scenario: Scenario, primaries: Mapping[str, Primary], now_s: Callable[[], float]
) -> dict[str, Secondary]:
    """Return a secondary for each zone, if the scenario has any."""
    if scenario.secondary_lag_s is None:
        return {}
    return {
        zone: Secondary(
            zone,
            primaries[at],
            scenario.secondary_lag_s,
            now_s,
            SandboxServer([load(zone, text_of(zone, ()))], []),
        )
        for zone, at in scenario.zones.items()
    }
