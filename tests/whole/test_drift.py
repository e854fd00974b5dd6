"""The daemon as its own process before a real BIND that others change too: repair by NOTIFY and by the audit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.parts.named import free_port, running_primary
from failover_dns.core.changelog import Cause
from tests.servers.programs import require
from tests.servers.zones import ZONES
from tests.whole.daemon import BACKUP, FORWARD, MAIN, REVERSE, Site, running, until

VIRTUAL = "10.10.10.5"
STALE = f"{BACKUP}.example.test. 60 A {VIRTUAL}"


@dataclass(frozen=True, slots=True)
class Shared:
    """A site whose primary tells the daemon of changes, if it listens; and others that change the zones."""

    site: Site
    port: int

    def configure(self, *, listens: bool, audit_s: int = 3600, settings: str = "") -> None:
        text = self.site.config.read_text()
        assert "audit_s = 3600\n" in text
        text = text.replace("audit_s = 3600\n", f"audit_s = {audit_s}\n{settings}")
        notify = f'\n[notify]\nlisten = "127.0.0.1:{self.port}"\nfrom = ["127.0.0.1"]\n'
        self.site.config.write_text(text + notify * listens)

    def register(self, agent: str) -> None:
        """Add the virtual IP's A record at an agent, with a key that is not the daemon's."""
        server = self.site.server
        update = server.update(FORWARD, key=server.keys["hmac-sha384"])
        update.add(agent, 60, "A", VIRTUAL)
        assert server.rcode(update) == "NOERROR"

    def point(self, agent: str) -> None:
        """Add the virtual IP's PTR record to an agent, with a key that is not the daemon's."""
        server = self.site.server
        update = server.update(REVERSE, key=server.keys["hmac-sha384"])
        update.add("5", 60, "PTR", f"{agent}.example.test.")
        assert server.rcode(update) == "NOERROR"

    def withdraw(self, agent: str) -> None:
        """Remove the virtual IP's A record from an agent, with a key that is not the daemon's."""
        server = self.site.server
        update = server.update(FORWARD, key=server.keys["hmac-sha384"])
        update.delete(agent, "A", VIRTUAL)
        assert server.rcode(update) == "NOERROR"

    async def repaired(self, *zones: str) -> None:
        """Return once an outcome is written for each of `zones`, one for each time that it is named."""
        await until(lambda: sorted(result.zone for result in self.site.results()) == sorted(zones))

    def wakes(self) -> set[tuple[Cause, str]]:
        return {(intent.cause, intent.wake) for intent in self.site.intents().values()}


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Shared]:
    require("named")
    port = free_port()
    with running_primary(ZONES, tells=[port]) as server:
        site = Site(tmp_path, server)
        site.configure(server.port)
        site.online(MAIN)
        site.fence(MAIN)
        yield Shared(site, port)


async def test_notify_has_stale_records_removed(shared: Shared) -> None:
    shared.configure(listens=True)
    async with running(shared.site) as daemon:
        await daemon.event("ready")
        shared.register(BACKUP)
        shared.point(BACKUP)
        repaired = await daemon.event("drift_repaired")
        assert (repaired["wake"], repaired["online"]) == ("notify", "dma-main.example.test.")
        await shared.repaired(FORWARD, REVERSE)
        assert await daemon.stop() == 0
    shared.site.require_agreement(MAIN)
    assert shared.wakes() == {(Cause.DRIFT, "notify")}


async def test_notify_has_a_vanished_record_restored(shared: Shared) -> None:
    shared.configure(listens=True)
    async with running(shared.site) as daemon:
        await daemon.event("ready")
        shared.withdraw(MAIN)
        repaired = await daemon.event("drift_repaired")
        assert (repaired["wake"], repaired["zones"]) == ("notify", {FORWARD: "applied"})
        assert shared.site.shows(MAIN)
        assert await daemon.stop() == 0
    assert shared.wakes() == {(Cause.DRIFT, "notify")}


async def test_without_notify_the_audit_has_stale_records_removed(shared: Shared) -> None:
    shared.configure(listens=False, audit_s=1)
    async with running(shared.site) as daemon:
        await daemon.event("ready")
        shared.register(BACKUP)
        shared.point(BACKUP)
        assert (await daemon.event("drift_repaired"))["wake"] == "audit"
        await shared.repaired(FORWARD, REVERSE)
        assert await daemon.stop() == 0
    shared.site.require_agreement(MAIN)
    assert shared.wakes() == {(Cause.DRIFT, "audit")}


async def test_without_notify_the_audit_has_a_vanished_record_restored(shared: Shared) -> None:
    shared.configure(listens=False, audit_s=1)
    async with running(shared.site) as daemon:
        await daemon.event("ready")
        shared.withdraw(MAIN)
        assert (await daemon.event("drift_repaired"))["wake"] == "audit"
        assert shared.site.shows(MAIN)
        assert await daemon.stop() == 0
    assert shared.wakes() == {(Cause.DRIFT, "audit")}


async def test_what_keeps_returning_is_left_and_its_host_is_named(shared: Shared) -> None:
    shared.configure(listens=True, settings="drift_limit = 2\n")
    async with running(shared.site) as daemon:
        await daemon.event("ready")
        for times in (1, 2):
            shared.register(BACKUP)
            await shared.repaired(*[FORWARD] * times)
        shared.register(BACKUP)
        told = await daemon.event("record_keeps_returning")
        assert told["hosts"] == ["dma-backup.example.test."]
        assert told["again_in_s"] > 3000
        assert await daemon.stop() == 0
    assert len(shared.site.intents()) == 2
    assert STALE in shared.site.server.records(FORWARD)
