"""A zone at its primaries: which one is asked, and what a failed exchange says."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from failover_dns.conduct.signing import Server, Shared
from failover_dns.conduct.zone import Sitting, Zone
from failover_dns.core.errors import ReadError, SilentError, UnsentError
from failover_dns.core.model import Change, Key, Record, RRset, Type
from failover_dns.core.outcome import Said
from tests.conduct.world import DEADLINE_S, FORWARD, Forward, Tap, connect
from tests.servers.client import DnsServer
from tests.wire.answers import answer

A = Key("dma-main.example.test.", Type.A)
AAAA = Key("dma-main.example.test.", Type.AAAA)
HELD = RRset(key=A, values=frozenset({ip_address("10.10.10.1"), ip_address("10.10.10.5")}), ttl_s=60)
REMOVE = Change(zone=FORWARD, before=(HELD,), removes=(Record(A, ip_address("10.10.10.5")),))


async def silent(_: bytes, _forward: Forward) -> bytes:
    raise SilentError("127.0.0.1#1 gave no answer in time", "its log says whether it got one")


async def unreachable(_: bytes, _forward: Forward) -> bytes:
    raise UnsentError("127.0.0.1#1 cannot be reached: refused", "is the server running there?")


def zone_at(server: DnsServer, *primaries: Server) -> Zone:
    return Zone(FORWARD, primaries, Shared(server.key), deadline_s=DEADLINE_S)


async def test_the_second_primary_is_not_asked_while_the_first_answers(embedded: DnsServer) -> None:
    async with connect(embedded) as primary:
        first, second = Tap(primary), Tap(primary)
        zone = zone_at(embedded, first, second)
        sitting, found = await zone.read([A, AAAA])
        assert (sitting.primary, found[A]) == (first, HELD)
        assert second.sent == []


@pytest.mark.parametrize("fault", [silent, unreachable])
async def test_the_second_primary_is_asked_when_the_first_does_not_answer(
    embedded: DnsServer, fault: object
) -> None:
    async with connect(embedded) as primary:
        first, second = Tap(primary), Tap(primary)
        first.treat = fault  # type: ignore[assignment]
        zone = zone_at(embedded, first, second)
        sitting, found = await zone.read([A])
        assert (sitting.primary, found[A], zone.sitting) == (second, HELD, sitting)


async def test_the_primary_that_answered_last_is_asked_first_from_then_on(embedded: DnsServer) -> None:
    async with connect(embedded) as primary:
        first, second = Tap(primary), Tap(primary)
        first.treat = silent
        zone = zone_at(embedded, first, second)
        await zone.read([A])
        first.treat = None
        first.sent.clear()
        await zone.read([A])
        assert first.sent == []
        second.treat = silent
        assert (await zone.read([A]))[0].primary is first


async def test_a_primary_that_answers_without_proof_is_not_passed_over(embedded: DnsServer) -> None:
    # What refuses or lies is for an operator to see; the next primary is for one that is down.
    async def unsigned(wire: bytes, _: Forward) -> bytes:
        return answer(wire, signer=None)

    async with connect(embedded) as primary:
        first, second = Tap(primary), Tap(primary)
        first.treat = unsigned
        with pytest.raises(ReadError, match="the answer NOERROR is not signed"):
            await zone_at(embedded, first, second).read([A])
        assert second.sent == []


async def test_when_no_primary_answers_every_one_is_named(embedded: DnsServer) -> None:
    async with connect(embedded) as primary:
        first, second = Tap(primary), Tap(primary)
        first.treat, second.treat = silent, unreachable
        zone = zone_at(embedded, first, second)
        with pytest.raises(ReadError) as caught:
            await zone.read([A])
        assert caught.value.what == (
            "zone example.test.: no primary answers: 127.0.0.1#1 gave no answer in time; "
            "127.0.0.1#1 cannot be reached: refused"
        )
        assert [sitting.primary for sitting in zone.sittings] == [first, second]


async def test_one_rrset_that_cannot_be_read_fails_the_whole_reading(embedded: DnsServer) -> None:
    async def only_a(wire: bytes, forward: Forward) -> bytes:
        return await (silent if b"\x00\x1c\x00\x01" in wire else forward_as_it_is)(wire, forward)

    async with connect(embedded) as primary:
        tap = Tap(primary)
        tap.treat = only_a
        with pytest.raises(SilentError):
            await Sitting(FORWARD, tap, Shared(embedded.key), DEADLINE_S).read([A, AAAA])


async def forward_as_it_is(wire: bytes, forward: Forward) -> bytes:
    return await forward(wire)


@pytest.mark.parametrize(("fault", "said"), [(silent, Said.SILENT), (unreachable, Said.UNSENT)])
async def test_an_update_without_an_answer_is_told_apart_from_one_that_was_not_sent(
    embedded: DnsServer, fault: object, said: Said
) -> None:
    async with connect(embedded) as primary:
        tap = Tap(primary)
        tap.treat = fault  # type: ignore[assignment]
        judged = await Sitting(FORWARD, tap, Shared(embedded.key), DEADLINE_S).send(REMOVE)
        assert (judged.said, judged.rcode) == (said, None)
        assert judged.what.startswith("127.0.0.1#1")


async def test_what_a_proof_says_is_so_changes_nothing(primary: DnsServer) -> None:
    serial = primary.serial(FORWARD)
    async with connect(primary) as server:
        sitting = Sitting(FORWARD, server, Shared(primary.key), DEADLINE_S)
        assert (await sitting.prove((HELD,))).said is Said.DONE
        assert (await sitting.prove((RRset(key=A),))).said is Said.LOST_RACE
        assert (await sitting.prove_grant(HELD)).said is Said.DONE
    assert primary.serial(FORWARD) == serial


async def test_every_attempt_is_another_message(embedded: DnsServer) -> None:
    async with connect(embedded) as primary:
        tap = Tap(primary)
        sitting = Sitting(FORWARD, tap, Shared(embedded.key), DEADLINE_S)
        assert [(await sitting.send(REMOVE)).said for _ in range(2)] == [Said.DONE, Said.LOST_RACE]
        assert len(set(tap.sent)) == 2
