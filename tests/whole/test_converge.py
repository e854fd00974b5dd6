"""The daemon as its own process before a real BIND with a real secondary, which it asks after a switch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.parts.named import free_port, running_primary, running_secondary
from failover_dns.core.changelog import Converged, decode
from failover_dns.effects.changelog import read_lines
from tests.servers.client import DnsServer
from tests.servers.programs import require
from tests.servers.zones import ZONES
from tests.whole.daemon import BACKUP, FORWARD, MAIN, REVERSE, Site, running, until


@dataclass(frozen=True, slots=True)
class Pairing:
    """A site whose primary has a secondary."""

    site: Site
    secondary: DnsServer

    def configure(self, *ports: int, converge_s: int = 60) -> None:
        """Have the daemon ask the servers at `ports`, and no others."""
        text = self.site.config.read_text()
        servers = ", ".join(f'"127.0.0.1:{port}"' for port in ports)
        assert text.count("primaries = ") == 2
        text = text.replace("primaries = ", f"watch_ns = false\nsecondaries = [{servers}]\nprimaries = ")
        self.site.config.write_text(f"converge_s = {converge_s}\n{text}")

    def converged(self) -> dict[str, Converged]:
        """Return the change log's lines on it by zone."""
        lines = map(decode, read_lines(self.site.state))
        return {line.entry.zone: line.entry for line in lines if isinstance(line.entry, Converged)}


@pytest.fixture
def pairing(tmp_path: Path) -> Iterator[Pairing]:
    require("named")
    port = free_port()
    with (
        running_primary(ZONES, tells=[port]) as primary,
        running_secondary(primary, ZONES, port=port) as secondary,
    ):
        site = Site(tmp_path, primary)
        site.configure(primary.port)
        site.online(MAIN)
        site.fence(MAIN)
        yield Pairing(site, secondary)


async def test_a_secondary_that_shows_the_switch_is_written_down(pairing: Pairing) -> None:
    pairing.configure(pairing.secondary.port)
    async with running(pairing.site) as daemon:
        await daemon.event("ready")
        pairing.site.online(BACKUP)
        assert (await daemon.event("converged"))["slowest_ms"] > 0
        await until(lambda: pairing.converged().keys() == {FORWARD, REVERSE})
        assert await daemon.stop() == 0
    pairing.site.require_agreement(BACKUP)
    intents = pairing.site.intents()
    for zone, line in pairing.converged().items():
        [shown] = line.servers
        assert shown.server == f"127.0.0.1#{pairing.secondary.port}"
        assert shown.delay_ms is not None
        assert shown.delay_ms > 0
        assert line.forgotten_at is not None
        assert intents[line.intent].zone == zone
        assert pairing.secondary.records(zone) == pairing.site.server.records(zone)


async def test_a_dead_secondary_is_named_and_fails_no_switch(pairing: Pairing) -> None:
    dead = free_port()
    pairing.configure(pairing.secondary.port, dead, converge_s=2)
    async with running(pairing.site) as daemon:
        await daemon.event("ready")
        pairing.site.online(BACKUP)
        moved = await daemon.event("vip_moved")
        assert moved["zones"] == {FORWARD: "applied", REVERSE: "applied"}
        lags = await daemon.event("secondary_lags")
        [late] = lags["servers"]
        assert late.startswith(f"127.0.0.1#{dead}: ")
        await until(lambda: pairing.converged().keys() == {FORWARD, REVERSE})
        assert await daemon.stop() == 0
    pairing.site.require_agreement(BACKUP)
    for line in pairing.converged().values():
        alive, silent = line.servers
        assert alive.delay_ms is not None
        assert silent.delay_ms is None
        assert silent.problem
        assert line.forgotten_at is None
