"""A pair whose zones and primaries are found by SOA, through what moves, lies and is out of reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_address

import dns.rcode
import dns.tsig
import pytest

from failover_dns.conduct.discover import Finder, Mnames, ZoneBook
from failover_dns.conduct.signing import Shared
from failover_dns.conduct.view import Depth, Reader
from failover_dns.conduct.walk import Why
from failover_dns.conduct.zone import Zone
from failover_dns.core.changelog import Entry, Result
from failover_dns.core.errors import ReadError, SilentError, UnsentError
from failover_dns.core.model import Key, Type
from failover_dns.core.outcome import Said, Verdict
from failover_dns.sandbox.server import SandboxServer
from failover_dns.sandbox.zone import load
from tests.conduct.resolvers import Resolver
from tests.conduct.world import (
    BACKUP,
    DEADLINE_S,
    FORWARD,
    MAIN,
    PAIR,
    REVERSE,
    Clock,
    Forward,
    Log,
    Tap,
    Treat,
    connect,
    is_update,
    world,
    zone_of,
)
from tests.servers.client import DnsServer
from tests.servers.embedded import on_own_loop, running_embedded
from tests.servers.zones import ZONES
from tests.wire.answers import answer

NS = "ns.example.test."
NS2 = "ns2.example.test."
A = Key(MAIN, Type.A)
CHILD = """
$TTL 60
@ IN SOA ns.example.test. hostmaster 1 3600 600 86400 30
@ IN NS ns.example.test.
@ IN A 10.10.10.2
"""
HIDDEN = 'if updates go elsewhere (a hidden primary), write primaries = ["..."] into its [[zones]]'


def found(
    resolver: Resolver, clock: Clock, servers: Mapping[str, Tap], keys: Mapping[str, dns.tsig.Key]
) -> ZoneBook:
    """Return a book in which everything is found; `servers` are by name, `keys` by zone."""
    finder = Finder([resolver], clock=clock, deadline_s=DEADLINE_S)
    mnames = Mnames(finder, servers.__getitem__)

    def open_zone(zone: str) -> Zone:
        return Zone(zone, (), Shared(keys[zone]), deadline_s=DEADLINE_S, serial_s=0.0, locator=mnames)

    return ZoneBook({}, finder, open_zone)


def at_one(resolver: Resolver, server: DnsServer, servers: Mapping[str, Tap], clock: Clock) -> ZoneBook:
    """Return such a book where one key is good for both zones."""
    return found(resolver, clock, servers, {FORWARD: server.key, REVERSE: server.key})


def located(resolver: Resolver, server: DnsServer, servers: Mapping[str, Tap]) -> Zone:
    """Return the forward zone, whose primary is found."""
    return at_one(resolver, server, servers, Clock())[FORWARD]


@contextmanager
def twin(server: DnsServer) -> Iterator[DnsServer]:
    """Serve the usual zones at another port, with the keys of `server`."""
    loaded = [load(origin, text) for origin, text in ZONES.items()]
    with on_own_loop(SandboxServer(loaded, server.keys.values())) as other:
        yield replace(server, port=other.port)


def forward_result(entry: Entry) -> bool:
    return isinstance(entry, Result) and entry.zone == FORWARD


async def unreachable(_: bytes, _forward: Forward) -> bytes:
    raise UnsentError("ns.example.test.#53 cannot be reached: refused", "is the server running there?")


async def silent(_: bytes, _forward: Forward) -> bytes:
    raise SilentError("ns.example.test.#53 gave no answer in time", "its log says whether it got one")


async def test_the_primary_is_found_when_first_needed_and_kept(embedded: DnsServer) -> None:
    resolver = Resolver(zones={FORWARD: NS})
    async with connect(embedded) as server:
        zone = located(resolver, embedded, {NS: Tap(server)})
        assert (zone.sittings, resolver.asked) == ((), [])
        sitting, _ = await zone.read([A])
        assert await zone.located() == (sitting,)
        assert (await zone.read([A]))[0] is sitting
        assert resolver.asked == [FORWARD]


async def test_configured_primaries_are_never_asked_for(embedded: DnsServer) -> None:
    # A hidden primary: what the SOA names does not take the zone's updates.
    resolver = Resolver(zones={FORWARD: NS})
    async with connect(embedded) as server:
        mnames = Mnames(Finder([resolver], clock=Clock()), lambda _: Tap(server))
        hidden = Tap(server)
        zone = Zone(FORWARD, [hidden], Shared(embedded.key), deadline_s=DEADLINE_S, locator=mnames)
        await zone.read([A])
        zone.forget()
        assert [sitting.primary for sitting in await zone.located()] == [hidden]
        hidden.treat = unreachable
        with pytest.raises(ReadError, match="no primary answers"):
            await zone.read([A])
        assert resolver.asked == []


def test_a_zone_has_primaries_or_somebody_to_find_them(embedded: DnsServer) -> None:
    with pytest.raises(ValueError, match=r"zone example\.test\. has no primaries"):
        Zone(FORWARD, (), Shared(embedded.key), deadline_s=DEADLINE_S)


async def test_a_configured_zone_without_primaries_is_asked_for_anew_when_it_is_forgotten(
    embedded: DnsServer,
) -> None:
    resolver = Resolver(zones={FORWARD: NS})
    async with connect(embedded) as server:
        book = ZoneBook({FORWARD: located(resolver, embedded, {NS: Tap(server)})})
        await book[FORWARD].read([A])
        book.forget(FORWARD)
        await book[FORWARD].read([A])
        assert resolver.asked == [FORWARD, FORWARD]


async def test_the_primary_of_two_zones_is_connected_to_once() -> None:
    servers: list[str] = []

    def connect_to(name: str) -> Resolver:
        servers.append(name)
        return Resolver(zones={}, name=name)

    mnames = Mnames(Finder([Resolver(zones={FORWARD: NS, REVERSE: NS})], clock=Clock()), connect_to)
    first, second = await mnames.locate(FORWARD), await mnames.locate(REVERSE)
    assert first.server is second.server
    assert (first.name, servers) == (NS, [NS])


@pytest.mark.parametrize("fault", [unreachable, silent])
async def test_a_primary_out_of_reach_is_named_with_the_way_out(embedded: DnsServer, fault: Treat) -> None:
    resolver = Resolver(zones={FORWARD: NS})
    async with connect(embedded) as server:
        tap = Tap(server)
        tap.treat = fault
        with pytest.raises(ReadError) as caught:
            await located(resolver, embedded, {NS: tap}).read([A])
        assert caught.value.what.startswith(
            "zone example.test.: its SOA names ns.example.test. as its primary: ns.example.test.#53 "
        )
        assert caught.value.cure == HIDDEN
        assert (len(tap.sent), resolver.asked) == (1, [FORWARD, FORWARD])


async def test_a_primary_that_serves_another_zone_is_named_with_the_way_out() -> None:
    resolver = Resolver(zones={FORWARD: NS})
    parent = ZONES[FORWARD].replace("ns\n", "ns.example\n").replace("ns IN", "ns.example IN")
    with running_embedded({"test.": parent}) as other:
        async with connect(other) as server:
            with pytest.raises(ReadError) as caught:
                await located(resolver, other, {NS: Tap(server)}).survey([A])
            assert "names ns.example.test. as its primary: " in caught.value.what
            assert "serves test. and not example.test." in caught.value.what
            assert caught.value.cure == f"check the zone's name and its primaries; {HIDDEN}"


@pytest.mark.parametrize("fault", [unreachable, silent])
async def test_a_primary_that_does_not_answer_is_asked_for_anew(embedded: DnsServer, fault: Treat) -> None:
    resolver = Resolver(zones={FORWARD: NS})
    async with connect(embedded) as server:
        old, new = Tap(server), Tap(server)
        zone = located(resolver, embedded, {NS: old, NS2: new})
        assert (await zone.read([A]))[0].primary is old
        old.treat = fault
        resolver.zones[FORWARD] = NS2
        assert (await zone.read([A]))[0].primary is new


async def test_a_new_primary_that_is_of_no_use_either_is_the_one_named(embedded: DnsServer) -> None:
    resolver = Resolver(zones={FORWARD: NS})
    async with connect(embedded) as server:
        old, new = Tap(server), Tap(server)
        zone = located(resolver, embedded, {NS: old, NS2: new})
        await zone.read([A])
        old.treat = new.treat = silent
        resolver.zones[FORWARD] = NS2
        with pytest.raises(ReadError, match=r"its SOA names ns2\.example\.test\. as its primary"):
            await zone.read([A])


async def test_forward_and_reverse_are_moved_at_primaries_and_with_keys_of_their_own() -> None:
    clock = Clock()
    resolver = Resolver(zones={FORWARD: NS, REVERSE: NS2})
    with (
        running_embedded({FORWARD: ZONES[FORWARD]}) as forward,
        running_embedded({REVERSE: ZONES[REVERSE]}) as reverse,
    ):
        assert forward.key.secret != reverse.key.secret
        async with connect(forward) as here, connect(reverse) as there:
            book = found(
                resolver,
                clock,
                {NS: Tap(here), NS2: Tap(there)},
                {FORWARD: forward.key, REVERSE: reverse.key},
            )
            async with world(forward, zones=(), online=BACKUP, clock=clock, book=book) as pair:
                assert (await pair.walk(Why.START)).in_order
        assert "60 A 10.10.10.5" in forward.records_of("dma-backup")
        assert reverse.records_of("5", REVERSE) == {f"60 PTR {BACKUP}"}


async def test_a_reverse_zone_that_is_not_found_does_not_hold_up_the_forward_zone(primary: DnsServer) -> None:
    clock = Clock()
    resolver = Resolver(zones={FORWARD: NS})
    async with connect(primary) as server:
        book = at_one(resolver, primary, {NS: Tap(server)}, clock)
        async with world(primary, zones=(), online=BACKUP, clock=clock, book=book) as pair:
            walk = await pair.walk(Why.START)
            assert pair.log.verdicts() == {FORWARD: Verdict.APPLIED}
            assert [problem.what for problem in walk.problems] == [
                "no resolver knows a zone that 5.10.10.10.in-addr.arpa. lies in"
            ]
            assert not walk.in_order
            resolver.zones[REVERSE] = NS
            assert walk.again_in_s is not None
            clock.mono_s += 5 + walk.again_in_s
            walk = await pair.walk(Why.RETRY)
            assert (walk.in_order, walk.again_in_s) == (True, None)
            assert pair.holds("5", REVERSE) == {f"PTR {BACKUP}"}


async def test_a_zone_that_is_not_found_waits_its_turn_unless_somebody_asks(embedded: DnsServer) -> None:
    clock = Clock()
    resolver = Resolver(zones={FORWARD: NS})
    async with connect(embedded) as server:
        book = at_one(resolver, embedded, {NS: Tap(server)}, clock)
        async with world(embedded, zones=(), online=BACKUP, clock=clock, book=book) as pair:
            for _ in range(8):
                walk = await pair.walk(Why.RETRY)
                clock.mono_s += walk.again_in_s or 0.0
            again_in_s = (await pair.walk(Why.RETRY)).again_in_s
            assert again_in_s is not None
            assert again_in_s > 5
            clock.mono_s += again_in_s - 0.1
            resolver.asked.clear()
            assert len((await pair.walk(Why.SOURCE)).problems) == 1
            assert resolver.asked == []
            await pair.walk(Why.RESYNC)
            assert f"5.{REVERSE}" in resolver.asked


async def test_a_switch_asks_no_resolver_even_when_the_soas_life_is_over(embedded: DnsServer) -> None:
    clock = Clock()
    resolver = Resolver(zones={FORWARD: NS, REVERSE: NS})
    async with connect(embedded) as server:
        tap = Tap(server)
        book = at_one(resolver, embedded, {NS: tap}, clock)
        async with world(embedded, zones=(), clock=clock, book=book) as pair:
            await pair.walk(Why.START)
            resolver.asked.clear()
            clock.mono_s += 100_000
            pair.roles.online(BACKUP)
            tap.sent.clear()
            assert (await pair.walk(Why.SOURCE)).in_order
            assert resolver.asked == []
            assert [is_update(wire) for wire in tap.sent[:2]] == [True, True]


@pytest.mark.parametrize(
    "rcode", [dns.rcode.NOTAUTH, dns.rcode.NOTZONE, dns.rcode.REFUSED], ids=dns.rcode.to_text
)
async def test_an_update_that_is_refused_is_sent_to_whom_the_soa_names_now(
    embedded: DnsServer, rcode: dns.rcode.Rcode
) -> None:
    clock = Clock()
    resolver = Resolver(zones={FORWARD: NS, REVERSE: NS}, ttl_s=3600)

    async def moved(wire: bytes, forward: Forward) -> bytes:
        if is_update(wire) and zone_of(wire) == FORWARD:
            return answer(wire, rcode=rcode, signer=embedded.key)
        return await forward(wire)

    with twin(embedded) as successor:
        async with connect(embedded) as here, connect(successor) as there:
            old, new = Tap(here), Tap(there)
            book = at_one(resolver, embedded, {NS: old, NS2: new}, clock)
            async with world(embedded, zones=(), clock=clock, book=book) as pair:
                await pair.walk(Why.START)
                old.treat = moved
                resolver.zones[FORWARD] = NS2
                pair.roles.online(BACKUP)
                walk = await pair.walk(Why.SOURCE)
                assert walk.outcomes[FORWARD].answer.said is Said.DENIED
                assert new.sent == []
                assert walk.again_in_s is not None
                clock.mono_s += walk.again_in_s
                assert (await pair.walk(Why.RETRY)).in_order
        assert "60 A 10.10.10.5" in successor.records_of("dma-backup")
    assert "60 A 10.10.10.5" in embedded.records_of("dma-main")


async def test_an_audit_reads_at_the_new_primary_though_the_old_one_answers(embedded: DnsServer) -> None:
    clock = Clock()
    resolver = Resolver(zones={FORWARD: NS, REVERSE: NS}, ttl_s=60)
    async with connect(embedded) as server:
        old, new = Tap(server), Tap(server)
        book = at_one(resolver, embedded, {NS: old, NS2: new}, clock)
        async with world(embedded, zones=(), clock=clock, book=book) as pair:
            await pair.walk(Why.START)
            resolver.zones[FORWARD] = NS2
            clock.mono_s += 59
            await pair.walk(Why.AUDIT)
            assert new.sent == []
            clock.mono_s += 1
            walk = await pair.walk(Why.AUDIT)
            assert walk.view is not None
            assert walk.view.sittings[FORWARD].primary is new


async def test_a_name_that_was_delegated_meanwhile_is_read_and_moved_in_its_own_zone() -> None:
    clock = Clock()
    resolver = Resolver(zones={FORWARD: NS, REVERSE: NS}, ttl_s=60)
    with running_embedded({**ZONES, BACKUP: CHILD}) as server:
        keys = dict.fromkeys((FORWARD, REVERSE, BACKUP), server.key)
        async with connect(server) as primary:
            book = found(resolver, clock, {NS: Tap(primary)}, keys)
            async with world(server, zones=(), clock=clock, book=book) as pair:
                # Until the resolver learns of it, that name is denied by a zone which is not the expected one.
                walk = await pair.walk(Why.START)
                assert "the name is in zone dma-backup.example.test. here" in walk.problems[0].what
                resolver.zones[BACKUP] = NS
                clock.mono_s += 60
                assert (await pair.walk(Why.AUDIT)).in_order
                pair.roles.online(BACKUP)
                assert (await pair.walk(Why.SOURCE)).in_order
                assert set(pair.log.verdicts()) == {FORWARD, REVERSE, BACKUP}
        assert {f"{BACKUP} 60 A 10.10.10.2", f"{BACKUP} 60 A 10.10.10.5"} <= server.records(BACKUP)


@pytest.mark.parametrize("fault", [None, silent], ids=["read", "unread"])
async def test_a_name_that_is_delegated_no_more_is_read_in_the_zone_above(
    embedded: DnsServer, fault: Treat | None
) -> None:
    clock = Clock()
    resolver = Resolver(zones={FORWARD: NS, REVERSE: NS, BACKUP: NS2}, ttl_s=60)
    with running_embedded({BACKUP: CHILD}) as child:
        keys = {FORWARD: embedded.key, REVERSE: embedded.key, BACKUP: child.key}
        async with connect(embedded) as above, connect(child) as below:
            tap = Tap(below)
            tap.treat = fault
            book = found(resolver, clock, {NS: Tap(above), NS2: tap}, keys)
            reader = Reader([Key(MAIN, Type.A), Key(BACKUP, Type.A)], book, clock=clock)
            view = await reader.view(Depth.ANEW)
            assert view.zones == {FORWARD, BACKUP}
            assert set(view.unread) == ({BACKUP} if fault else set())
            del resolver.zones[BACKUP]
            clock.mono_s += 60
            view = await reader.view(Depth.CHANGED)
            assert [set(part) for part in (view.zones, view.sittings, view.unread)] == [
                {FORWARD},
                {FORWARD},
                set(),
            ]
            assert view.records[Key(BACKUP, Type.A)].values == {ip_address("10.10.10.2")}


async def test_a_zone_that_waits_its_turn_is_asked_for_a_name_that_came_to_it(embedded: DnsServer) -> None:
    clock = Clock()
    resolver = Resolver(zones={FORWARD: NS, BACKUP: NS2}, ttl_s=60)
    with running_embedded({BACKUP: CHILD}) as child:
        async with connect(embedded) as above, connect(child) as below:
            tap = Tap(above)
            tap.treat = silent
            keys = {FORWARD: embedded.key, BACKUP: child.key}
            book = found(resolver, clock, {NS: tap, NS2: Tap(below)}, keys)
            reader = Reader([Key(MAIN, Type.A), Key(BACKUP, Type.A)], book, clock=clock)
            assert set((await reader.view(Depth.ANEW)).unread) == {FORWARD}
            tap.sent.clear()
            skip = frozenset({FORWARD})
            assert set((await reader.view(Depth.CHANGED, skip=skip)).unread) == {FORWARD}
            assert tap.sent == []
            del resolver.zones[BACKUP]
            clock.mono_s += 60
            tap.treat = None
            view = await reader.view(Depth.CHANGED, skip=skip)
            assert (view.unread, set(view.records)) == ({}, {Key(MAIN, Type.A), Key(BACKUP, Type.A)})


async def test_a_zone_whose_serial_cannot_be_asked_for_is_read_anew(embedded: DnsServer) -> None:
    clock = Clock()
    resolver = Resolver(zones={FORWARD: NS}, ttl_s=60)
    async with connect(embedded) as server:
        tap = Tap(server)
        book = at_one(resolver, embedded, {NS: tap}, clock)
        reader = Reader([Key(MAIN, Type.A)], book, clock=clock)
        await reader.view(Depth.ANEW)
        tap.treat = silent
        view = await reader.view(Depth.CHANGED)
        assert (set(view.unread), view.records) == ({FORWARD}, {})


async def test_an_intent_of_a_zone_that_was_found_is_closed_after_a_restart(embedded: DnsServer) -> None:
    clock, log = Clock(), Log()
    resolver = Resolver(zones={FORWARD: NS, REVERSE: NS})
    async with connect(embedded) as server:
        servers = {NS: Tap(server)}
        book = at_one(resolver, embedded, servers, clock)
        log.broken = forward_result
        async with world(embedded, zones=(), online=BACKUP, clock=clock, log=log, book=book) as pair:
            await pair.walk(Why.START)
            assert [intent.zone for _, intent in log.open()] == [FORWARD]
        log.broken = lambda _: False
        again = at_one(resolver, embedded, servers, clock)
        async with world(embedded, zones=(), online=BACKUP, clock=clock, log=log, book=again) as pair:
            assert (await pair.walk(Why.START)).in_order
            assert (log.outcome(FORWARD).recovered, log.verdicts()[FORWARD]) == (True, Verdict.APPLIED)


async def test_an_intent_stays_open_while_its_zone_is_not_found(embedded: DnsServer) -> None:
    clock, log = Clock(), Log()
    resolver = Resolver(zones={FORWARD: NS, REVERSE: NS})
    async with connect(embedded) as server:
        servers = {NS: Tap(server)}
        log.broken = forward_result
        book = at_one(resolver, embedded, servers, clock)
        async with world(embedded, zones=(), online=BACKUP, clock=clock, log=log, book=book) as pair:
            await pair.walk(Why.START)
        log.broken = lambda _: False
        resolver.silent = True
        again = at_one(resolver, embedded, servers, clock)
        async with world(embedded, zones=(), online=BACKUP, clock=clock, log=log, book=again) as pair:
            walk = await pair.walk(Why.START)
            assert [intent.zone for _, intent in log.open()] == [FORWARD]
            assert "192.0.2.1#53 gave no answer in time" in walk.problems[0].what


async def test_a_pair_with_one_zone_configured_has_only_the_other_looked_up(embedded: DnsServer) -> None:
    clock = Clock()
    resolver = Resolver(zones={REVERSE: NS})
    async with connect(embedded) as server:
        finder = Finder([resolver], clock=clock, deadline_s=DEADLINE_S)
        mnames = Mnames(finder, {NS: Tap(server)}.__getitem__)
        hidden = Zone(FORWARD, [server], Shared(embedded.key), deadline_s=DEADLINE_S)
        book = ZoneBook(
            {FORWARD: hidden},
            finder,
            lambda zone: Zone(zone, (), Shared(embedded.key), deadline_s=DEADLINE_S, locator=mnames),
        )
        async with world(embedded, PAIR, zones=(), online=BACKUP, clock=clock, book=book) as pair:
            assert (await pair.walk(Why.START)).in_order
            assert resolver.asked == [f"5.{REVERSE}", REVERSE]
