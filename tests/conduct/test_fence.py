"""Several daemons and one pair: whoever decided last is the one that counts, in every zone."""

from __future__ import annotations

import asyncio

import dns.message
import dns.rdatatype
import pytest

from failover_dns.conduct.fencing import Insist
from failover_dns.conduct.walk import Why
from failover_dns.core.changelog import Held, Intent, Peer
from failover_dns.core.decide import Hold, Move, Reason
from failover_dns.core.errors import UnsentError
from failover_dns.core.fence import Fence, parse
from failover_dns.core.guard import Refused
from failover_dns.core.model import Layout, Role
from failover_dns.core.recall import recall
from tests.conduct.world import (
    BACKUP,
    FORWARD,
    MAIN,
    REVERSE,
    Clock,
    Forward,
    World,
    is_update,
    pair_with,
    world,
    zone_of,
)
from tests.servers.client import DnsServer

ON, OFF, DARK = Role.ONLINE, Role.OFFLINE, Role.UNKNOWN
PAIR = pair_with(fence=True)
ZONES = (FORWARD, REVERSE)


def fence(pair: World, zone: str = FORWARD) -> Fence:
    """Return the one fence that the zone holds, by asking the server."""
    [text] = pair.holds("_failover-dns.dma", zone)
    return parse(text.removeprefix("TXT ").strip('"'))


def epochs(pair: World) -> dict[str, tuple[int, str]]:
    return {zone: (fence(pair, zone).epoch, fence(pair, zone).online) for zone in ZONES}


async def test_every_zone_of_a_pair_gets_the_same_fence(primary: DnsServer) -> None:
    async with world(primary, PAIR, writer="one") as pair:
        assert (await pair.walk(Why.START)).in_order
        assert fence(pair) == fence(pair, REVERSE)
        assert (fence(pair).epoch, fence(pair).online, fence(pair).writer) == (1, MAIN, "one")
        assert (await pair.walk(Why.AUDIT)).outcomes == {}


async def test_a_switch_takes_the_next_epoch_in_the_message_that_moves_the_address(
    primary: DnsServer,
) -> None:
    async with world(primary, PAIR) as pair:
        await pair.walk(Why.START)
        pair.roles.online(BACKUP)
        sent = {zone: pair.updates(zone) for zone in ZONES}
        assert (await pair.walk()).in_order
        assert {zone: pair.updates(zone) - sent[zone] for zone in ZONES} == dict.fromkeys(ZONES, 1)
        assert epochs(pair) == dict.fromkeys(ZONES, (2, BACKUP))
        assert pair.holds("dma-backup") == {"A 10.10.10.2", "A 10.10.10.5"}


async def test_a_repair_keeps_the_epoch(primary: DnsServer) -> None:
    async with world(primary, PAIR) as pair:
        await pair.walk(Why.START)
        update = primary.update(FORWARD)
        update.delete("dma-main", "A", "10.10.10.5")
        assert primary.rcode(update) == "NOERROR"
        assert (await pair.walk(Why.AUDIT)).in_order
        assert epochs(pair) == dict.fromkeys(ZONES, (1, MAIN))
        assert "A 10.10.10.5" in pair.holds("dma-main")


async def test_two_daemons_that_see_the_same_switch_make_it_once(primary: DnsServer) -> None:
    clock = Clock()
    async with (
        world(primary, PAIR, writer="one", clock=clock) as one,
        world(primary, PAIR, writer="two", clock=clock) as two,
    ):
        await one.walk(Why.START)
        await two.walk(Why.START)
        clock.mono_s += 60
        one.roles.online(BACKUP)
        two.roles.online(BACKUP)
        walks = await asyncio.gather(one.walk(), two.walk())
        assert all(walk.in_order for walk in walks)
        assert epochs(one) == dict.fromkeys(ZONES, (2, BACKUP))
        assert one.holds("dma-main") == {"A 10.10.10.1", "AAAA 2001:db8::1"}


async def test_a_superseded_daemon_holds_until_one_of_its_own_observations_changes(
    primary: DnsServer,
) -> None:
    clock = Clock()
    async with (
        world(primary, PAIR, writer="one", clock=clock) as one,
        world(primary, PAIR, writer="two", clock=clock) as two,
    ):
        one.roles.set(main=ON, backup=DARK)
        two.roles.set(main=DARK, backup=OFF)
        await one.walk(Why.START)
        await two.walk(Why.START)
        clock.mono_s += 60
        two.roles.set(main=DARK, backup=ON)
        assert (await two.walk()).in_order
        clock.mono_s += 60
        for why in (Why.AUDIT, Why.SOURCE, Why.RESYNC):
            walk = await one.walk(why)
            assert walk.decision == Hold(reason=Reason.SUPERSEDED, agents=(BACKUP,))
            assert walk.fence == fence(one)
        assert epochs(one) == dict.fromkeys(ZONES, (2, BACKUP))
        clock.mono_s += 60
        one.roles.set(main=OFF, backup=DARK)
        await one.walk()
        one.roles.set(main=ON, backup=DARK)
        assert (await one.walk()).in_order
        assert epochs(one) == dict.fromkeys(ZONES, (3, MAIN))


async def test_what_another_daemon_decided_is_written_down_once(primary: DnsServer) -> None:
    clock = Clock()
    async with (
        world(primary, PAIR, writer="one", clock=clock) as one,
        world(primary, PAIR, writer="two", clock=clock) as two,
    ):
        two.roles.set(main=DARK, backup=OFF)
        await one.walk(Why.START)
        await two.walk(Why.START)
        clock.mono_s += 60
        two.roles.set(main=DARK, backup=ON)
        await two.walk()
        await one.walk(Why.AUDIT)
        await one.walk(Why.AUDIT)
        await one.transactions.close()
        [peer] = [entry for entry in one.log.entries.values() if isinstance(entry, Peer)]
        assert (peer.epoch, peer.online, peer.writer, peer.stands_for, peer.agrees) == (
            2,
            BACKUP,
            "two",
            "",
            False,
        )
        [held] = [entry for entry in one.log.entries.values() if isinstance(entry, Held)]
        assert (held.reason, held.to, held.until) == (Reason.SUPERSEDED, MAIN, None)


async def test_a_late_reverse_update_cannot_undo_newer_decisions_though_the_address_moved_back(
    primary: DnsServer,
) -> None:
    clock = Clock()
    held, let_go = asyncio.Event(), asyncio.Event()

    async def late(wire: bytes, forward: Forward) -> bytes:
        if is_update(wire) and zone_of(wire) == REVERSE:
            held.set()
            await let_go.wait()
        return await forward(wire)

    async with (
        world(primary, PAIR, writer="slow", clock=clock) as slow,
        world(primary, PAIR, writer="quick", clock=clock) as quick,
    ):
        await slow.walk(Why.START)
        await quick.walk(Why.START)
        clock.mono_s += 60
        slow.tap(REVERSE).treat = late
        slow.roles.online(BACKUP)
        slow_walk = asyncio.create_task(slow.walk())
        await held.wait()
        assert epochs(slow) == {FORWARD: (2, BACKUP), REVERSE: (1, MAIN)}
        clock.mono_s += 60
        quick.roles.set(main=OFF, backup=ON)
        await quick.walk(Why.AUDIT)
        clock.mono_s += 60
        quick.roles.set(main=ON, backup=OFF)
        assert (await quick.walk(Why.AUDIT)).in_order
        assert epochs(slow) == dict.fromkeys(ZONES, (3, MAIN))
        let_go.set()
        walk = await slow_walk
        assert walk.decision == Hold(reason=Reason.SUPERSEDED, agents=(MAIN,))
        assert quick.holds("5", REVERSE) == {f"PTR {MAIN}"}
        assert epochs(slow) == dict.fromkeys(ZONES, (3, MAIN))


async def test_a_fence_that_is_none_is_refused_and_mended_only_by_hand(primary: DnsServer) -> None:
    update = primary.update(FORWARD)
    update.add("_failover-dns.dma", 60, "TXT", '"somebody" "else"')
    assert primary.rcode(update) == "NOERROR"
    async with world(primary, PAIR, online=BACKUP) as pair:
        walk = await pair.walk(Why.START)
        assert [refusal.reason for refusal in walk.refusals] == [Refused.NO_FENCE]
        assert "resync --mend-fence dma" in walk.refusals[0].cure
        assert pair.holds("dma-main") >= {"A 10.10.10.5"}
        assert not walk.in_order
    async with world(primary, PAIR, online=BACKUP, insist=Insist(mend=True)) as pair:
        assert (await pair.walk(Why.RESYNC)).in_order
        assert epochs(pair) == dict.fromkeys(ZONES, (1, BACKUP))


async def test_a_removed_fence_is_written_again_and_epochs_go_on(primary: DnsServer) -> None:
    async with world(primary, PAIR) as pair:
        await pair.walk(Why.START)
        pair.roles.online(BACKUP)
        await pair.walk()
        for zone in ZONES:
            update = primary.update(zone)
            update.delete("_failover-dns.dma", "TXT")
            assert primary.rcode(update) == "NOERROR"
        assert (await pair.walk(Why.AUDIT)).in_order
        assert epochs(pair) == dict.fromkeys(ZONES, (2, BACKUP))


async def test_the_survivor_of_a_split_brain_gets_dns_though_only_the_loser_spoke(primary: DnsServer) -> None:
    """Each daemon sees its own agent alone."""
    clock = Clock()
    async with (
        world(primary, PAIR, writer="main", clock=clock) as main,
        world(primary, PAIR, writer="backup", clock=clock) as backup,
    ):
        main.roles.set(main=ON, backup=DARK)
        backup.roles.set(main=DARK, backup=OFF)
        await main.walk(Why.START)
        await backup.walk(Why.START)
        clock.mono_s += 60
        backup.roles.set(main=DARK, backup=ON)
        await backup.walk()
        assert epochs(main) == dict.fromkeys(ZONES, (2, BACKUP))
        clock.mono_s += 60
        backup.roles.set(main=DARK, backup=OFF)
        assert (await backup.walk()).outcomes == {}
        assert (await backup.walk(Why.AUDIT)).in_order
        assert epochs(main) == dict.fromkeys(ZONES, (3, ""))
        assert backup.holds("dma-backup") == {"A 10.10.10.2", "A 10.10.10.5"}
        assert (await main.walk(Why.AUDIT)).in_order
        assert epochs(main) == dict.fromkeys(ZONES, (4, MAIN))
        assert main.holds("dma-backup") == {"A 10.10.10.2"}
        assert main.holds("5", REVERSE) == {f"PTR {MAIN}"}


async def test_a_crashed_agents_file_does_not_win_when_the_other_cannot_be_seen(primary: DnsServer) -> None:
    clock = Clock()
    async with world(primary, PAIR, clock=clock) as pair:
        await pair.walk(Why.START)
        clock.mono_s += 60
        pair.roles.set(main=ON, backup=ON)
        assert (await pair.walk()).decision == Move(to=BACKUP, reason=Reason.NEWER_CLAIM)
        clock.mono_s += 60
        pair.roles.set(main=ON, backup=DARK)
        assert (await pair.walk()).decision == Hold(reason=Reason.SUPERSEDED, agents=(BACKUP,))
        assert epochs(pair) == dict.fromkeys(ZONES, (2, BACKUP))


async def test_a_crashed_agents_file_does_not_win_after_a_restart_either(primary: DnsServer) -> None:
    clock = Clock()
    async with world(primary, PAIR, clock=clock) as pair:
        await pair.walk(Why.START)
        clock.mono_s += 60
        pair.roles.set(main=ON, backup=ON)
        await pair.walk()
        last = [entry for entry in pair.log.entries.values() if isinstance(entry, Intent)][-1]
    clock.mono_s += 60
    recalled = recall(last.claims, last.fence, now=clock())
    for main, backup, expected in (
        (ON, DARK, Hold(reason=Reason.SUPERSEDED, agents=(BACKUP,))),
        (ON, ON, Move(to=BACKUP, reason=Reason.NEWER_CLAIM)),
    ):
        async with world(primary, PAIR, clock=clock, recalled=recalled) as pair:
            pair.roles.set(main=main, backup=backup)
            assert (await pair.walk(Why.START)).decision == expected


async def test_an_operator_may_decide_though_superseded(primary: DnsServer) -> None:
    clock = Clock()
    async with world(primary, PAIR, writer="one", clock=clock, online=BACKUP) as one:
        await one.walk(Why.START)
    clock.mono_s += 60
    async with world(primary, PAIR, writer="two", clock=clock) as two:
        two.roles.set(main=ON, backup=DARK)
        assert isinstance((await two.walk(Why.RESYNC)).decision, Hold)
    async with world(primary, PAIR, writer="two", clock=clock, insist=Insist(supersede=True)) as two:
        two.roles.set(main=ON, backup=DARK)
        assert (await two.walk(Why.RESYNC)).in_order
        assert epochs(two) == dict.fromkeys(ZONES, (2, MAIN))


async def test_a_zone_that_was_not_reached_gets_the_decision_later(primary: DnsServer) -> None:
    async def dead(wire: bytes, forward: Forward) -> bytes:
        raise UnsentError(f"no route for {len(wire)} bytes", str(forward))

    async with world(primary, PAIR) as pair:
        await pair.walk(Why.START)
        pair.tap(REVERSE).treat = dead
        pair.roles.online(BACKUP)
        await pair.walk()
        assert epochs(pair) == {FORWARD: (2, BACKUP), REVERSE: (1, MAIN)}
        pair.tap(REVERSE).treat = None
        assert (await pair.walk(Why.RESYNC)).in_order
        assert epochs(pair) == dict.fromkeys(ZONES, (2, BACKUP))
        assert fence(pair) == fence(pair, REVERSE)


@pytest.mark.parametrize("layout", [Layout.SERVICE_NAME, Layout.VIRTUAL_NAME])
async def test_the_other_layouts_are_fenced_alike(primary: DnsServer, layout: Layout) -> None:
    pair_of = pair_with(
        fence=True,
        layout=layout,
        published_as="dma.example.test.",
        virtual_ips=() if layout is Layout.SERVICE_NAME else PAIR.virtual_ips,
    )
    async with world(primary, pair_of) as pair:
        assert (await pair.walk(Why.START)).in_order
        pair.roles.online(BACKUP)
        assert (await pair.walk()).in_order
        assert (fence(pair).epoch, fence(pair).online) == (2, BACKUP)


async def test_two_daemons_that_ask_two_domain_controllers_are_told_of_it(bind: DnsServer) -> None:
    async with world(bind, PAIR, writer="one", by_server=True) as one:
        await one.walk()
        assert {fence(one, zone).at for zone in ZONES} == {"ns.example.test."}
        rename(bind, "dc2.example.test.")  # as the other controller answers, once it has copied the records
        async with world(bind, PAIR, writer="two", by_server=True) as two:
            walk = await two.walk()
            assert {zone: found.at for zone, found in walk.elsewhere.items()} == dict.fromkeys(
                ZONES, "ns.example.test."
            )
            two.roles.online(BACKUP)
            await two.walk()
            assert {fence(two, zone).at for zone in ZONES} == {"dc2.example.test."}
            assert not (await two.walk()).elsewhere


def rename(server: DnsServer, primary: str) -> None:
    """Let the SOAs of both zones name another primary."""
    for zone in ZONES:
        update = server.update(zone)
        update.replace("@", 3600, "SOA", f"{primary} hostmaster.example.test. 1000 3600 600 86400 30")
        assert server.rcode(update) == "NOERROR"


async def test_an_agent_that_says_offline_since_the_start_does_not_hold_up_the_other(
    primary: DnsServer,
) -> None:
    clock = Clock()
    async with world(primary, PAIR, writer="one", clock=clock) as one:
        await one.walk(Why.START)
    clock.mono_s += 60
    async with world(primary, PAIR, writer="two", clock=clock) as two:
        two.roles.set(main=OFF, backup=DARK)
        await two.walk(Why.START)
        clock.mono_s += 2
        two.roles.set(main=OFF, backup=ON)
        assert (await two.walk()).decision == Move(to=BACKUP, reason=Reason.OTHER_OFFLINE)


async def test_a_fence_never_moves_without_the_records_though_a_reading_was_torn(primary: DnsServer) -> None:
    clock = Clock()
    pointer_was_read, moved = asyncio.Event(), asyncio.Event()

    async def torn(wire: bytes, forward: Forward) -> bytes:
        kind = dns.message.from_wire(wire, keyring=False).question[0].rdtype
        if is_update(wire) or kind not in {dns.rdatatype.PTR, dns.rdatatype.TXT}:
            return await forward(wire)
        if kind == dns.rdatatype.TXT:
            await moved.wait()
        answer = await forward(wire)
        if kind == dns.rdatatype.PTR:
            pointer_was_read.set()
        return answer

    async with (
        world(primary, PAIR, writer="one", clock=clock) as one,
        world(primary, PAIR, writer="two", clock=clock) as two,
    ):
        await one.walk(Why.START)
        await two.walk(Why.START)
        clock.mono_s += 60
        one.tap(REVERSE).treat = torn
        reading = asyncio.create_task(one.walk(Why.NOTIFY))
        await pointer_was_read.wait()
        two.roles.online(BACKUP)
        assert (await two.walk()).in_order
        moved.set()
        await reading
        one.tap(REVERSE).treat = None
        clock.mono_s += 60
        one.roles.set(main=OFF, backup=DARK)
        await one.walk()
        clock.mono_s += 60
        one.roles.set(main=ON, backup=OFF)
        assert (await one.walk()).in_order
        assert epochs(one) == dict.fromkeys(ZONES, (3, MAIN))
        assert one.holds("5", REVERSE) == {f"PTR {MAIN}"}


async def test_a_switch_back_from_another_daemons_is_a_switch_and_never_slowed_down(
    primary: DnsServer,
) -> None:
    clock = Clock()
    async with (
        world(primary, PAIR, writer="one", clock=clock) as one,
        world(primary, PAIR, writer="two", clock=clock) as two,
    ):
        await one.walk(Why.START)
        await two.walk(Why.START)
        for epoch in range(2, 16, 2):
            clock.mono_s += 60
            two.roles.online(BACKUP)
            await two.walk(Why.NOTIFY)
            assert epochs(one) == dict.fromkeys(ZONES, (epoch, BACKUP))
            clock.mono_s += 60
            one.roles.set(main=OFF, backup=DARK)
            await one.walk()
            two.roles.set(main=OFF, backup=OFF)
            await two.walk()
            clock.mono_s += 60
            one.roles.set(main=ON, backup=DARK)
            walk = await one.walk(Why.NOTIFY)
            assert one.holds("5", REVERSE) == {f"PTR {MAIN}"}
            assert walk.in_order, walk.returning
