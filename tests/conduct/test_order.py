"""Agents whose names lie in two zones: the address is added at one before it is taken from the other."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from failover_dns.conduct.walk import Why
from failover_dns.core.errors import SilentError
from failover_dns.core.model import Agent, Pair, Role
from failover_dns.core.outcome import Next, Verdict
from tests.conduct.world import Forward, is_update, world
from tests.servers.embedded import running_embedded
from tests.servers.zones import ZONES

MAIN, BACKUP = "dma-main.example.test.", "dma-backup.other.test."
OTHER = """
$TTL 60
@ 3600 IN SOA ns hostmaster 1 3600 600 86400 30
@ 3600 IN NS ns
ns IN A 192.0.2.53
dma-backup IN A 10.10.10.2
"""
APART = Pair(
    name="dma",
    agents=(
        Agent(name=MAIN, addresses=(ip_address("10.10.10.1"),)),
        Agent(name=BACKUP, addresses=(ip_address("10.10.10.2"),)),
    ),
    virtual_ips=(ip_address("10.10.10.5"),),
)
BOTH = pytest.mark.parametrize("apart", [APART, replace(APART, fence=True)], ids=["bare", "fenced"])
SWITCHED = {MAIN: Role.OFFLINE, BACKUP: Role.ONLINE}
WHERE = ("example.test.", "other.test.", "10.10.10.in-addr.arpa.")


@BOTH
async def test_the_address_is_added_in_one_zone_before_it_is_taken_from_the_other(apart: Pair) -> None:
    with running_embedded({**ZONES, "other.test.": OTHER}) as server:
        async with world(server, apart, zones=WHERE) as pair:
            pair.roles.roles = SWITCHED

            async def look_first(wire: bytes, forward: Forward) -> bytes:
                if is_update(wire):
                    assert pair.holds("dma-backup", "other.test.") == {"A 10.10.10.2", "A 10.10.10.5"}
                return await forward(wire)

            pair.tap("example.test.").treat = look_first
            assert (await pair.walk(Why.START)).in_order
            assert pair.holds("dma-main") == {"A 10.10.10.1", "AAAA 2001:db8::1"}
            assert pair.holds("dma-backup", "other.test.") == {"A 10.10.10.2", "A 10.10.10.5"}


async def test_what_could_not_be_added_is_not_taken_away_either() -> None:
    with running_embedded({**ZONES, "other.test.": OTHER}) as server:
        async with world(server, APART, zones=WHERE) as pair:
            pair.roles.roles = SWITCHED

            async def drop(wire: bytes, forward: Forward) -> bytes:
                if is_update(wire):
                    raise SilentError("the connection broke")
                return await forward(wire)

            pair.tap("other.test.").treat = drop
            walk = await pair.walk(Why.START)
            assert walk.outcomes["example.test."].verdict is Verdict.REFUSED
            assert walk.outcomes["example.test."].next is Next.RETRY
            assert "nobody would have it" in walk.outcomes["example.test."].what
            assert pair.updates("example.test.") == 0
            assert "A 10.10.10.5" in pair.holds("dma-main")


async def test_the_reverse_zone_waits_for_neither() -> None:
    with running_embedded({**ZONES, "other.test.": OTHER}) as server:
        async with world(server, APART, zones=WHERE) as pair:
            pair.roles.roles = SWITCHED
            walk = await pair.walk(Why.START)
            assert walk.outcomes["10.10.10.in-addr.arpa."].verdict is Verdict.APPLIED
