"""What an administrator is told where no security context comes about, and how long that takes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from failover_dns.core.kerberos import Credentials, NegotiationError
from tests.kerberos.client import signing
from tests.servers.kerberos import ACCOUNT, PASSWORD, STRANGER, Realm
from tests.servers.programs import HOST, free_port

LONG_S = 60.0


@pytest.fixture
def silent_kdc() -> Iterator[int]:
    """A port at which something takes all that is sent and says nothing."""
    with socket.socket() as streams, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        streams.bind((HOST, 0))
        port: int = streams.getsockname()[1]
        datagrams.bind((HOST, port))
        streams.listen()
        yield port


@pytest.mark.parametrize("name", ["nobody.{zone}", "127.0.0.1", "localhost", "{zone}"])
async def test_a_name_that_is_not_the_servers_own_is_asked_after(realm: Realm, name: str) -> None:
    server = name.format(zone=realm.zone).rstrip(".")
    async with signing(realm) as client:
        with pytest.raises(NegotiationError) as caught:
            await client.key(server)
    question = f"the KDC does not know DNS/{server}: is this the server's own name?"
    assert caught.value.what.startswith(f"signing in to {server}: {question}")
    assert caught.value.cure.startswith("name the primary as its host is called in the domain")


async def test_a_server_without_a_key_for_the_ticket_says_badkey(bind: Realm) -> None:
    async with signing(bind) as client:
        with pytest.raises(
            NegotiationError, match=r"the primary answered BADKEY; .*DNS/other\.example\.test"
        ):
            await client.key("other.example.test")


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"keytab": "missing"}, "there are no Kerberos credentials for .*No such file"),
        ({"ccache": "missing"}, "there are no Kerberos credentials for .*No such file"),
        (
            {"password_file": "missing", "principal": ACCOUNT},
            "there are no Kerberos credentials for failover",
        ),
        (
            {"keytab": "stranger.keytab", "principal": "failover@{realm}"},
            "there are no Kerberos credentials for failover@",
        ),
        (
            {"password_file": "password", "principal": "nobody@{realm}"},
            "the KDC does not know the account nobody@",
        ),
        (
            {"password_file": "old", "principal": "stranger@{realm}"},
            "the KDC does not accept the keytab or password of stranger@",
        ),
        ({"password_file": "password", "principal": "failover@NO.WHERE"}, "the realm is not known here"),
    ],
)
async def test_credentials_that_do_not_do_are_told_apart(
    realm: Realm, tmp_path: Path, given: dict[str, str], what: str
) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "old").write_text("Another.1")
    (tmp_path / "stranger.keytab").write_bytes(realm.keytab(STRANGER).read_bytes())
    principal = given.get("principal", "").format(realm=realm.name) or None
    paths = {kind: tmp_path / name for kind, name in given.items() if kind != "principal"}
    async with signing(realm, Credentials(principal=principal, **paths)) as client:
        with pytest.raises(NegotiationError, match=what):
            await client.key()


async def test_a_ticket_that_has_expired_is_told(domain: Realm, tmp_path: Path) -> None:
    # Samba takes a ticket of two minutes for one that may only change a password, and says that it is over.
    domain.configure(tmp_path, settings="ticket_lifetime = 60s")
    async with signing(domain) as client:
        with pytest.raises(NegotiationError, match=r"has expired \(Ticket expired\); renew the ticket cache"):
            await client.key()


async def test_a_silent_kdc_costs_the_deadline_and_holds_up_nothing_else(
    realm: Realm, silent_kdc: int, tmp_path: Path
) -> None:
    realm.configure(tmp_path, kdc_port=silent_kdc)
    async with signing(realm) as client:
        asked = asyncio.create_task(client.key(deadline_s=0.5))
        assert await asyncio.to_thread(realm.ask, "nobody", "A") == set()
        assert not asked.done()
        with pytest.raises(NegotiationError, match="the KDC gave no answer in time"):
            await asked
        with pytest.raises(NegotiationError, match="the KDC gave no answer in time"):
            await client.key(deadline_s=LONG_S)  # it does not wait behind the call that hangs


async def test_a_kdc_that_is_down_is_told_at_once(realm: Realm, tmp_path: Path) -> None:
    realm.configure(tmp_path, kdc_port=free_port())
    async with signing(realm) as client:
        with pytest.raises(NegotiationError, match=r"no KDC can be reached .*port 88"):
            await client.key(deadline_s=LONG_S)


async def test_without_a_kdc_a_context_in_hand_serves(realm: Realm, tmp_path: Path) -> None:
    async with signing(realm) as client:
        await client.key()
        realm.configure(tmp_path, kdc_port=free_port())
        assert (await client.add("no-kdc", "10.0.0.1")).verified


async def test_without_a_kdc_the_tickets_in_hand_make_another_context(realm: Realm, tmp_path: Path) -> None:
    async with signing(realm) as client:
        first = await client.key()
        realm.configure(tmp_path, kdc_port=free_port())
        assert client.signer.discard(first)
        assert (await client.key()).name != first.name
        assert (await client.add("tickets", "10.0.0.1")).verified


async def test_a_primary_that_does_not_answer_is_not_taken_for_the_kdc(bind: Realm, silent_kdc: int) -> None:
    async with signing(bind) as client, contextlib.AsyncExitStack() as stack:
        silent = await stack.enter_async_context(client.at(silent_kdc))
        with pytest.raises(
            NegotiationError, match=r"negotiating with ns\.example\.test: 127\.0\.0\.1#\d+ gave"
        ):
            await client.signer.key(silent.exchange, bind.server, deadline_s=0.5)
