"""What keeps a decided move from being carried out: too many of them, and an operator's freeze."""

from __future__ import annotations

import pytest

from failover_dns.conduct.restraint import Restraint
from failover_dns.conduct.walk import Why
from failover_dns.core.changelog import Held
from failover_dns.core.damping import Damping
from failover_dns.core.decide import Hold, Reason
from failover_dns.core.errors import FailoverDnsError
from failover_dns.core.orders import Freeze, Orders, Release
from tests.conduct.world import BACKUP, MAIN, Clock, World, pair_with, world
from tests.servers.client import DnsServer

LITTLE = Damping(half_life_s=300.0, limit=2.0, reuse=1.0, max_hold_s=900.0)
ON_BACKUP = {"A 10.10.10.2", "A 10.10.10.5"}
FENCED = pair_with(fence=True)


async def flap(pair: World, *agents: str) -> list[str]:
    """Switch to each agent in turn, a second apart; return what became of each."""
    found = []
    for agent in agents:
        pair.clock.mono_s += 1  # type: ignore[attr-defined]
        pair.roles.online(agent)
        walk = await pair.walk()
        found.append(str(walk.decision.reason) if isinstance(walk.decision, Hold) else "moved")
    return found


def damped(clock: Clock, published: str | None = MAIN, orders: Orders | None = None) -> Restraint:
    return Restraint(
        "dma", clock=clock, damping=LITTLE, published=published, orders=lambda: orders or Orders()
    )


@pytest.mark.parametrize("pair_of", [pair_with(), FENCED], ids=["bare", "fenced"])
async def test_a_pair_that_flaps_is_held_and_the_truth_is_published_when_it_lets_go(
    primary: DnsServer, pair_of: object
) -> None:
    clock = Clock()
    async with world(primary, pair_of, clock=clock, last_online=MAIN, restraint=damped(clock)) as pair:  # type: ignore[arg-type]
        await pair.walk(Why.START)
        assert await flap(pair, BACKUP, MAIN, BACKUP) == ["moved", "moved", "damped"]
        held = await pair.walk(Why.LOOK)
        assert isinstance(held.decision, Hold)
        assert held.decision.agents == (BACKUP,)
        assert pair.holds("dma-backup") == {"A 10.10.10.2"}
        clock.mono_s += held.decision.again_in_s or 0.0
        assert (await pair.walk(Why.SETTLED)).in_order
        assert pair.holds("dma-backup") == ON_BACKUP


async def test_a_held_pair_is_still_repaired_where_it_is(primary: DnsServer) -> None:
    clock = Clock()
    async with world(primary, clock=clock, last_online=MAIN, restraint=damped(clock)) as pair:
        assert await flap(pair, BACKUP, MAIN, BACKUP, MAIN) == ["moved", "moved", "damped", "moved"]
        update = primary.update("example.test.")
        update.add("dma-backup", 60, "A", "10.10.10.5")
        assert primary.rcode(update) == "NOERROR"
        assert (await pair.walk(Why.AUDIT)).in_order
        assert pair.holds("dma-backup") == {"A 10.10.10.2"}


async def test_a_hold_is_written_down_once(primary: DnsServer) -> None:
    clock = Clock()
    async with world(primary, clock=clock, last_online=MAIN, restraint=damped(clock)) as pair:
        await flap(pair, BACKUP, MAIN, BACKUP, BACKUP)
        await pair.transactions.close()
        [held] = [entry for entry in pair.log.entries.values() if isinstance(entry, Held)]
        assert (held.reason, held.to) == (Reason.DAMPED, BACKUP)
        assert held.until is not None
        assert held.penalty == pytest.approx(2.0, abs=0.05)


async def test_a_release_ends_a_hold(primary: DnsServer) -> None:
    clock, orders = Clock(), [Orders()]
    restraint = Restraint("dma", clock=clock, damping=LITTLE, published=MAIN, orders=lambda: orders[0])
    async with world(primary, clock=clock, last_online=MAIN, restraint=restraint) as pair:
        assert (await flap(pair, BACKUP, MAIN, BACKUP))[-1] == "damped"
        orders[0] = Orders(releases={"dma": Release(by="ann", at_s=clock().wall_s)})
        assert (await pair.walk(Why.LOOK)).in_order
        assert pair.holds("dma-backup") == ON_BACKUP


async def test_switches_before_a_restart_count_and_those_before_a_release_do_not(primary: DnsServer) -> None:
    clock = Clock()
    wall_s = clock().wall_s
    for released_s, expected in ((wall_s - 30, "damped"), (wall_s - 5, "moved")):
        orders = Orders(releases={"dma": Release(by="ann", at_s=released_s)})
        restraint = Restraint(
            "dma",
            clock=clock,
            damping=LITTLE,
            switches=(wall_s - 20, wall_s - 10),
            published=MAIN,
            orders=lambda orders=orders: orders,  # type: ignore[misc]
        )
        async with world(primary, clock=clock, last_online=MAIN, restraint=restraint) as pair:
            assert await flap(pair, BACKUP) == [expected]


async def test_what_another_daemon_moves_counts_too(primary: DnsServer) -> None:
    clock = Clock()
    async with (
        world(primary, FENCED, writer="one", clock=clock, restraint=damped(clock, None)) as one,
        world(primary, FENCED, writer="two", clock=clock) as two,
    ):
        await one.walk(Why.START)
        for agent in (BACKUP, MAIN):
            clock.mono_s += 1
            one.roles.online(agent)
            two.roles.online(agent)
            await two.walk(Why.AUDIT)
            await one.walk(Why.AUDIT)
        assert await flap(one, BACKUP) == ["damped"]


async def test_a_frozen_pair_shows_what_it_would_do_and_leaves_dns_alone(primary: DnsServer) -> None:
    clock = Clock()
    freeze = Freeze(by="ann", reason="patch day", since_s=clock().wall_s, until_s=clock().wall_s + 60)
    restraint = damped(clock, MAIN, Orders(freezes={"dma": freeze}))
    async with world(primary, FENCED, clock=clock, online=BACKUP, restraint=restraint) as pair:
        walk = await pair.walk(Why.START)
        assert walk.frozen == freeze
        assert walk.plan is not None
        assert [change.zone for change in walk.plan.changes] == ["10.10.10.in-addr.arpa.", "example.test."]
        assert walk.outcomes == {}
        assert walk.again_in_s == pytest.approx(60)
        assert pair.holds("_failover-dns.dma") == set()
        clock.mono_s += 61
        assert (await pair.walk(Why.SETTLED)).in_order


async def test_orders_that_cannot_be_read_leave_dns_alone(primary: DnsServer) -> None:
    clock = Clock()

    def broken() -> Orders:
        raise FailoverDnsError("orders.json is damaged", "mend it")

    restraint = Restraint("dma", clock=clock, orders=broken)
    async with world(primary, clock=clock, online=BACKUP, restraint=restraint) as pair:
        walk = await pair.walk(Why.START)
        assert [problem.what for problem in walk.problems] == ["orders.json is damaged"]
        assert walk.outcomes == {}
        assert "A 10.10.10.5" in pair.holds("dma-main")
