"""Zones are found by SOA, label by label, and so is who takes their updates."""

from __future__ import annotations

import asyncio

import dns.rcode
import pytest

from failover_dns.conduct.discover import Finder, Mnames, ZoneBook
from failover_dns.conduct.signing import Shared
from failover_dns.conduct.zone import Zone
from failover_dns.core.errors import ReadError
from tests.conduct.resolvers import Resolver
from tests.conduct.world import DEADLINE_S, FORWARD, REVERSE, Clock, Tap, connect
from tests.conduct.world import zone_of as asked_for
from tests.servers.bind import running_bind
from tests.servers.client import DnsServer
from tests.servers.programs import require
from tests.servers.zones import ZONES
from tests.wire.answers import KEY

NS = "ns.example.test."
NOBODY_HAS_IT = "no resolver knows a zone that {} lies in"


def finder(*resolvers: Resolver, clock: Clock | None = None) -> Finder:
    return Finder(resolvers, clock=clock or Clock(), deadline_s=DEADLINE_S)


def a_zone(name: str) -> Zone:
    """Return a zone that nobody asks anything."""
    return Zone(name, [Resolver(zones={})], Shared(KEY), deadline_s=DEADLINE_S)


async def test_a_zone_is_found_label_by_label(primary: DnsServer) -> None:
    async with connect(primary) as server:
        tap = Tap(server)
        soa = await Finder([tap], clock=Clock()).find("a.b.dma-main.example.test.")
        assert (soa.zone, soa.primary, soa.ttl_s) == (FORWARD, NS, 3600)
        assert [asked_for(wire) for wire in tap.sent] == [
            "a.b.dma-main.example.test.",
            "b.dma-main.example.test.",
            "dma-main.example.test.",
            "example.test.",
        ]


async def test_a_reverse_zone_is_found_label_by_label(primary: DnsServer) -> None:
    async with connect(primary) as server:
        assert (await Finder([server], clock=Clock()).find(f"5.{REVERSE}")).zone == REVERSE


@pytest.mark.needs("named")
@pytest.mark.parametrize(
    "name", ["alias.example.test.", "anything.wild.example.test.", "below.alias.example.test."]
)
async def test_an_alias_or_a_wildcard_to_another_zone_does_not_lead_there(name: str) -> None:
    # What an alias of a zone's own name leads to has an SOA in the answer: another name's.
    text = f"{ZONES[FORWARD]}*.wild IN CNAME other.test.\n".replace(
        "alias IN CNAME dma-main", "alias IN CNAME other.test."
    )
    other = (
        "$TTL 60\n@ 3600 IN SOA ns.example.test. hostmaster 1 3600 600 86400 30\n@ IN NS ns.example.test.\n"
    )
    with running_bind({FORWARD: text, "other.test.": other}) as server:
        async with connect(server) as resolver:
            assert (await Finder([resolver], clock=Clock()).find(name)).zone == FORWARD


async def test_a_server_that_only_refers_to_a_zone_below_does_not_hide_it() -> None:
    require("named")
    sub = "$TTL 60\n@ 3600 IN SOA ns hostmaster 1 3600 600 86400 30\n@ IN NS ns\nns IN A 192.0.2.54\n"
    text = f"{ZONES[FORWARD]}sub IN NS ns.sub\nns.sub IN A 192.0.2.54\n"
    name = "dma.sub.example.test."
    with running_bind({FORWARD: text}) as parent, running_bind({"sub.example.test.": sub}) as child:
        async with connect(parent) as above, connect(child) as below:
            with pytest.raises(ReadError, match="a referral"):
                await Finder([above], clock=Clock()).find(name)
            assert (await Finder([above, below], clock=Clock()).find(name)).zone == "sub.example.test."


async def test_names_are_zones_by_whole_labels() -> None:
    resolver = Resolver(zones={"example.com.": "ns.example.com."})
    with pytest.raises(ReadError) as caught:
        await finder(resolver).find("dma.notexample.com.")
    assert caught.value.what == NOBODY_HAS_IT.format("dma.notexample.com.")
    assert resolver.asked == ["dma.notexample.com.", "notexample.com.", "com."]


@pytest.mark.parametrize("everybodys", ["in-addr.arpa.", "."])
async def test_what_is_found_at_the_top_of_everything_is_not_ours(everybodys: str) -> None:
    # A resolver that was not told of a private zone ends at the root's servers.
    with pytest.raises(ReadError) as caught:
        await finder(Resolver(zones={everybodys: "a.root-servers.net."})).find(f"5.{REVERSE}")
    assert caught.value.what == NOBODY_HAS_IT.format(f"5.{REVERSE}")
    assert "primaries" in caught.value.cure


@pytest.mark.parametrize("named", ["localhost.", "prisoner.iana.org.", "10.in-addr.arpa.", "."])
async def test_the_empty_zones_of_resolvers_for_private_addresses_are_nobodys(named: str) -> None:
    # Unbound, AS112 and BIND each have one of their own (RFC 6303).
    with pytest.raises(ReadError) as caught:
        await finder(Resolver(zones={"10.in-addr.arpa.": named})).find(f"5.{REVERSE}")
    assert caught.value.what == (
        f"zone 10.in-addr.arpa., as the resolvers have it, is nobody's: its SOA names {named}"
    )


@pytest.mark.parametrize(("ttl_s", "life_s"), [(60, 60.0), (0, 5.0), (86400, 3600.0)])
async def test_what_was_found_is_kept_for_the_soas_life_within_bounds(ttl_s: int, life_s: float) -> None:
    clock = Clock()
    resolver = Resolver(zones={FORWARD: NS}, ttl_s=ttl_s)
    search = finder(resolver, clock=clock)
    await search.find("dma-main.example.test.")
    resolver.zones[FORWARD] = "ns2.example.test."
    clock.mono_s += life_s - 0.1
    assert (await search.find("dma-main.example.test.")).primary == NS
    assert resolver.asked == ["dma-main.example.test.", FORWARD]
    clock.mono_s += 0.1
    assert (await search.find("dma-main.example.test.")).primary == "ns2.example.test."


async def test_that_nothing_was_found_is_kept_for_seconds() -> None:
    clock = Clock()
    resolver = Resolver(zones={})
    search = finder(resolver, clock=clock)
    for pause_s, asked in [(0.0, 2), (4.9, 2), (0.1, 4)]:
        clock.mono_s += pause_s
        with pytest.raises(ReadError):
            await search.find(FORWARD)
        assert len(resolver.asked) == asked


async def test_names_that_are_looked_up_side_by_side_ask_for_each_label_once() -> None:
    resolver = Resolver(zones={FORWARD: NS})
    search = finder(resolver)
    resolver.may_answer.clear()
    names = ("dma-main.example.test.", "dma-backup.example.test.", "dma-main.example.test.")
    searches = [asyncio.create_task(search.find(name)) for name in names]
    resolver.may_answer.set()
    assert {(await task).zone for task in searches} == {FORWARD}
    assert sorted(resolver.asked) == ["dma-backup.example.test.", "dma-main.example.test.", FORWARD]


async def test_a_search_goes_on_for_the_others_when_one_gives_up() -> None:
    resolver = Resolver(zones={FORWARD: NS})
    search = finder(resolver)
    resolver.may_answer.clear()
    first, second = (asyncio.create_task(search.find(FORWARD)) for _ in range(2))
    await resolver.was_asked.wait()
    first.cancel()
    resolver.may_answer.set()
    assert (await second).zone == FORWARD
    assert resolver.asked == [FORWARD]


async def test_the_next_resolver_is_not_asked_what_the_first_denies() -> None:
    first, second = Resolver(zones={FORWARD: NS}), Resolver(zones={"sub.example.test.": NS})
    assert (await finder(first, second).find("dma.sub.example.test.")).zone == FORWARD
    assert second.asked == []


@pytest.mark.parametrize(
    "first",
    [
        Resolver(zones={}, silent=True),
        Resolver(zones={}, says=dns.rcode.SERVFAIL),
        Resolver(zones={}, says=dns.rcode.REFUSED),
    ],
    ids=["silent", "SERVFAIL", "REFUSED"],
)
async def test_the_next_resolver_is_asked_when_the_first_tells_nothing_and_first_from_then_on(
    first: Resolver,
) -> None:
    second = Resolver(zones={FORWARD: NS})
    assert (await finder(first, second).find("dma.example.test.")).zone == FORWARD
    assert (first.asked, second.asked) == (["dma.example.test."], ["dma.example.test.", FORWARD])


async def test_when_no_resolver_tells_anything_every_one_is_named() -> None:
    first = Resolver(zones={}, silent=True)
    second = Resolver(zones={}, says=dns.rcode.SERVFAIL, name="192.0.2.2#53")
    with pytest.raises(ReadError) as caught:
        await finder(first, second).find(FORWARD)
    assert caught.value.what == (
        "the zone of example.test. is not known: 192.0.2.1#53 gave no answer in time; "
        "192.0.2.2#53: reading example.test. SOA: the answer is SERVFAIL"
    )
    assert caught.value.cure == "look at 192.0.2.1#53, 192.0.2.2#53, or name others in resolvers"


async def test_without_any_resolver_it_says_so() -> None:
    with pytest.raises(ReadError, match="there is no resolver; name one in resolvers"):
        await finder().find(FORWARD)


async def test_what_was_known_serves_on_while_no_resolver_answers() -> None:
    clock = Clock()
    resolver = Resolver(zones={FORWARD: NS})
    search = finder(resolver, clock=clock)
    await search.find("dma-main.example.test.")
    resolver.silent = True
    clock.mono_s += 60
    assert (await search.find("dma-main.example.test.")).primary == NS
    search.forget(FORWARD)
    assert (await search.find("dma-main.example.test.")).primary == NS
    resolver.silent = False
    resolver.zones.clear()
    clock.mono_s += 5
    with pytest.raises(ReadError, match="no resolver knows"):
        await search.find("dma-main.example.test.")


async def test_what_is_forgotten_is_asked_anew_and_the_rest_is_not() -> None:
    resolver = Resolver(zones={FORWARD: NS, REVERSE: NS})
    search = finder(resolver)
    for name in ("dma.example.test.", f"5.{REVERSE}"):
        await search.find(name)
    resolver.asked.clear()
    search.forget(FORWARD)
    for name in ("dma.example.test.", f"5.{REVERSE}"):
        await search.find(name)
    assert resolver.asked == ["dma.example.test.", FORWARD]


async def test_a_name_of_too_many_labels_is_not_looked_up() -> None:
    resolver = Resolver(zones={FORWARD: NS})
    with pytest.raises(ReadError, match="more than 40 labels"):
        await finder(resolver).find("a." * 39 + FORWARD)
    assert resolver.asked == []


async def test_a_search_ends_in_time_whatever_a_resolver_does() -> None:
    resolver = Resolver(zones={})
    resolver.may_answer.clear()
    with pytest.raises(ReadError, match=r"the zone of example\.test\. was not found in time"):
        await Finder([resolver], clock=Clock(), deadline_s=0.01).find(FORWARD)
    resolver.may_answer.set()


async def test_a_configured_zone_has_every_name_below_it_whatever_resolvers_say() -> None:
    resolver = Resolver(zones={FORWARD: NS, "sub.example.test.": NS, "notexample.test.": NS})
    configured = {FORWARD: a_zone(FORWARD), "near.example.test.": a_zone("near.example.test.")}
    book = ZoneBook(configured, finder(resolver), a_zone)
    names = ("a.sub.example.test.", "a.near.example.test.", "example.test.")
    zones, unfound = await book.at(names)
    assert (zones, unfound, resolver.asked) == (configured, {}, [])
    zones, _ = await book.at(["dma.notexample.test."])
    assert [zone.name for zone in zones.values()] == ["notexample.test."]


async def test_one_zone_is_opened_once() -> None:
    book = ZoneBook({}, finder(Resolver(zones={FORWARD: NS})), a_zone)
    first, _ = await book.at(["dma-main.example.test."])
    second, _ = await book.at(["dma-backup.example.test."])
    assert first[FORWARD] is second[FORWARD] is book[FORWARD]
    assert (list(book), len(book)) == ([FORWARD], 1)


async def test_a_name_in_no_zone_is_told_of_and_the_others_are_found() -> None:
    book = ZoneBook({}, finder(Resolver(zones={FORWARD: NS})), a_zone)
    zones, unfound = await book.at(["dma.example.test.", f"5.{REVERSE}"])
    assert (list(zones), list(unfound)) == ([FORWARD], [f"5.{REVERSE}"])


async def test_without_discovery_a_name_in_no_configured_zone_is_in_none() -> None:
    book = ZoneBook({FORWARD: a_zone(FORWARD)})
    zones, unfound = await book.at(["dma.example.test.", "dma.notexample.test."])
    assert (list(zones), list(unfound)) == ([FORWARD], ["dma.notexample.test."])
    assert book.get("notexample.test.") is None
    book.forget("notexample.test.")


def test_what_is_found_must_be_opened() -> None:
    with pytest.raises(ValueError, match="opened"):
        ZoneBook({}, finder())


async def test_a_zone_that_resolvers_know_only_as_part_of_another_has_no_primary() -> None:
    mnames = Mnames(finder(Resolver(zones={FORWARD: NS})), lambda name: Resolver(zones={}, name=name))
    with pytest.raises(ReadError, match=r"no resolver knows zone sub\.example\.test\.: it would lie in exam"):
        await mnames.locate("sub.example.test.")
