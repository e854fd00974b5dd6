"""Contexts that servers lose, that grow old, and that several writers use at once."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from failover_dns.wire.sign import Heard
from tests.kerberos.client import Client, signing
from tests.servers.kerberos import Realm, Service

SAMBAS_CONTEXTS = 128
RACES = 200
WAIT_S = 30.0


async def test_after_a_restart_one_more_negotiation_is_enough(realm: Realm) -> None:
    async with signing(realm) as client:
        key = await client.key()
        assert (await client.add("restart", "10.0.0.1")).verified
        await asyncio.to_thread(restart_as_after_a_crash, realm)

        heard = await client.add("restart", "10.0.0.2")
        assert (heard.rcode, heard.context_lost) == ("NOTAUTH+BADKEY", True)
        assert client.signer.discard(key)
        assert (await client.add("restart", "10.0.0.2")).verified
        assert not client.signer.discard(await client.key())


async def test_bind_keeps_its_contexts_over_an_orderly_restart(bind: Realm) -> None:
    async with signing(bind) as client:
        await client.key()
        await asyncio.to_thread(bind.dns_service.restart)
        assert (await client.add("orderly", "10.0.0.1")).verified


async def test_samba_forgets_the_oldest_of_its_contexts(domain: Realm) -> None:
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(signing(domain))
        key = await client.key()
        other = await stack.enter_async_context(signing(domain))
        for _ in range(SAMBAS_CONTEXTS - 1):
            key_of_other = await other.key()
            other.clock.ahead_s += 60  # one that is young is not replaced
            assert other.signer.discard(key_of_other)
        assert (await client.add("evicted", "10.0.0.1")).verified
        await other.key()
        heard = await client.add("evicted", "10.0.0.1")
        assert (heard.rcode, heard.context_lost) == ("NOTAUTH+BADKEY", True)
        assert client.signer.discard(key)
        assert (await client.add("evicted", "10.0.0.1")).verified


async def test_a_context_is_renewed_at_half_the_tickets_life_while_it_serves(
    bind: Realm, tmp_path: Path
) -> None:
    bind.configure(tmp_path, settings="ticket_lifetime = 1000s")
    async with signing(bind) as client:
        first = await client.key()
        client.clock.ahead_s = 490
        assert await client.key() is first
        client.clock.ahead_s = 510
        assert await client.key() is first  # the next one is on its way
        await until_renewed(client, first.name.to_text())
        assert (await client.add("renewed", "10.0.0.1")).verified


async def test_a_context_whose_life_is_over_is_not_used(bind: Realm, tmp_path: Path) -> None:
    bind.configure(tmp_path, settings="ticket_lifetime = 1000s")
    async with signing(bind) as client:
        first = await client.key()
        client.clock.ahead_s = 910
        assert (await client.key()).name != first.name


async def test_all_who_ask_at_once_share_one_negotiation(realm: Realm) -> None:
    async with signing(realm) as client:
        keys = await asyncio.gather(*(client.key() for _ in range(20)))
        assert len({key.name for key in keys}) == 1


async def test_of_two_writers_that_race_exactly_one_wins_every_time(realm: Realm) -> None:
    async with signing(realm) as one, signing(realm) as two:
        update = one.update()
        update.add("fence", 60, "TXT", '"0 nobody"')
        await one.send(update)
        standing = "0 nobody"
        for epoch in range(1, RACES + 1):
            wanted = (f"{epoch} one", f"{epoch} two")
            answers = await asyncio.gather(claim(one, standing, wanted[0]), claim(two, standing, wanted[1]))
            won = [text for text, heard in zip(wanted, answers, strict=True) if heard.rcode == "NOERROR"]
            lost = [heard for heard in answers if heard.rcode != "NOERROR"]
            assert (len(won), [heard.rcode for heard in lost]) == (1, ["NXRRSET"])
            assert realm.ask("fence", "TXT") == {f'"{won[0]}"'}
            [standing] = won


@pytest.mark.needs("faketime")
@pytest.mark.parametrize("ahead_s", [-600, 600])
async def test_sambas_clock_may_differ_for_kerberos_and_its_answers_are_not_believed(
    domain: Realm, ahead_s: int
) -> None:
    await asyncio.to_thread(domain.dns_service.restart, {"FAKETIME": f"{ahead_s:+d}s", **faketime()})
    try:
        async with signing(domain) as client:
            heard = await client.add("skewed", "10.0.0.1")
            assert (heard.rcode, heard.verified) == ("NOERROR", False)
            assert heard.problem == "the answer's signature is out of time: one of both clocks is wrong"
            assert heard.cure == "set this host's clock and the primary's (NTP)"
    finally:
        await asyncio.to_thread(domain.dns_service.restart)


async def claim(client: Client, standing: str, wanted: str) -> Heard:
    """Replace the fence as it stands by another, in one message."""
    update = client.update()
    update.present("fence", "TXT", f'"{standing}"')
    update.delete("fence", "TXT", f'"{standing}"')
    update.add("fence", 60, "TXT", f'"{wanted}"')
    return await client.send(update)


async def until_renewed(client: Client, first: str) -> None:
    async with asyncio.timeout(WAIT_S):
        while (await client.key()).name.to_text() == first:  # noqa: ASYNC110 - a task of the signer
            await asyncio.sleep(0)


def faketime() -> dict[str, str]:
    """Return what makes a program see another time."""
    [library] = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
    return {"LD_PRELOAD": str(library)}


def restart_as_after_a_crash(realm: Realm) -> None:
    """Restart the server without what BIND writes down of its contexts when it ends in order."""
    service: Service = realm.dns_service
    service.stop()
    for kept in realm.folder.glob("*.tsigkeys"):
        kept.unlink()
    assert service.start()
