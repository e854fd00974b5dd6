"""The whole path with a Kerberos account: the daemon as its own process, at BIND with MIT's KDC and at Samba."""

from __future__ import annotations

import asyncio

from tests.kerberos.client import signing
from tests.kerberos.site import BACKUP, MAIN, OWN, VIRTUAL, Site, running
from tests.kerberos.test_contexts import restart_as_after_a_crash
from tests.servers.programs import free_port
from tests.whole.daemon import until


async def test_a_switch_is_followed_in_both_zones_under_one_fence(site: Site) -> None:
    async with running(site) as daemon:
        await daemon.event("ready")
        assert site.shows(MAIN)
        site.online(BACKUP)
        await daemon.event("vip_moved")
        assert site.shows(BACKUP)
        assert await daemon.stop() == 0
    assert site.realm.ask(MAIN, "A") == {OWN[MAIN]}
    assert {result.verdict for result in site.results()} == {"applied"}


async def test_what_registers_itself_again_is_removed_again(site: Site) -> None:
    site.configure(audit_s=1)
    async with running(site) as daemon:
        await daemon.event("ready")
        async with signing(site.realm) as client:
            assert (await client.add(BACKUP, VIRTUAL)).verified
        await daemon.event("drift_repaired")
        assert site.shows(MAIN)


async def test_a_switch_after_a_restart_of_the_server_takes_one_more_negotiation(site: Site) -> None:
    async with running(site) as daemon:
        await daemon.event("ready")
        await asyncio.to_thread(restart_as_after_a_crash, site.realm)
        site.online(BACKUP)
        await daemon.event("vip_moved")
        assert site.shows(BACKUP)
    assert {result.verdict for result in site.results()} == {"applied"}


async def test_a_server_that_goes_in_the_middle_of_a_switch_has_it_when_it_is_back(site: Site) -> None:
    async with running(site) as daemon:
        await daemon.event("ready")
        await asyncio.to_thread(site.realm.dns_service.stop)
        site.online(BACKUP)
        await daemon.event("walk_hindered")
        assert await asyncio.to_thread(site.realm.dns_service.start)
        await until(lambda: site.shows(BACKUP))


async def test_without_a_kdc_a_switch_is_made_with_the_context_in_hand(site: Site) -> None:
    async with running(site) as daemon:
        await daemon.event("ready")
        site.krb5(kdc_port=free_port())
        site.online(BACKUP)
        await daemon.event("vip_moved")
        assert site.shows(BACKUP)


async def test_without_a_kdc_and_without_a_context_it_is_told_and_nothing_is_changed(site: Site) -> None:
    site.krb5(kdc_port=free_port())
    async with running(site) as daemon:
        told = await daemon.event("walk_hindered")
    assert "no KDC can be reached" in told["what"]
    assert "port 88" in told["cure"]
    assert not site.intents()
