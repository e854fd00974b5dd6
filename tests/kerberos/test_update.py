"""Signed updates and reads at BIND with MIT's Kerberos and at a domain controller of Samba."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import dns.update
import pytest

from failover_dns.core.kerberos import Credentials, Flag
from failover_dns.wire.sign import Heard
from tests.kerberos.client import Client, signing
from tests.servers.kerberos import ACCOUNT, PASSWORD, STRANGER, Realm
from tests.servers.samba import SERVER, allow

SAMBA = "AD.EXAMPLE.TEST"


async def test_an_update_is_signed_verified_and_read_back(realm: Realm) -> None:
    async with signing(realm) as client:
        heard = await client.add("written", "10.0.0.1", "10.0.0.2")
        assert (heard.rcode, heard.verified, heard.problem) == ("NOERROR", True, "")
        assert await client.read("written") == {"10.0.0.1", "10.0.0.2"}
        assert await client.read("never-written") == set()
    assert realm.ask("written", "A") == {"10.0.0.1", "10.0.0.2"}


async def test_unsigned_updates_are_refused(realm: Realm) -> None:
    update = dns.update.UpdateMessage(realm.zone)
    update.add("unsigned", 60, "A", "10.0.0.1")
    assert realm.rcode(update) == "REFUSED"


async def test_a_password_does_as_well_as_a_keytab(realm: Realm, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    given = Credentials(principal=realm.principal(ACCOUNT), password_file=file)
    async with signing(realm, given) as client:
        assert (await client.add("by-password", "10.0.0.1")).verified
        assert client.signer.name == realm.principal(ACCOUNT)


async def test_a_ticket_cache_does_as_well_as_a_keytab(realm: Realm, tmp_path: Path) -> None:
    async with signing(realm, Credentials(ccache=kinit(realm, tmp_path))) as client:
        assert (await client.add("by-ccache", "10.0.0.1")).verified


async def test_the_adapter_for_windows_does_as_well_where_its_library_finds_tickets(
    realm: Realm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRB5CCNAME", str(kinit(realm, tmp_path)))
    async with signing(realm, Credentials(), platform="win32") as client:
        assert (await client.add("by-sspi", "10.0.0.1")).verified
        assert await client.read("by-sspi") == {"10.0.0.1"}


@pytest.mark.parametrize("flag", [Flag.REPLAY])
async def test_more_may_be_asked_of_a_context(realm: Realm, flag: Flag) -> None:
    async with signing(realm, flags=(Flag.MUTUAL, Flag.INTEGRITY, flag)) as client:
        assert (await client.add("flags", "10.0.0.1")).verified
        assert (await client.add("flags", "10.0.0.2")).verified


async def test_a_prerequisite_that_does_not_hold_is_told_by_its_rcode(realm: Realm) -> None:
    async with signing(realm) as client:
        await client.add("held", "10.0.0.1")
        absent, other = client.update(), client.update()
        absent.absent("held", "A")
        other.present("held", "A", "10.0.0.2")
        for update, rcode in ((absent, "YXRRSET"), (other, "NXRRSET")):
            heard = await client.send(update)
            echo = realm.name == SAMBA
            assert (heard.rcode, heard.echo, heard.verified) == (rcode, echo, not echo)
            assert not heard.context_lost


async def test_a_subset_satisfies_sambas_prerequisite_and_not_binds(realm: Realm) -> None:
    async with signing(realm) as client:
        await client.add("several", "10.0.0.1", "10.0.0.2")
        update = client.update()
        update.present("several", "A", "10.0.0.1")
        assert (await client.send(update)).rcode == ("NOERROR" if realm.name == SAMBA else "NXRRSET")


async def test_a_zone_that_is_not_served_is_no_lost_context(realm: Realm) -> None:
    async with signing(realm) as client:
        update = dns.update.UpdateMessage("example.org.")
        update.add("elsewhere", 60, "A", "10.0.0.1")
        heard = await client.send(update)
        assert (heard.rcode, heard.verified, heard.context_lost) == ("NOTAUTH", True, False)


async def test_bind_signs_what_its_policy_denies(bind: Realm) -> None:
    async with signing(bind, Credentials(keytab=bind.keytab(STRANGER))) as client:
        heard = await client.add("denied", "10.0.0.1")
        assert (heard.rcode, heard.verified, heard.echo) == ("REFUSED", True, False)


async def test_samba_echoes_servfail_where_its_access_list_denies_and_the_least_grant_is_enough(
    domain: Realm,
) -> None:
    async with signing(domain) as owner, signing(domain, stranger(domain)) as client:
        await owner.add("owned", "10.0.0.1")
        heard = await client.add("owned", "10.0.0.9")
        assert (heard.rcode, heard.echo, heard.context_lost) == ("SERVFAIL", True, False)
        assert await client.read("owned") == {"10.0.0.1"}

        await asyncio.to_thread(allow, domain, STRANGER, "owned")
        assert (await change(client)).verified
        assert await client.read("owned") == {"10.0.0.9"}


async def test_a_signature_by_another_context_is_rejected_and_tells_that_it_is_lost(realm: Realm) -> None:
    async with signing(realm) as client, signing(realm) as other:
        key, others = await client.key(), await other.key()
        others.name = key.name
        heard = await client.add("forged", "10.0.0.1", key=others)
        assert (heard.rcode, heard.context_lost) == ("NOTAUTH+BADSIG", True)
    assert realm.ask("forged", "A") == set()


async def test_the_domain_knows_its_controller_by_a_short_name_too(domain: Realm) -> None:
    async with signing(domain) as client:
        key = await client.key(SERVER.partition(".")[0])
        assert (await client.add("short", "10.0.0.1", key=key)).verified


async def change(client: Client) -> Heard:
    update = client.update()
    update.delete("owned", "A", "10.0.0.1")
    update.add("owned", 60, "A", "10.0.0.9")
    return await client.send(update)


def stranger(realm: Realm) -> Credentials:
    return Credentials(keytab=realm.keytab(STRANGER))


def kinit(realm: Realm, folder: Path) -> Path:
    """Get a ticket as an administrator would, and return its cache."""
    cache = folder / "ccache"
    keytab = str(realm.keytab(ACCOUNT))
    subprocess.run(["kinit", "-k", "-t", keytab, "-c", str(cache), realm.principal(ACCOUNT)], check=True)
    return cache
