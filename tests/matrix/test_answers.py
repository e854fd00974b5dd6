"""What each server answers to our own messages, what an operator is told then, and what became of it.

The rows are those of docs/servers.md. The embedded primary answers as BIND does.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address

import dns.message
import dns.rcode
import dns.tsig
import pytest

from failover_dns.conduct.signing import Shared
from failover_dns.conduct.zone import Sitting
from failover_dns.core.errors import ReadError
from failover_dns.core.model import Change, Key, Record, RRset, Type
from failover_dns.core.outcome import Said
from failover_dns.wire.sign import sign
from failover_dns.wire.update import build
from tests.conduct.world import DEADLINE_S, FORWARD, Forward, Tap, connect
from tests.servers.client import DnsServer, sign_wire

HMAC = "hmac-sha256.key."
A = Key("dma-backup.example.test.", Type.A)
OWN = ip_address("10.10.10.2")
VIRTUAL = ip_address("10.10.10.5")
HELD = RRset(key=A, values=frozenset({OWN}), ttl_s=60)
MOVED = RRset(key=A, values=frozenset({OWN, VIRTUAL}), ttl_s=60)
MOVE = Change(zone=FORWARD, before=(HELD,), adds=(Record(A, VIRTUAL),))
BACK = Change(zone=FORWARD, before=(MOVED,), removes=(Record(A, VIRTUAL),))

UNTOLD = f"compare name, secret and algorithm of key {HMAC} on both sides, and both clocks (NTP)"
UNTOLD_HERE = (
    "REFUSED",
    "the primary refuses this update, in an answer that it did not sign",
    f"{UNTOLD}; if they are right, grant the key the names in zone {FORWARD}",
)
BADSIG = (
    "NOTAUTH+BADSIG",
    "the primary rejects the signature: BADSIG",
    f"the secret of key {HMAC} is not the primary's: compare secret and algorithm on both sides",
)


@asynccontextmanager
async def sitting(
    server: DnsServer, key: dns.tsig.Key | None = None, zone: str = FORWARD
) -> AsyncIterator[tuple[Sitting, Tap]]:
    async with connect(server) as primary:
        tap = Tap(primary)
        yield Sitting(zone, tap, Shared(key or server.key), DEADLINE_S), tap


def unchanged(server: DnsServer) -> bool:
    return server.records_of("dma-backup") == {"60 A 10.10.10.2"}


def unsigned(wire: bytes) -> bytes:
    """Return the message without its signature."""
    message = dns.message.from_wire(wire, keyring=False)
    message.tsig = None
    return message.to_wire()


def wrong_secret(server: DnsServer) -> dns.tsig.Key:
    return dns.tsig.Key(server.key.name, b"another secret, as long as that.", server.key.algorithm)


def unknown_name(server: DnsServer) -> dns.tsig.Key:
    return dns.tsig.Key("unknown.key.", server.key.secret, server.key.algorithm)


def other_algorithm(server: DnsServer) -> dns.tsig.Key:
    return dns.tsig.Key(server.key.name, server.key.secret, "hmac-sha512")


@pytest.mark.parametrize("algorithm", ["hmac-sha256", "hmac-sha384", "hmac-sha512"])
async def test_each_algorithm_reads_and_writes(server: DnsServer, algorithm: str) -> None:
    async with sitting(server, server.keys[algorithm]) as (zone, _):
        assert (await zone.read([A]))[A] == HELD
        assert (await zone.send(MOVE)).said is Said.DONE
        assert (await zone.read([A]))[A] == MOVED


async def test_a_signed_question_has_a_signed_answer_also_where_there_is_nothing(server: DnsServer) -> None:
    # What is not signed is no reading, so all of these were.
    nothing = [Key("nobody.example.test.", Type.A), Key("note.example.test.", Type.A)]
    alias = Key("alias.example.test.", Type.A)
    async with sitting(server) as (zone, _):
        assert await zone.read([*nothing, alias]) == {
            **{key: RRset(key=key) for key in nothing},
            alias: RRset(key=alias),
            Key(alias.name, Type.CNAME): RRset(
                key=Key(alias.name, Type.CNAME), values=frozenset({"dma-main.example.test."}), ttl_s=60
            ),
        }


async def test_a_wrong_secret_is_denied(server: DnsServer) -> None:
    async with sitting(server, wrong_secret(server)) as (zone, _):
        answer = await zone.send(MOVE)
    assert answer.said is Said.DENIED
    told = {"powerdns": UNTOLD_HERE}.get(server.kind, BADSIG)
    assert (answer.rcode, answer.what, answer.cure) == told
    assert unchanged(server)


@pytest.mark.parametrize("key_for", [unknown_name, other_algorithm])
async def test_an_unknown_key_is_denied(
    server: DnsServer, key_for: Callable[[DnsServer], dns.tsig.Key]
) -> None:
    key = key_for(server)
    async with sitting(server, key) as (zone, _):
        answer = await zone.send(MOVE)
    assert answer.said is Said.DENIED
    if server.kind == "powerdns":
        assert answer.rcode == "REFUSED"
        assert answer.cure.startswith(f"compare name, secret and algorithm of key {key.name} on both sides")
    else:
        assert (answer.rcode, answer.cure) == (
            "NOTAUTH+BADKEY",
            f"the primary does not know key {key.name} with this algorithm, or does not allow it here",
        )
    assert unchanged(server)


@pytest.mark.parametrize("key_for", [unknown_name, other_algorithm, wrong_secret])
async def test_nothing_is_read_with_a_bad_key(
    server: DnsServer, key_for: Callable[[DnsServer], dns.tsig.Key]
) -> None:
    key = key_for(server)
    async with sitting(server, key) as (zone, _):
        with pytest.raises(ReadError, match=r"the primary answered NOTAUTH") as caught:
            await zone.read([A])
    assert f"key {key.name}" in caught.value.cure


@pytest.mark.parametrize(("skew_s", "side"), [(-400, "behind"), (400, "ahead of")])
async def test_a_clock_400_s_off_is_denied_and_told_where_the_server_tells(
    server: DnsServer, skew_s: int, side: str
) -> None:
    async def as_of_another_time(wire: bytes, forward: Forward) -> bytes:
        return await forward(sign_wire(unsigned(wire), server.key, time_s=int(time.time()) + skew_s))

    async with sitting(server) as (zone, tap):
        tap.treat = as_of_another_time
        answer = await zone.send(MOVE)
    assert answer.said is Said.DENIED
    if server.kind == "powerdns":
        assert (answer.rcode, answer.what, answer.cure) == UNTOLD_HERE
    else:
        assert (answer.rcode, answer.cure) == (
            "NOTAUTH+BADTIME",
            "set this host's clock and the primary's (NTP)",
        )
        assert answer.what.startswith("this host's clock is ")
        assert answer.what.endswith(f" s {side} the primary's")
    assert unchanged(server)


async def test_an_update_that_lost_its_signature_is_denied(server: DnsServer) -> None:
    async def strip(wire: bytes, forward: Forward) -> bytes:
        return await forward(unsigned(wire))

    async with sitting(server) as (zone, tap):
        tap.treat = strip
        answer = await zone.send(MOVE)
    assert (answer.said, answer.rcode) == (Said.DENIED, {"knot": "NOTAUTH"}.get(server.kind, "REFUSED"))
    assert unchanged(server)


async def test_a_zone_that_is_not_served_is_denied_and_cannot_be_read(server: DnsServer) -> None:
    key = Key("dma.elsewhere.test.", Type.A)
    change = Change(zone="elsewhere.test.", before=(RRset(key=key),), adds=(Record(key, VIRTUAL),))
    async with sitting(server, zone="elsewhere.test.") as (zone, _):
        answer = await zone.send(change)
        assert (answer.said, answer.rcode, answer.what) == (
            Said.DENIED,
            "NOTAUTH",
            f"the primary is not authoritative for zone elsewhere.test., or does not accept key {HMAC}",
        )
        with pytest.raises(ReadError, match="the primary answered REFUSED") as caught:
            await zone.read([key])
    assert caught.value.cure == "allow queries from this host, and check that this server serves the zone"


@pytest.mark.parametrize("name", ["dma.other.test.", "notexample.test.", "test."])
async def test_a_name_of_another_zone_is_denied_with_all_that_is_in_the_message(
    server: DnsServer, name: str
) -> None:
    foreign = Key(name, Type.A)
    change = Change(
        zone=FORWARD,
        before=(HELD, RRset(key=foreign)),
        adds=(Record(A, VIRTUAL), Record(foreign, VIRTUAL)),
    )
    async with sitting(server) as (zone, _):
        answer = await zone.send(change)
    assert (answer.said, answer.rcode, answer.what) == (
        Said.DENIED,
        "NOTZONE",
        "a name of the update lies in another zone",
    )
    assert unchanged(server)


async def test_an_address_beside_a_cname_is_ignored_in_silence_or_refused(server: DnsServer) -> None:
    alias = Key("alias.example.test.", Type.A)
    change = Change(zone=FORWARD, before=(RRset(key=alias),), adds=(Record(alias, VIRTUAL),))
    async with sitting(server) as (zone, _):
        answer = await zone.send(change)
        assert (await zone.read([alias]))[alias].values == frozenset()
    said = {"powerdns": (Said.DENIED, "REFUSED")}.get(server.kind, (Said.DONE, "NOERROR"))
    assert (answer.said, answer.rcode) == said
    assert server.records_of("alias") == {"60 CNAME dma-main.example.test."}


async def test_what_goes_with_an_address_beside_a_cname_is_done_by_all_but_powerdns(
    server: DnsServer,
) -> None:
    alias = Key("alias.example.test.", Type.A)
    change = Change(
        zone=FORWARD, before=(HELD, RRset(key=alias)), adds=(Record(A, VIRTUAL), Record(alias, VIRTUAL))
    )
    async with sitting(server) as (zone, _):
        await zone.send(change)
        assert (await zone.read([A]))[A] == (HELD if server.kind == "powerdns" else MOVED)


async def test_the_same_record_with_another_ttl_sets_the_ttl_except_on_knot(server: DnsServer) -> None:
    change = Change(zone=FORWARD, before=(HELD,), adds=(Record(A, OWN),), ttl_s=300)
    async with sitting(server) as (zone, _):
        assert (await zone.send(change)).said is Said.DONE
        assert (await zone.read([A]))[A].ttl_s == (60 if server.kind == "knot" else 300)


async def test_a_new_record_takes_its_ttl_along_to_the_whole_rrset(server: DnsServer) -> None:
    change = Change(zone=FORWARD, before=(HELD,), adds=(Record(A, VIRTUAL),), ttl_s=300)
    async with sitting(server) as (zone, _):
        assert (await zone.send(change)).said is Said.DONE
        assert (await zone.read([A]))[A].values == MOVED.values
    assert server.records_of("dma-backup") == {"300 A 10.10.10.2", "300 A 10.10.10.5"}


async def test_a_record_that_is_removed_and_added_in_one_message_stays(server: DnsServer) -> None:
    change = Change(zone=FORWARD, before=(HELD,), removes=(Record(A, OWN),), adds=(Record(A, OWN),))
    async with sitting(server) as (zone, _):
        assert (await zone.send(change)).said is Said.DONE
    assert unchanged(server)


def test_a_record_that_is_added_and_removed_in_one_message_is_gone_except_on_powerdns(
    server: DnsServer,
) -> None:
    # Why `wire.update` removes first: this order means two things.
    update = server.update(FORWARD)
    update.add("new", 60, "A", "10.10.10.8")
    update.delete("new", "A", "10.10.10.8")
    assert server.rcode(update) == "NOERROR"
    assert server.records_of("new") == ({"60 A 10.10.10.8"} if server.kind == "powerdns" else set())


async def test_a_change_whose_records_are_not_as_they_were_read_is_a_lost_race(server: DnsServer) -> None:
    part = RRset(key=A, values=frozenset({OWN, ip_address("10.10.10.77")}))
    stale = [
        Change(zone=FORWARD, before=(part,), adds=(Record(A, VIRTUAL),)),
        Change(zone=FORWARD, before=(RRset(key=A),), adds=(Record(A, VIRTUAL),)),
    ]
    async with sitting(server) as (zone, _):
        answers = [await zone.send(change) for change in stale]
    assert [(answer.said, answer.rcode) for answer in answers] == [
        (Said.LOST_RACE, "NXRRSET"),
        (Said.LOST_RACE, "YXRRSET"),
    ]
    assert unchanged(server)


async def test_a_part_of_an_rrset_is_not_the_rrset(server: DnsServer) -> None:
    main = Key("dma-main.example.test.", Type.A)
    part = RRset(key=main, values=frozenset({ip_address("10.10.10.1")}))
    async with sitting(server) as (zone, _):
        assert (await zone.prove((part,))).said is Said.LOST_RACE


async def test_a_change_that_was_made_already_is_a_lost_race(server: DnsServer) -> None:
    async with sitting(server) as (zone, _):
        assert [(await zone.send(MOVE)).said for _ in range(2)] == [Said.DONE, Said.LOST_RACE]
        assert (await zone.read([A]))[A] == MOVED


async def test_an_old_message_that_is_replayed_is_stopped_by_its_prerequisites(server: DnsServer) -> None:
    message = build(MOVE)
    captured = sign(message, server.key)
    async with sitting(server) as (zone, tap):
        assert server.send_wire(captured).rcode() == dns.rcode.NOERROR
        elsewhere = Record(A, ip_address("10.10.10.6"))
        assert (await zone.send(BACK)).said is Said.DONE
        assert (await zone.send(Change(zone=FORWARD, before=(HELD,), adds=(elsewhere,)))).said is Said.DONE
        assert tap.updates
    assert server.send_wire(captured).rcode() == dns.rcode.NXRRSET
    assert server.records_of("dma-backup") == {"60 A 10.10.10.2", "60 A 10.10.10.6"}


async def test_an_old_message_is_accepted_again_once_its_prerequisites_hold_again(server: DnsServer) -> None:
    # What the fence is for: its epoch never comes back.
    captured = sign(build(MOVE), server.key)
    async with sitting(server) as (zone, _):
        assert server.send_wire(captured).rcode() == dns.rcode.NOERROR
        assert (await zone.send(BACK)).said is Said.DONE
    assert server.send_wire(captured).rcode() == dns.rcode.NOERROR
    assert not unchanged(server)


async def test_a_proof_changes_nothing_and_tells_held_from_not_held(server: DnsServer) -> None:
    serial = server.serial(FORWARD)
    async with sitting(server) as (zone, _):
        assert (await zone.prove(())).said is Said.DONE
        assert (await zone.prove((HELD,))).said is Said.DONE
        assert (await zone.prove((MOVED,))).said is Said.LOST_RACE
        assert (await zone.prove_grant(HELD)).said is Said.DONE
    assert (server.serial(FORWARD), unchanged(server)) == (serial, True)


async def test_a_change_of_a_hundred_records_is_one_message(server: DnsServer) -> None:
    # PowerDNS answers no update beyond 1,232 octets over UDP; TCP has no such limit.
    key = Key("many.example.test.", Type.A)
    adds = tuple(Record(key, ip_address("10.10.99.0") + number) for number in range(100))
    async with sitting(server) as (zone, tap):
        answer = await zone.send(Change(zone=FORWARD, before=(RRset(key=key),), adds=adds))
        assert len(tap.sent[0]) > 1232
        assert (answer.said, len((await zone.read([key]))[key].values)) == (Said.DONE, 100)


async def test_values_are_compared_without_regard_to_case(server: DnsServer) -> None:
    # Windows registers names in capitals.
    reverse = "10.10.10.in-addr.arpa."
    register = server.update(reverse)
    register.delete("5", "PTR", "DMA-MAIN.example.test.")
    register.add("5", 60, "PTR", "DMA-MAIN.Example.Test.")
    assert server.rcode(register) == "NOERROR"
    pointer = Key("5.10.10.10.in-addr.arpa.", Type.PTR)
    async with sitting(server, zone=reverse) as (zone, _):
        found = (await zone.read([pointer]))[pointer]
        assert found.values == {"dma-main.example.test."}
        change = Change(
            zone=reverse,
            before=(found,),
            removes=(Record(pointer, "dma-main.example.test."),),
            adds=(Record(pointer, "dma-backup.example.test."),),
        )
        assert (await zone.send(change)).said is Said.DONE
    assert server.records_of("5", reverse) == {"60 PTR dma-backup.example.test."}
