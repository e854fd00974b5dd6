"""What an operator asks a running daemon for: it holds for one walk, which waits for nothing to settle."""

from __future__ import annotations

from dataclasses import replace

from failover_dns.conduct.fencing import Insist
from failover_dns.conduct.walk import Why
from failover_dns.core.decide import Hold, Move, Reason
from tests.conduct.test_fence import DARK, ON, PAIR
from tests.conduct.world import BACKUP, FORWARD, MAIN, Clock, pair_with, world
from tests.servers.client import DnsServer


async def test_what_is_insisted_on_holds_for_the_next_walk_by_hand_and_no_longer(embedded: DnsServer) -> None:
    clock = Clock()
    async with world(embedded, PAIR, writer="one", clock=clock, online=BACKUP) as one:
        await one.walk(Why.START)
    clock.mono_s += 60
    async with world(embedded, PAIR, writer="two", clock=clock) as two:
        two.roles.set(main=ON, backup=DARK)
        two.reconciler.insist(Insist(supersede=True))
        assert isinstance((await two.walk(Why.AUDIT)).decision, Hold)
        assert (await two.walk(Why.RESYNC)).in_order
        clock.mono_s += 60
        async with world(embedded, PAIR, writer="three", clock=clock, online=BACKUP) as three:
            three.roles.set(main=DARK, backup=ON)
            three.reconciler.insist(Insist(supersede=True))
            assert (await three.walk(Why.RESYNC)).in_order
        decision = (await two.walk(Why.RESYNC)).decision
        assert isinstance(decision, Hold)
        assert decision.reason is Reason.SUPERSEDED


async def test_two_who_insist_on_different_things_get_both(embedded: DnsServer) -> None:
    async with world(embedded, PAIR) as pair:
        pair.reconciler.insist(Insist(mend=True))
        pair.reconciler.insist(Insist(supersede=True))
        update = embedded.update(FORWARD)
        update.add("_failover-dns.dma", 60, "TXT", '"somebody" "else"')
        assert embedded.rcode(update) == "NOERROR"
        assert (await pair.walk(Why.RESYNC)).in_order


async def test_a_pair_without_a_fence_has_nothing_to_insist_on(embedded: DnsServer) -> None:
    async with world(embedded, replace(PAIR, fence=False)) as pair:
        pair.reconciler.insist(Insist(supersede=True, mend=True))
        assert (await pair.walk(Why.RESYNC)).in_order


async def test_an_operator_waits_for_no_decision_to_settle(embedded: DnsServer) -> None:
    async with world(embedded, pair_with(settle_s=60.0)) as pair:
        held = await pair.walk(Why.LOOK)
        assert isinstance(held.decision, Hold)
        assert held.decision.reason is Reason.SETTLING
        walk = await pair.walk(Why.RESYNC)
        assert isinstance(walk.decision, Move)
        assert walk.decision.to == MAIN


async def test_what_is_walked_says_so_for_as_long_as_it_is(embedded: DnsServer) -> None:
    async with world(embedded, PAIR) as pair:
        assert pair.reconciler.walking is None
        await pair.walk(Why.START)
        assert pair.reconciler.walking is None
