"""`failover-dns check` with a Kerberos account: the chain step by step, and who may write which name."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import dns.message
import dns.query
import pytest

from tests.kerberos.client import signing
from tests.kerberos.site import BACKUP, FENCE, MAIN, VIRTUAL, Site, command, remove, running
from tests.kerberos.test_contexts import faketime
from tests.servers.kerberos import ACCOUNT, REVERSE, STRANGER, Realm
from tests.servers.programs import HOST, free_port
from tests.servers.samba import shell


def at(site: Site) -> str:
    return f"{HOST}#{site.realm.dns_port}"


async def test_each_step_is_told_and_nothing_changes(site: Site) -> None:
    serials = [serial(site.realm, zone) for zone in (site.realm.zone, REVERSE)]
    code, output, _ = await command(site, "check")
    who, server = site.realm.principal(ACCOUNT), site.realm.server
    told = [
        f"ok     {at(site)}: it is {HOST}, and calls itself {server}",
        f"ok     {at(site)}: {who} has a ticket for DNS/{server}",
        f"ok     {at(site)}: {who} has a security context (TKEY)",
        f"ok     zone {site.realm.zone} at {at(site)}: account {who} is accepted",
        f"ok     zone {site.realm.zone} at {at(site)}: {MAIN}.{site.realm.zone} A may be changed",
        f"ok     zone {site.realm.zone} at {at(site)}: {FENCE}.{site.realm.zone} TXT may be made",
        f"ok     zone {REVERSE} at {at(site)}: 5.{REVERSE} PTR may be made",
    ]
    assert [line for line in told if line not in output.splitlines()] == [], output
    assert f"ok     {at(site)}: its clock and this host's differ by " in output
    assert code == 0
    assert site.realm.ask("5", "PTR", REVERSE) == set()
    assert site.realm.ask(FENCE, "TXT") == set()
    assert [serial(site.realm, zone) for zone in (site.realm.zone, REVERSE)] == serials


async def test_it_stops_at_the_primary(site: Site) -> None:
    site.config.write_text(site.config.read_text().replace(str(site.realm.dns_port), str(free_port())))
    code, output, _ = await command(site, "check")
    assert (code, output.count("cannot be reached"), "ticket" in output) == (1, 1, False)
    assert output.count("not looked at; see what is wrong at this primary above") == 1


async def test_it_stops_at_the_name_of_the_server(site: Site) -> None:
    site.config.write_text(site.config.read_text().replace(f"{HOST}:", "nowhere.invalid:"))
    code, output, _ = await command(site, "check")
    assert code == 1
    assert "WRONG  nowhere.invalid#" in output
    assert "the name nowhere.invalid is not known to this host" in output
    assert "or write the primary's address into primaries" in output


@pytest.mark.needs("faketime")
@pytest.mark.parametrize(("ahead_s", "side"), [(700, "behind"), (-700, "ahead of")])
async def test_it_stops_at_the_clock_and_says_by_how_much(
    domain: Realm, tmp_path: Path, ahead_s: int, side: str
) -> None:
    site = Site(tmp_path, domain)
    site.configure()
    site.online(MAIN)
    await asyncio.to_thread(domain.dns_service.restart, {"FAKETIME": f"{ahead_s:+d}s", **faketime()})
    try:
        code, output, _ = await command(site, "check")
    finally:
        await asyncio.to_thread(domain.dns_service.restart)
    assert code == 1
    assert re.search(
        rf"WRONG  .*: this host's clock is (699|700|701) s {side} the primary's; set both clocks", output
    )
    assert "ticket" not in output


async def test_it_stops_at_the_ticket(site: Site) -> None:
    site.krb5(kdc_port=free_port())
    code, output, _ = await command(site, "check")
    assert code == 1
    assert "no KDC can be reached" in output
    assert "has a ticket" not in output
    assert "TKEY" not in output


async def test_bind_names_the_names_that_its_policy_denies(bind: Realm, tmp_path: Path) -> None:
    site = Site(tmp_path, bind)
    site.configure(STRANGER)
    site.online(MAIN)
    code, output, _ = await command(site, "check")
    assert code == 1
    assert (
        f"WRONG  zone {REVERSE} at {at(site)}: 5.{REVERSE} PTR may not be made: REFUSED the primary refuses"
        in output
    )
    assert "in update-policy, as `failover-dns grants` tells" in output


async def test_names_that_another_account_made_are_told_and_mended_by_what_is_printed(
    domain: Realm, tmp_path: Path
) -> None:
    site = Site(tmp_path, domain)
    site.configure(STRANGER)
    site.online(MAIN)
    await asyncio.to_thread(shell, domain, delete_nodes(domain))
    try:
        async with signing(domain) as owner:
            await owner.add(MAIN, "10.10.10.1", VIRTUAL)
            await owner.add(BACKUP, "10.10.10.2")
            await remove(owner, domain.zone, BACKUP)  # its owner stays
        site.online(BACKUP)
        async with running(site) as daemon:
            told = await daemon.event("change_failed")
        assert "its access list denies this update" in str(told["why"])
        assert {r.verdict for r in site.results() if r.zone == domain.zone} == {"refused"}
        assert domain.ask(MAIN, "A") == {"10.10.10.1", VIRTUAL}

        code, output, _ = await command(site, "check")
        wrong = [line for line in output.splitlines() if line.startswith("WRONG")]
        assert code == 1
        assert [re.search(r"#\d+: (\S+) A may not be", line)[1] for line in sorted(wrong)] == [  # type: ignore[index]
            f"{name}.{domain.zone}" for name in (BACKUP, MAIN)
        ]
        assert all(
            "belongs to the account that made it, even once its records are gone" in line for line in wrong
        )
        for line in wrong:
            commands = line.partition("on Samba by `")[2].partition("`")[0]
            await asyncio.to_thread(shell, domain, commands)

        code, output, _ = await command(site, "check")
        assert code == 0, output
        async with running(site) as daemon:
            await daemon.event("ready")
            assert site.shows(BACKUP)
    finally:
        await asyncio.to_thread(shell, domain, delete_nodes(domain))


async def test_the_printed_grants_for_samba_are_enough(domain: Realm, tmp_path: Path) -> None:
    site = Site(tmp_path, domain)
    site.configure(STRANGER)
    site.online(MAIN)
    await asyncio.to_thread(shell, domain, delete_nodes(domain))
    try:
        async with signing(domain) as owner:
            await owner.add(MAIN, "10.10.10.1")
            await owner.add(BACKUP, "10.10.10.2")
        assert (await command(site, "check"))[0] == 1
        _, printed, _ = await command(site, "grants", "--server", "samba")
        await asyncio.to_thread(shell, domain, printed)
        code, output, _ = await command(site, "check")
        assert code == 0, output
    finally:
        await asyncio.to_thread(shell, domain, delete_nodes(domain))


def serial(realm: Realm, zone: str) -> str:
    query = dns.message.make_query(zone, "SOA")
    return str(dns.query.tcp(query, HOST, timeout=5, port=realm.dns_port).answer[0][0])


def delete_nodes(domain: Realm) -> str:
    """Return commands that remove the pair's nodes from the directory, with whoever owns them."""
    base = "CN=MicrosoftDNS,DC=DomainDnsZones,DC=ad,DC=example,DC=test"
    names = [(name, domain.zone) for name in (MAIN, BACKUP, FENCE)] + [("5", REVERSE), (FENCE, REVERSE)]
    return "; ".join(f'ldbdel "DC={name},DC={zone[:-1]},{base}" || true' for name, zone in names)
