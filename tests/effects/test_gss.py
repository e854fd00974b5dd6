"""One context for many updates: when it is negotiated, renewed, replaced, and given up.

The library and the primary are scripted here; the real ones are in tests/kerberos.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import dns.message
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig
import pytest
from dns.rdtypes.ANY.TKEY import TKEY

from failover_dns.core.errors import FailoverDnsError, SilentError, UnsentError
from failover_dns.core.kerberos import FLAGS, Credentials, LibraryError, NegotiationError, Trouble, explain
from failover_dns.effects.gss import open_mechanism
from failover_dns.effects.gss.signer import GssSigner
from failover_dns.effects.lane import Lane
from tests.conduct.world import Clock

SERVER = "dc1.example.test"
DEADLINE_S = 30.0


@dataclass(slots=True)
class Context:
    """Complete after as many of the server's tokens as it was told."""

    tokens: int
    life_s: float | None
    heard: list[bytes] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return len(self.heard) > self.tokens

    def negotiate(self, token: bytes) -> bytes:
        self.heard.append(token)
        return b"" if self.complete and token else b"ours"

    def sign(self, octets: bytes) -> bytes:
        return octets[:16]

    def verify(self, octets: bytes, mac: bytes) -> None:
        if octets[:16] != mac:
            raise ValueError


@dataclass(slots=True)
class Script:
    """A mechanism and a primary that do as they are told."""

    account: str = "failover@EXAMPLE.TEST"
    tokens: int = 1
    ticket_s: float | None = 36_000.0
    tkey_s: int = 3600
    trouble: Callable[[bool], Exception | None] = lambda _: None
    silent: Exception | None = None
    begun: list[tuple[str, bool]] = field(default_factory=list)
    closed: bool = False
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self, server: str, *, fresh: bool) -> Context:
        self.begun.append((server, fresh))
        error = self.trouble(fresh)
        if error is not None:
            raise error
        return Context(self.tokens, self.ticket_s)

    def close(self) -> None:
        self.closed = True

    async def exchange(self, wire: bytes, *, deadline_s: float) -> bytes:
        assert deadline_s > 0
        await self.may_answer.wait()
        if self.silent is not None:
            raise self.silent
        query = dns.message.from_wire(wire)
        response = dns.message.make_response(query)
        tkey = TKEY(  # type: ignore[no-untyped-call]  # dnspython leaves it untyped
            dns.rdataclass.ANY,
            dns.rdatatype.TKEY,
            dns.tsig.GSS_TSIG,
            0,
            self.tkey_s,
            3,
            0,
            b"theirs" if self.tokens else b"",
        )
        response.answer.append(dns.rrset.from_rdata(query.question[0].name, 0, tkey))
        return response.to_wire()


@dataclass(slots=True)
class World:
    script: Script
    clock: Clock
    signer: GssSigner
    told: list[FailoverDnsError]

    async def key(self, server: str = SERVER) -> dns.tsig.Key:
        return await self.signer.key(self.script.exchange, server, deadline_s=DEADLINE_S)

    async def until_begun(self, count: int) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while len(self.script.begun) < count:  # noqa: ASYNC110 - a thread of the lane
                await asyncio.sleep(0)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    lane, script, clock, told = Lane("kerberos"), Script(), Clock(), list[FailoverDnsError]()
    script.may_answer.set()
    signer = GssSigner(script, run=lane.run, clock=clock, tell=told.append)
    yield World(script, clock, signer, told)
    await signer.close()
    lane.close()


def kdc_gone(_: bool) -> Exception:  # noqa: FBT001 - as a mechanism is asked
    return explain(Trouble.KDC_UNREACHABLE, account="failover", server=SERVER)


async def test_one_context_serves_many_updates_and_every_spelling_of_the_server(world: World) -> None:
    key = await world.key()
    assert await world.key("DC1.Example.TEST.") is key
    assert world.script.begun == [(SERVER, False)]
    assert world.signer.name == "failover@EXAMPLE.TEST"


async def test_each_server_has_a_context_of_its_own(world: World) -> None:
    assert await world.key() is not await world.key("dc2.example.test")


async def test_all_who_ask_meanwhile_get_the_same_context(world: World) -> None:
    keys = await asyncio.gather(*(world.key() for _ in range(20)))
    assert all(key is keys[0] for key in keys)
    assert len(world.script.begun) == 1


async def test_one_who_gives_up_leaves_the_negotiation_to_the_others(world: World) -> None:
    world.script.may_answer.clear()
    first, second = asyncio.create_task(world.key()), asyncio.create_task(world.key())
    await world.until_begun(1)
    first.cancel()
    world.script.may_answer.set()
    assert (await second).algorithm == dns.tsig.GSS_TSIG
    assert first.cancelled()


@pytest.mark.parametrize("tokens", [0, 1, 2, 5])
async def test_a_negotiation_takes_as_many_legs_as_the_library_wants(world: World, tokens: int) -> None:
    world.script.tokens = tokens
    assert (await world.key()).algorithm == dns.tsig.GSS_TSIG


async def test_a_negotiation_that_goes_round_in_circles_comes_to_an_end(world: World) -> None:
    world.script.tokens = 1000
    with pytest.raises(NegotiationError, match="the negotiation came to no end"):
        await world.key()


@pytest.mark.parametrize(
    ("tkey_s", "ticket_s", "half_s"),
    [(3600, 36_000.0, 1800.0), (86_400, 36_000.0, 18_000.0), (3600, None, 1800.0), (0, 36_000.0, 5.0)],
    ids=["TKEY is shorter", "the ticket is shorter", "the library does not say", "no storm"],
)
async def test_a_context_is_renewed_at_half_of_the_shorter_life(
    world: World, tkey_s: int, ticket_s: float | None, half_s: float
) -> None:
    world.script.tkey_s, world.script.ticket_s = tkey_s, ticket_s
    first = await world.key()
    world.clock.mono_s += half_s - 0.1
    assert await world.key() is first
    assert len(world.script.begun) == 1
    world.clock.mono_s += 0.2
    assert await world.key() is first
    await world.until_begun(2)


async def test_a_renewal_that_fails_is_told_and_the_old_context_serves_to_its_end(world: World) -> None:
    first = await world.key()
    world.script.trouble = kdc_gone
    world.clock.mono_s += 1800
    assert await world.key() is first
    async with asyncio.timeout(DEADLINE_S):
        while not world.told:  # noqa: ASYNC110 - a task of the signer
            await asyncio.sleep(0)
    assert world.told[0].what == f"signing in to {SERVER}: no KDC can be reached"

    assert await world.key() is first
    assert len(world.script.begun) == 2  # the next attempt is a minute later
    world.clock.mono_s += 60
    assert await world.key() is first
    await world.until_begun(3)

    world.clock.mono_s += 1400
    with pytest.raises(NegotiationError, match="no KDC can be reached"):
        await world.key()


async def test_a_context_that_was_lost_is_replaced_with_fresh_tickets_once(world: World) -> None:
    first = await world.key()
    assert world.signer.discard(first)
    second = await world.key()
    assert world.script.begun == [(SERVER, False), (SERVER, True)]
    assert not world.signer.discard(second)
    assert await world.key() is second


async def test_a_replacement_that_has_served_is_replaced_again(world: World) -> None:
    world.signer.discard(await world.key())
    second = await world.key()
    world.clock.mono_s += 60
    assert world.signer.discard(second)
    assert await world.key() is not second


async def test_who_comes_late_with_a_context_that_is_gone_gets_the_new_one(world: World) -> None:
    first = await world.key()
    world.signer.discard(first)
    second = await world.key()
    assert world.signer.discard(first)
    assert await world.key() is second


async def test_where_no_fresh_tickets_are_to_be_had_those_in_hand_do(world: World) -> None:
    first = await world.key()
    world.signer.discard(first)
    world.script.trouble = lambda fresh: kdc_gone(fresh) if fresh else None
    assert await world.key() is not first
    assert world.script.begun == [(SERVER, False), (SERVER, True), (SERVER, False)]


async def test_a_negotiation_that_failed_is_begun_anew_by_the_next_who_asks(world: World) -> None:
    world.script.trouble = kdc_gone
    with pytest.raises(NegotiationError):
        await world.key()
    world.script.trouble = lambda _: None
    assert (await world.key()).algorithm == dns.tsig.GSS_TSIG


async def test_a_primary_that_was_silent_to_a_token_was_sent_no_update(world: World) -> None:
    world.script.silent = SilentError("192.0.2.1#53 gave no answer in time", "see its log")
    with pytest.raises(
        UnsentError, match=r"negotiating with dc1\.example\.test: 192\.0\.2\.1#53 gave no answer"
    ):
        await world.key()


async def test_a_primary_that_is_not_there_is_told_as_such(world: World) -> None:
    world.script.silent = UnsentError("192.0.2.1#53 does not take a connection")
    with pytest.raises(UnsentError, match=r"^192\.0\.2\.1#53 does not take a connection$"):
        await world.key()


async def test_closing_ends_what_is_under_way(world: World) -> None:
    world.script.may_answer.clear()
    asked = asyncio.create_task(world.key())
    await world.until_begun(1)
    await world.signer.close()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert world.script.closed


@pytest.mark.parametrize(("platform", "library"), [("linux", "gssapi"), ("win32", "spnego")])
def test_a_missing_library_is_told_with_its_extra_and_none_is_imported_early(
    platform: str, library: str
) -> None:
    program = f"""
import sys
import failover_dns.effects.gss.signer
assert not {{"gssapi", "spnego"}} & set(sys.modules)
sys.modules["{library}"] = None
from failover_dns.core.kerberos import FLAGS, Credentials, LibraryError
from failover_dns.effects.gss import open_mechanism
try:
    open_mechanism(Credentials(), FLAGS, platform="{platform}")
except LibraryError as error:
    assert "failover-dns[gss]" in error.cure
else:
    sys.exit(1)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_on_windows_only_the_services_own_account_signs() -> None:
    pytest.importorskip("spnego")
    with pytest.raises(LibraryError, match="the service's own account"):
        open_mechanism(Credentials(principal="failover@EXAMPLE.TEST"), FLAGS, platform="win32")
