"""The users' switch on each layout, at a real BIND and at the embedded primary."""

from __future__ import annotations

from ipaddress import ip_address

from failover_dns.conduct.walk import Why
from failover_dns.core.changelog import Cause
from failover_dns.core.decide import Hold, Move, Reason
from failover_dns.core.guard import Refused
from failover_dns.core.model import Layout, Role
from failover_dns.core.outcome import Verdict
from tests.conduct.world import BACKUP, FORWARD, MAIN, REVERSE, REVERSE6, pair_with, world
from tests.servers.client import DnsServer

POINTS_TO_MAIN = {f"PTR {MAIN}"}
POINTS_TO_BACKUP = {f"PTR {BACKUP}"}


async def test_a_switch_moves_the_virtual_ip_and_its_pointer(primary: DnsServer) -> None:
    async with world(primary, online=BACKUP) as pair:
        walk = await pair.walk(Why.START)
        assert walk.in_order
        assert pair.holds("dma-main") == {"A 10.10.10.1", "AAAA 2001:db8::1"}
        assert pair.holds("dma-backup") == {"A 10.10.10.2", "A 10.10.10.5"}
        assert pair.holds("5", REVERSE) == POINTS_TO_BACKUP
        assert pair.log.verdicts() == {FORWARD: Verdict.APPLIED, REVERSE: Verdict.APPLIED}


async def test_a_switch_and_back_leaves_the_zones_as_they_were(primary: DnsServer) -> None:
    before = {zone: primary.records(zone) for zone in (FORWARD, REVERSE, REVERSE6)}
    async with world(primary) as pair:
        assert (await pair.walk(Why.START)).outcomes == {}
        for agent in (BACKUP, MAIN):
            pair.roles.online(agent)
            walk = await pair.walk()
            assert (walk.in_order, walk.cause) == (True, Cause.SWITCH)
    assert {zone: primary.records(zone) for zone in before} == before


async def test_a_switch_of_both_families_and_several_addresses(primary: DnsServer) -> None:
    addresses = tuple(map(ip_address, ("10.10.10.5", "10.10.10.6", "2001:db8::5")))
    both = pair_with(virtual_ips=addresses)
    async with world(primary, both) as pair:
        assert (await pair.walk(Why.START)).in_order
        assert pair.holds("dma-main") == {
            "A 10.10.10.1",
            "A 10.10.10.5",
            "A 10.10.10.6",
            "AAAA 2001:db8::1",
            "AAAA 2001:db8::5",
        }
        pair.roles.online(BACKUP)
        assert (await pair.walk()).in_order
        assert pair.holds("dma-main") == {"A 10.10.10.1", "AAAA 2001:db8::1"}
        assert pair.holds("dma-backup") == {
            "A 10.10.10.2",
            "A 10.10.10.5",
            "A 10.10.10.6",
            "AAAA 2001:db8::5",
        }
        assert pair.holds("6", REVERSE) == POINTS_TO_BACKUP
        assert pair.holds("5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0", REVERSE6) == POINTS_TO_BACKUP
        assert [pair.updates(zone) for zone in (FORWARD, REVERSE, REVERSE6)] == [2, 2, 2]


async def test_a_virtual_name_is_published_whoever_is_online_and_stale_registrations_go(
    primary: DnsServer,
) -> None:
    virtual = "dma-virtual.example.test."
    layout = pair_with(layout=Layout.VIRTUAL_NAME, published_as=virtual)
    async with world(primary, layout) as pair:
        assert (await pair.walk(Why.START)).in_order
        settled = {zone: primary.records(zone) for zone in (FORWARD, REVERSE)}
        assert pair.holds("dma-virtual") == {"A 10.10.10.5"}
        assert pair.holds("dma-main") == {"A 10.10.10.1", "AAAA 2001:db8::1"}
        assert pair.holds("5", REVERSE) == {f"PTR {virtual}"}
        pair.roles.online(BACKUP)
        walk = await pair.walk()
        assert (walk.in_order, walk.outcomes) == (True, {})
        register = primary.update(FORWARD)
        register.add("dma-backup", 60, "A", "10.10.10.5")
        assert primary.rcode(register) == "NOERROR"
        walk = await pair.walk(Why.AUDIT)
        assert (walk.in_order, walk.cause) == (True, Cause.DRIFT)
        assert pair.holds("dma-backup") == {"A 10.10.10.2"}
        assert {zone: primary.records(zone) for zone in settled} == settled


async def test_a_service_name_follows_the_online_agents_own_addresses(primary: DnsServer) -> None:
    layout = pair_with(layout=Layout.SERVICE_NAME, virtual_ips=(), published_as="dma.example.test.")
    before = primary.records(REVERSE)
    async with world(primary, layout) as pair:
        assert (await pair.walk(Why.START)).in_order
        assert pair.holds("dma") == {"A 10.10.10.1", "AAAA 2001:db8::1"}
        pair.roles.online(BACKUP)
        assert (await pair.walk()).in_order
        assert pair.holds("dma") == {"A 10.10.10.2"}
    assert primary.records(REVERSE) == before


async def test_physical_addresses_that_were_unregistered_come_back(primary: DnsServer) -> None:
    async with world(primary, pair_with(keep_physical=True), online=BACKUP) as pair:
        unregister = primary.update(FORWARD)
        unregister.delete("dma-main", "A", "10.10.10.1")
        assert primary.rcode(unregister) == "NOERROR"
        assert (await pair.walk(Why.START)).in_order
        assert pair.holds("dma-main") == {"A 10.10.10.1", "AAAA 2001:db8::1"}


async def test_the_last_address_of_an_agent_is_not_removed(primary: DnsServer) -> None:
    async with world(primary, online=BACKUP) as pair:
        unregister = primary.update(FORWARD)
        unregister.delete("dma-main", "A", "10.10.10.1")
        assert primary.rcode(unregister) == "NOERROR"
        walk = await pair.walk(Why.START)
        assert [refusal.reason for refusal in walk.refusals] == [Refused.LAST_ADDRESS]
        assert not walk.in_order
        assert pair.holds("dma-main") == {"A 10.10.10.5", "AAAA 2001:db8::1"}
        assert pair.holds("dma-backup") == {"A 10.10.10.2", "A 10.10.10.5"}


async def test_foreign_records_stay_and_a_foreign_pointer_is_reported(primary: DnsServer) -> None:
    for zone, name, rdtype, value in (
        (FORWARD, "dma-main", "A", "10.10.10.77"),
        (FORWARD, "dma-main", "TXT", '"rack 7"'),
        (REVERSE, "5", "PTR", "printer.example.test."),
    ):
        foreign = primary.update(zone)
        foreign.add(name, 900, rdtype, value)
        assert primary.rcode(foreign) == "NOERROR"
    async with world(primary, online=BACKUP) as pair:
        walk = await pair.walk(Why.START)
        assert walk.in_order
        assert walk.plan is not None
        assert [str(record) for record in walk.plan.foreign] == [
            "5.10.10.10.in-addr.arpa. PTR printer.example.test."
        ]
        assert pair.holds("5", REVERSE) == {*POINTS_TO_BACKUP, "PTR printer.example.test."}
        assert pair.holds("dma-main") == {
            "A 10.10.10.1",
            "A 10.10.10.77",
            "AAAA 2001:db8::1",
            'TXT "rack 7"',
        }


async def test_names_in_capitals_are_the_same_names(primary: DnsServer) -> None:
    # As Windows registers them.
    register = primary.update(REVERSE)
    register.delete("5", "PTR")
    register.add("5", 1200, "PTR", "DMA-MAIN.Example.Test.")
    assert primary.rcode(register) == "NOERROR"
    async with world(primary, online=BACKUP) as pair:
        assert (await pair.walk(Why.START)).in_order
        assert pair.holds("5", REVERSE) == POINTS_TO_BACKUP


async def test_what_is_as_it_should_be_is_left_alone(primary: DnsServer) -> None:
    serials = {zone: primary.serial(zone) for zone in (FORWARD, REVERSE)}
    async with world(primary) as pair:
        for why in Why:
            walk = await pair.walk(why)
            assert (walk.in_order, walk.outcomes) == (True, {})
        assert pair.log.entries == {}
    assert {zone: primary.serial(zone) for zone in serials} == serials


async def test_a_switch_sends_one_update_for_each_zone_and_reads_nothing_before(embedded: DnsServer) -> None:
    async with world(embedded) as pair:
        await pair.walk(Why.START)
        for tap in pair.taps.values():
            tap.sent.clear()
        pair.roles.online(BACKUP)
        assert (await pair.walk(Why.SOURCE)).in_order
        assert [pair.updates(zone) for zone in (FORWARD, REVERSE, REVERSE6)] == [1, 1, 0]
        assert pair.tap(FORWARD).sent[0] in pair.tap(FORWARD).updates
        assert pair.tap(REVERSE).sent[0] in pair.tap(REVERSE).updates


async def test_unknown_holds_and_asks_dns_nothing(embedded: DnsServer) -> None:
    before = embedded.records(FORWARD)
    async with world(embedded) as pair:
        for main, backup in (
            (Role.UNKNOWN, Role.UNKNOWN),
            (Role.UNKNOWN, Role.OFFLINE),
            (Role.SWITCHING, Role.UNKNOWN),
        ):
            pair.roles.set(main, backup)
            walk = await pair.walk(Why.START)
            assert walk.decision == Hold(reason=Reason.NOBODY_ONLINE, agents=(MAIN, BACKUP))
            assert not walk.in_order
        assert [tap.sent for tap in pair.taps.values()] == [[], [], []]
    assert embedded.records(FORWARD) == before


async def test_an_agent_that_fell_silent_does_not_keep_the_other_from_going_online(
    embedded: DnsServer,
) -> None:
    async with world(embedded) as pair:
        await pair.walk(Why.START)
        pair.roles.set(Role.UNKNOWN, Role.ONLINE)
        walk = await pair.walk()
        assert walk.decision == Move(to=BACKUP, reason=Reason.OTHER_UNKNOWN)
        assert pair.holds("dma-backup") == {"A 10.10.10.2", "A 10.10.10.5"}


async def test_more_changes_than_the_limit_send_nothing(embedded: DnsServer) -> None:
    before = embedded.records(FORWARD)
    async with world(embedded, online=BACKUP, max_changes=3) as pair:
        walk = await pair.walk(Why.START)
        assert [refusal.reason for refusal in walk.refusals] == [Refused.TOO_MANY]
        assert pair.log.entries == {}
    assert embedded.records(FORWARD) == before
