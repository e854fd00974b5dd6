"""The daemon dies at every point of a transaction; when it is back, DNS and the change log agree."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import filelock

from failover_dns.core.outcome import Verdict
from tests.servers.client import DnsServer
from tests.whole.daemon import BACKUP, FORWARD, MAIN, REVERSE, Daemon, Site, running, until
from tests.whole.proxy import Hold, Proxy, proxy_to

NOT_MADE, MADE = (Verdict.REFUSED, True), (Verdict.APPLIED, True)
"""How a restarted daemon closes an intent that it finds open."""

ANEW = (Verdict.APPLIED, False)


@dataclass(frozen=True, slots=True)
class Switching:
    """A daemon that is about to switch behind a proxy."""

    site: Site
    proxy: Proxy
    daemon: Daemon

    async def die(self) -> None:
        """Kill it, and let nothing that it sent and the proxy holds reach the primary."""
        await self.daemon.kill()
        await self.proxy.close()
        self.proxy.release()

    def closed(self, zone: str) -> list[tuple[Verdict, bool]]:
        return [(result.verdict, result.recovered) for result in self.site.results() if result.zone == zone]


@asynccontextmanager
async def switching(site: Site, *, hold: Hold, zone: str | None = None) -> AsyncIterator[Switching]:
    """Run a daemon until MAIN is published, then have `hold` in force and switch to BACKUP."""
    async with proxy_to(site.server.host, site.server.port) as proxy:
        site.configure(proxy.port)
        async with running(site) as daemon:
            await daemon.event("ready")
            proxy.hold(hold, zone=zone)
            site.online(BACKUP)
            yield Switching(site, proxy, daemon)


async def come_back(site: Site) -> None:
    """Start the daemon anew, and stop it in order once every pair was looked at."""
    async with running(site) as daemon:
        await daemon.event("ready")
        assert await daemon.stop() == 0
    site.require_agreement(BACKUP)


async def test_killed_while_it_reads_for_the_first_time(site: Site, bind: DnsServer) -> None:
    site.online(BACKUP)
    async with proxy_to(bind.host, bind.port) as proxy:
        site.configure(proxy.port)
        proxy.hold(Hold.READ)
        async with running(site) as daemon:
            await proxy.wait_held(1)
            await daemon.kill()
        await proxy.close()
        proxy.release()
        assert (site.intents(), site.shows(MAIN)) == ({}, True)
        await come_back(site)
    assert [(r.verdict, r.recovered) for r in site.results()] == [ANEW, ANEW]


async def test_killed_before_the_intent_is_written(site: Site) -> None:
    async with running(site) as daemon:
        await daemon.event("ready")
        with filelock.FileLock(site.state / "lock"):
            site.online(BACKUP)
            await until(lambda: is_taken(filelock.FileLock(site.state / "lock.waiting")))
            await daemon.kill()
    assert (site.intents(), site.shows(MAIN)) == ({}, True)
    await come_back(site)


def is_taken(lock: filelock.FileLock) -> bool:
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        return True
    lock.release()
    return False


async def test_killed_after_the_intent_is_written_while_it_connects(site: Site) -> None:
    async with switching(site, hold=Hold.CONNECTION) as switch:
        await switch.proxy.wait_held(2)
        await switch.die()
        assert {intent.zone for intent in site.intents().values()} == {FORWARD, REVERSE}
        assert (site.results(), site.shows(MAIN)) == ([], True)
        await come_back(site)
        assert switch.closed(FORWARD) == [NOT_MADE, ANEW]
        assert switch.closed(REVERSE) == [NOT_MADE, ANEW]


async def test_killed_after_sending_what_never_arrives(site: Site) -> None:
    async with switching(site, hold=Hold.UPDATE) as switch:
        await switch.proxy.wait_held(2)
        await switch.die()
        assert (site.results(), site.shows(MAIN)) == ([], True)
        await come_back(site)
        assert switch.closed(FORWARD) == [NOT_MADE, ANEW]
        assert switch.closed(REVERSE) == [NOT_MADE, ANEW]


async def test_killed_after_the_update_is_applied_and_before_its_answer(site: Site) -> None:
    async with switching(site, hold=Hold.ANSWER) as switch:
        await switch.proxy.wait_held(2)
        await switch.die()
        assert (site.results(), site.shows(BACKUP)) == ([], True)
        serial = site.server.serial(FORWARD)
        await come_back(site)
        assert (switch.closed(FORWARD), switch.closed(REVERSE)) == ([MADE], [MADE])
        assert site.server.serial(FORWARD) == serial


async def test_killed_after_the_answer_and_before_the_outcome_is_written(site: Site) -> None:
    async with switching(site, hold=Hold.READ_BACK) as switch:
        await switch.proxy.wait_held(5)  # three names of the forward zone and two of the reverse zone
        await switch.die()
        assert (site.results(), site.shows(BACKUP)) == ([], True)
        await come_back(site)
        assert (switch.closed(FORWARD), switch.closed(REVERSE)) == ([MADE], [MADE])


async def test_killed_with_one_zone_done_and_the_other_not(site: Site) -> None:
    async with switching(site, hold=Hold.UPDATE, zone=REVERSE) as switch:
        await switch.proxy.wait_held(1)
        await until(lambda: switch.closed(FORWARD) == [ANEW])
        await switch.die()
        assert not site.shows(MAIN)
        assert not site.shows(BACKUP)
        await come_back(site)
        assert (switch.closed(FORWARD), switch.closed(REVERSE)) == ([ANEW], [NOT_MADE, ANEW])


async def test_killed_and_switched_back_while_it_was_dead(site: Site) -> None:
    async with switching(site, hold=Hold.ANSWER) as switch:
        await switch.proxy.wait_held(2)
        await switch.die()
        site.online(MAIN)
        async with running(site) as daemon:
            await daemon.event("ready")
            assert await daemon.stop() == 0
        site.require_agreement(MAIN)
        assert switch.closed(FORWARD) == [MADE, ANEW]
