"""The users' switch on every layout, at each of the four servers."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from failover_dns.conduct.walk import Why
from failover_dns.core.changelog import Cause
from failover_dns.core.model import Agent, Layout, Pair, Role
from failover_dns.core.outcome import Verdict
from tests.conduct.world import BACKUP, FORWARD, MAIN, REVERSE, REVERSE6, World, pair_with, world
from tests.matrix.zones import MATRIX_ZONES, OTHER, REVERSE30
from tests.servers.client import DnsServer

FIVE6 = "5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"
AWAY = "dma-backup.other.test."
ADDRESSES = tuple(map(ip_address, ("10.10.10.5", "10.10.30.5", "2001:db8::5")))
SPREAD = Pair(
    name="dma",
    agents=(
        Agent(name=MAIN, addresses=(ip_address("10.10.10.1"), ip_address("2001:db8::1"))),
        Agent(name=AWAY, addresses=(ip_address("10.10.30.2"),)),
    ),
    virtual_ips=ADDRESSES,
)
SPREAD_ZONES = (FORWARD, OTHER, REVERSE, REVERSE30, REVERSE6)


def everything(server: DnsServer) -> dict[str, set[str]]:
    return {zone: server.records(zone) for zone in MATRIX_ZONES}


def say_online(pair: World, name: str) -> None:
    pair.roles.roles = {
        agent.name: Role.ONLINE if agent.name == name else Role.OFFLINE
        for agent in pair.reconciler.pair.agents
    }


async def test_agent_name_moves_addresses_and_pointers_of_both_families(server: DnsServer) -> None:
    both = pair_with(virtual_ips=(ip_address("10.10.10.5"), ip_address("2001:db8::5")))
    async with world(server, both, online=BACKUP) as pair:
        assert (await pair.walk(Why.START)).in_order
        assert pair.holds("dma-main") == {"A 10.10.10.1", "AAAA 2001:db8::1"}
        assert pair.holds("dma-backup") == {"A 10.10.10.2", "A 10.10.10.5", "AAAA 2001:db8::5"}
        assert pair.holds("5", REVERSE) == {f"PTR {BACKUP}"}
        assert pair.holds(FIVE6, REVERSE6) == {f"PTR {BACKUP}"}
        assert set(pair.log.verdicts().values()) == {Verdict.APPLIED}


async def test_virtual_name_stays_and_stale_registrations_go(server: DnsServer) -> None:
    virtual = "dma.example.test."
    layout = pair_with(
        layout=Layout.VIRTUAL_NAME,
        published_as=virtual,
        virtual_ips=(ip_address("10.10.10.5"), ip_address("2001:db8::5")),
    )
    async with world(server, layout) as pair:
        assert (await pair.walk(Why.START)).in_order
        assert pair.holds("dma") == {"A 10.10.10.5", "AAAA 2001:db8::5"}
        assert pair.holds("5", REVERSE) == pair.holds(FIVE6, REVERSE6) == {f"PTR {virtual}"}
        settled = everything(server)
        pair.roles.online(BACKUP)
        assert (await pair.walk()).outcomes == {}
        register = server.update(FORWARD)
        register.add("dma-backup", 1200, "A", "10.10.10.5")
        register.add("dma-backup", 1200, "AAAA", "2001:db8::5")
        assert server.rcode(register) == "NOERROR"
        walk = await pair.walk(Why.AUDIT)
        assert (walk.in_order, walk.cause) == (True, Cause.DRIFT)
    stripped = everything(server)
    # What registered brought its TTL along; the records are as they were.
    assert {line.replace(" 1200 ", " 60 ") for line in stripped[FORWARD]} == settled[FORWARD]
    assert {**stripped, FORWARD: settled[FORWARD]} == settled


async def test_service_name_follows_the_online_agents_own_addresses(server: DnsServer) -> None:
    layout = pair_with(layout=Layout.SERVICE_NAME, virtual_ips=(), published_as="dma.example.test.")
    before = everything(server)
    async with world(server, layout) as pair:
        assert (await pair.walk(Why.START)).in_order
        assert pair.holds("dma") == {"A 10.10.10.1", "AAAA 2001:db8::1"}
        pair.roles.online(BACKUP)
        assert (await pair.walk()).in_order
        assert pair.holds("dma") == {"A 10.10.10.2"}
    after = everything(server)
    assert after[FORWARD] - before[FORWARD] == {"dma.example.test. 60 A 10.10.10.2"}
    assert {**after, FORWARD: before[FORWARD]} == before


async def test_keep_physical_brings_back_what_was_unregistered(server: DnsServer) -> None:
    before = everything(server)
    async with world(server, pair_with(keep_physical=True)) as pair:
        unregister = server.update(FORWARD)
        unregister.delete("dma-main", "A")
        unregister.delete("dma-backup", "A")
        assert server.rcode(unregister) == "NOERROR"
        assert (await pair.walk(Why.START)).in_order
    assert everything(server) == before


async def test_agents_and_addresses_of_several_zones_are_moved_zone_by_zone(server: DnsServer) -> None:
    before = everything(server)
    async with world(server, SPREAD, zones=SPREAD_ZONES) as pair:
        say_online(pair, AWAY)
        walk = await pair.walk(Why.START)
        assert (walk.in_order, set(walk.outcomes)) == (True, set(SPREAD_ZONES))
        assert pair.holds("dma-main") == {"A 10.10.10.1", "AAAA 2001:db8::1"}
        assert pair.holds("dma-backup", OTHER) == {
            "A 10.10.30.2",
            "A 10.10.10.5",
            "A 10.10.30.5",
            "AAAA 2001:db8::5",
            'TXT "not ours"',
        }
        assert pair.holds("5", REVERSE) == pair.holds("5", REVERSE30) == {f"PTR {AWAY}"}
        assert pair.holds(FIVE6, REVERSE6) == {f"PTR {AWAY}"}
        say_online(pair, MAIN)
        assert (await pair.walk()).in_order
        assert pair.holds("dma-backup", OTHER) == {"A 10.10.30.2", 'TXT "not ours"'}
        assert [pair.updates(zone) for zone in SPREAD_ZONES] == [2, 2, 2, 2, 2]
    after = everything(server)
    assert {zone for zone in before if after[zone] != before[zone]} == {FORWARD, REVERSE30, REVERSE6}


@pytest.mark.parametrize("algorithm", ["hmac-sha384", "hmac-sha512"])
async def test_a_switch_is_signed_with_the_algorithm_of_the_key(server: DnsServer, algorithm: str) -> None:
    signer = replace(server, keys={"hmac-sha256": server.keys[algorithm]})
    async with world(signer, online=BACKUP) as pair:
        assert (await pair.walk(Why.START)).in_order
        assert {intent.key for intent in pair.log.intents} == {f"{algorithm}.key."}
        assert pair.holds("dma-backup") == {"A 10.10.10.2", "A 10.10.10.5"}


async def test_foreign_records_stay_and_a_foreign_pointer_is_reported(server: DnsServer) -> None:
    foreign = server.update(FORWARD)
    foreign.add("dma-main", 60, "A", "10.10.10.77")
    foreign.add("dma-main", 60, "TXT", '"not ours"')
    foreign.add("dma-backup", 60, "AAAA", "2001:db8::77")
    assert server.rcode(foreign) == "NOERROR"
    pointer = server.update(REVERSE)
    pointer.add("5", 60, "PTR", "elsewhere.example.test.")
    assert server.rcode(pointer) == "NOERROR"
    async with world(server, online=BACKUP) as pair:
        walk = await pair.walk(Why.START)
        assert walk.in_order
        assert walk.plan is not None
        assert [str(record.value) for record in walk.plan.foreign] == ["elsewhere.example.test."]
        assert pair.holds("dma-main") == {
            "A 10.10.10.1",
            "A 10.10.10.77",
            "AAAA 2001:db8::1",
            'TXT "not ours"',
        }
        assert pair.holds("dma-backup") == {"A 10.10.10.2", "A 10.10.10.5", "AAAA 2001:db8::77"}
        assert pair.holds("5", REVERSE) == {f"PTR {BACKUP}", "PTR elsewhere.example.test."}


async def test_many_switches_leave_the_zones_as_they_were(server: DnsServer) -> None:
    before = everything(server)
    async with world(server) as pair:
        await pair.walk(Why.START)
        for agent in (BACKUP, MAIN) * 5:
            pair.roles.online(agent)
            walk = await pair.walk()
            assert (walk.in_order, walk.cause) == (True, Cause.SWITCH)
        assert [pair.updates(zone) for zone in (FORWARD, REVERSE)] == [10, 10]
    assert everything(server) == before
