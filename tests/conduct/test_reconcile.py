"""What a walk does when DNS, the network or another writer gets in its way."""

from __future__ import annotations

from itertools import pairwise

import dns.rcode

from failover_dns.conduct.reconcile import MAX_PLANS
from failover_dns.conduct.walk import Why
from failover_dns.core.changelog import Cause
from failover_dns.core.decide import Move
from failover_dns.core.errors import SilentError, UnsentError
from failover_dns.core.guard import Refused
from failover_dns.core.model import Layout
from failover_dns.core.outcome import IGNORED, Next, Said, Verdict
from tests.conduct.strict_bind import running_strict_bind
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
)
from tests.servers.client import DnsServer
from tests.wire.answers import answer

MOVED = {"A 10.10.10.2", "A 10.10.10.5"}
UNMOVED = {"A 10.10.10.2"}


def add(server: DnsServer, name: str, value: str, zone: str = FORWARD, rdtype: str = "A") -> None:
    """Write as another writer does."""
    other = server.update(zone)
    other.add(name, 60, rdtype, value)
    assert server.rcode(other) == "NOERROR"


async def silent(_: bytes, _forward: Forward) -> bytes:
    raise SilentError("127.0.0.1#1 gave no answer in time")


async def refuse_to_read(wire: bytes, forward: Forward) -> bytes:
    return await forward(wire) if is_update(wire) else answer(wire, rcode=dns.rcode.REFUSED, signer=None)


async def fail_to_read(wire: bytes, forward: Forward) -> bytes:
    return await forward(wire) if is_update(wire) else answer(wire, rcode=dns.rcode.SERVFAIL, signer=None)


async def say_there_is_nothing(wire: bytes, forward: Forward) -> bytes:
    return await forward(wire) if is_update(wire) else answer(wire, signer=None)


async def test_a_failed_read_is_not_an_empty_answer(primary: DnsServer) -> None:
    # external-dns 2071: what could not be read was added anew.
    for fault in (silent, refuse_to_read, fail_to_read, say_there_is_nothing):
        async with world(primary, online=BACKUP) as pair:
            before = {zone: primary.records(zone) for zone in (FORWARD, REVERSE)}
            for tap in pair.taps.values():
                tap.treat = fault
            walk = await pair.walk(Why.START)
            assert walk.plan is not None
            assert (walk.plan.changes, walk.outcomes, walk.in_order) == ((), {}, False)
            assert len(walk.problems) == 2
            assert pair.log.entries == {}
            assert {zone: primary.records(zone) for zone in before} == before


async def test_a_zone_that_cannot_be_read_does_not_hold_up_the_other(primary: DnsServer) -> None:
    async with world(primary, online=BACKUP) as pair:
        pair.tap(REVERSE).treat = silent
        walk = await pair.walk(Why.START)
        assert (pair.log.verdicts(), walk.in_order) == ({FORWARD: Verdict.APPLIED}, False)
        assert pair.holds("dma-backup") == MOVED
        assert pair.holds("5", REVERSE) == {f"PTR {MAIN}"}
        assert "no primary answers" in walk.problems[0].what


async def test_a_zone_that_cannot_be_read_waits_its_turn_longer_each_time(embedded: DnsServer) -> None:
    clock = Clock()
    async with world(embedded, online=BACKUP, clock=clock) as pair:
        tap = pair.tap(REVERSE)
        tap.treat = silent
        waits = []
        for _ in range(4):
            walk = await pair.walk(Why.RETRY)
            assert walk.again_in_s is not None
            waits.append(walk.again_in_s)
            asked = len(tap.sent)
            for why in (Why.LOOK, Why.SOURCE, Why.AUDIT):
                walk = await pair.walk(why)
                assert len(tap.sent) == asked, f"asked again at once, at {why}"
                assert walk.problems
            clock.mono_s += waits[-1]
        # Twice as long each time, give or take a quarter.
        assert all(2 * 0.6 <= later / sooner <= 2 / 0.6 for sooner, later in pairwise(waits))
        tap.treat = None
        assert (await pair.walk(Why.RETRY)).in_order
        assert pair.holds("5", REVERSE) == {f"PTR {BACKUP}"}


async def test_a_resync_asks_at_once_what_waits_its_turn(embedded: DnsServer) -> None:
    async with world(embedded, online=BACKUP) as pair:
        pair.tap(REVERSE).treat = silent
        await pair.walk(Why.START)
        pair.tap(REVERSE).treat = None
        assert not (await pair.walk(Why.LOOK)).in_order
        assert (await pair.walk(Why.RESYNC)).in_order


async def test_what_another_writer_changed_meanwhile_is_planned_anew_and_stays(primary: DnsServer) -> None:
    async with world(primary) as pair:
        await pair.walk(Why.START)
        add(primary, "dma-main", "10.10.10.77")  # after it was read, before the update
        pair.roles.online(BACKUP)
        walk = await pair.walk(Why.SOURCE)
        assert walk.in_order
        assert pair.holds("dma-main") == {"A 10.10.10.1", "A 10.10.10.77", "AAAA 2001:db8::1"}
        assert pair.holds("dma-backup") == MOVED
        assert [(r.verdict, r.said) for r in pair.log.results if r.zone == FORWARD] == [
            (Verdict.REFUSED, Said.LOST_RACE),
            (Verdict.APPLIED, Said.DONE),
        ]
        assert pair.updates(REVERSE) == 1


async def test_what_another_writer_did_already_is_not_done_again(primary: DnsServer) -> None:
    # A second daemon, or a resync, was quicker.
    async with world(primary) as pair:
        await pair.walk(Why.START)
        async with world(primary, online=BACKUP) as other:
            assert (await other.walk(Why.START)).in_order
        pair.roles.online(BACKUP)
        walk = await pair.walk(Why.SOURCE)
        assert walk.in_order
        assert [pair.updates(zone) for zone in (FORWARD, REVERSE)] == [1, 1]
        assert {result.said for result in pair.log.results} == {Said.LOST_RACE}
        assert pair.holds("dma-backup") == MOVED
        assert (await pair.walk(Why.AUDIT)).in_order


async def test_plans_against_a_writer_who_never_stops_are_bounded(embedded: DnsServer) -> None:
    async with world(embedded, online=BACKUP) as pair:
        written = 0

        async def write_first(wire: bytes, forward: Forward) -> bytes:
            nonlocal written
            if is_update(wire):
                written += 1
                add(embedded, "dma-main", f"10.10.11.{written}")
            return await forward(wire)

        pair.tap(FORWARD).treat = write_first
        walk = await pair.walk(Why.START)
        assert (pair.updates(FORWARD), pair.updates(REVERSE)) == (MAX_PLANS, 1)
        assert (walk.outcomes[FORWARD].next, walk.in_order) == (Next.REPLAN, False)
        assert walk.again_in_s is not None
        assert pair.log.open() == []


async def test_an_answer_that_was_lost_is_made_up_for_by_reading_back(primary: DnsServer) -> None:
    async def lose_the_answer(wire: bytes, forward: Forward) -> bytes:
        heard = await forward(wire)
        if is_update(wire):
            raise SilentError("127.0.0.1#1 gave no answer in time")
        return heard

    async with world(primary, online=BACKUP) as pair:
        pair.tap(FORWARD).treat = lose_the_answer
        walk = await pair.walk(Why.START)
        assert walk.in_order
        assert (pair.log.outcome(FORWARD).verdict, pair.log.outcome(FORWARD).said) == (
            Verdict.APPLIED,
            Said.SILENT,
        )
        assert pair.updates(FORWARD) == 1


async def test_an_answer_with_a_wrong_signature_is_made_up_for_by_reading_back(primary: DnsServer) -> None:
    # Some Windows zones apply the update and sign so that nobody can verify it (lesson 2).
    async def spoil(wire: bytes, forward: Forward) -> bytes:
        heard = await forward(wire)
        return answer(wire, signer=None) if is_update(wire) else heard

    async with world(primary, online=BACKUP) as pair:
        pair.tap(FORWARD).treat = spoil
        assert (await pair.walk(Why.START)).in_order
        assert pair.log.outcome(FORWARD).said is Said.UNVERIFIED


async def test_an_update_that_never_arrived_is_unknown_and_sent_again_later(primary: DnsServer) -> None:
    async def lose_the_update(wire: bytes, forward: Forward) -> bytes:
        if is_update(wire):
            raise SilentError("127.0.0.1#1 gave no answer in time")
        return await forward(wire)

    clock = Clock()
    async with world(primary, online=BACKUP, clock=clock) as pair:
        pair.tap(FORWARD).treat = lose_the_update
        walk = await pair.walk(Why.START)
        assert (walk.outcomes[FORWARD].verdict, walk.in_order) == (Verdict.UNKNOWN, False)
        assert walk.again_in_s is not None
        pair.tap(FORWARD).treat = None
        clock.mono_s += walk.again_in_s
        assert (await pair.walk(Why.RETRY)).in_order
        assert pair.holds("dma-backup") == MOVED


async def test_an_update_that_was_not_sent_is_refused_and_retried(embedded: DnsServer) -> None:
    async def lose_the_connection(wire: bytes, forward: Forward) -> bytes:
        if is_update(wire):
            raise UnsentError("127.0.0.1#1 cannot be reached: refused")
        return await forward(wire)

    async with world(embedded, online=BACKUP) as pair:
        pair.tap(FORWARD).treat = lose_the_connection
        outcome = (await pair.walk(Why.START)).outcomes[FORWARD]
        assert (outcome.verdict, outcome.next, outcome.answer.said) == (
            Verdict.REFUSED,
            Next.RETRY,
            Said.UNSENT,
        )


async def test_a_read_back_that_fails_is_unknown_whatever_was_answered(embedded: DnsServer) -> None:
    async with world(embedded, online=BACKUP) as pair:

        async def go_deaf(wire: bytes, forward: Forward) -> bytes:
            heard = await forward(wire)
            if is_update(wire):
                pair.tap(FORWARD).treat = silent
            return heard

        pair.tap(FORWARD).treat = go_deaf
        walk = await pair.walk(Why.START)
        outcome = walk.outcomes[FORWARD]
        assert (outcome.verdict, outcome.next, outcome.after) == (Verdict.UNKNOWN, Next.RETRY, None)
        assert outcome.answer.said is Said.DONE
        assert not walk.in_order


async def test_a_signed_noerror_without_the_change_is_refused_in_words(embedded: DnsServer) -> None:
    # A secondary that forwards, another view, a CNAME: NOERROR is not proof.
    async def lie(wire: bytes, forward: Forward) -> bytes:
        return answer(wire, signer=embedded.key) if is_update(wire) else await forward(wire)

    async with world(embedded, online=BACKUP) as pair:
        pair.tap(FORWARD).treat = lie
        walk = await pair.walk(Why.START)
        outcome = walk.outcomes[FORWARD]
        assert (outcome.verdict, outcome.next, outcome.answer.said, outcome.what) == (
            Verdict.REFUSED,
            Next.OPERATOR,
            Said.DONE,
            IGNORED,
        )
        assert "look for a CNAME" in outcome.cure
        assert pair.holds("dma-backup") == UNMOVED
        assert pair.log.outcome(FORWARD).what == IGNORED


async def test_an_address_is_not_sent_to_where_a_cname_is(primary: DnsServer) -> None:
    # BIND answers NOERROR to that and ignores it.
    replace = primary.update(FORWARD)
    replace.delete("dma-backup", "A")
    replace.add("dma-backup", 60, "CNAME", "elsewhere.example.test.")
    assert primary.rcode(replace) == "NOERROR"
    async with world(primary, online=BACKUP) as pair:
        walk = await pair.walk(Why.START)
        assert [refusal.reason for refusal in walk.refusals] == [Refused.CNAME_IN_THE_WAY]
        assert (pair.updates(FORWARD), walk.in_order) == (0, False)
        assert pair.holds("dma-main") == {"A 10.10.10.1", "A 10.10.10.5", "AAAA 2001:db8::1"}


async def test_a_cname_that_comes_in_between_is_found_out_by_reading_back(primary: DnsServer) -> None:
    # No prerequisite on A sees a CNAME: the server says NOERROR and does half of it.
    service = pair_with(virtual_ips=(), published_as="dma.example.test.", layout=Layout.SERVICE_NAME)
    async with world(primary, service, online=BACKUP) as pair:
        await pair.walk(Why.START)
        taken = primary.update(FORWARD)
        taken.delete("dma")
        assert primary.rcode(taken) == "NOERROR"
        pair.tap(FORWARD).sent.clear()

        async def take_the_name(wire: bytes, forward: Forward) -> bytes:
            if is_update(wire):
                add(primary, "dma", "elsewhere.example.test.", rdtype="CNAME")
            return await forward(wire)

        pair.tap(FORWARD).treat = take_the_name
        walk = await pair.walk(Why.AUDIT)
        assert walk.outcomes[FORWARD].verdict is Verdict.REFUSED
        assert (walk.outcomes[FORWARD].what, walk.in_order) == (IGNORED, False)
        assert [refusal.reason for refusal in (await pair.walk(Why.AUDIT)).refusals] == [
            Refused.CNAME_IN_THE_WAY
        ]


async def test_a_reverse_zone_that_refuses_does_not_hold_up_the_forward_zone() -> None:
    clock = Clock()
    with running_strict_bind() as server:
        async with world(server, zones=(FORWARD, REVERSE), online=BACKUP, clock=clock) as pair:
            walk = await pair.walk(Why.START)
            assert pair.log.verdicts() == {FORWARD: Verdict.APPLIED, REVERSE: Verdict.REFUSED}
            assert walk.outcomes[REVERSE].answer.rcode == "REFUSED"
            assert walk.outcomes[REVERSE].cure == (
                "grant key hmac-sha256.key. the names in zone 10.10.10.in-addr.arpa. "
                "(BIND: update-policy, allow-update), or unfreeze it"
            )
            assert pair.holds("dma-backup") == MOVED
            await is_retried_in_its_turn_only(pair, clock, walk.again_in_s)
            pair.roles.online(MAIN)
            await pair.walk(Why.SOURCE)
            assert pair.holds("dma-backup") == UNMOVED


async def is_retried_in_its_turn_only(pair: World, clock: Clock, again_in_s: float | None) -> None:
    assert again_in_s is not None
    assert pair.updates(REVERSE) == 1
    for why in (Why.LOOK, Why.SOURCE, Why.AUDIT, Why.RETRY):
        walk = await pair.walk(why)
        assert (pair.updates(REVERSE), walk.in_order) == (1, False)
    clock.mono_s += again_in_s
    walk = await pair.walk(Why.RETRY)
    assert pair.updates(REVERSE) == 2
    assert walk.again_in_s is not None
    assert walk.again_in_s > again_in_s


async def test_a_resync_sends_at_once_what_was_refused() -> None:
    with running_strict_bind() as server:
        async with world(server, zones=(FORWARD, REVERSE), online=BACKUP) as pair:
            await pair.walk(Why.START)
            await pair.walk(Why.RESYNC)
            assert pair.updates(REVERSE) == 2


async def test_a_zone_the_server_does_not_serve_is_not_read_and_the_other_is_moved(
    primary: DnsServer,
) -> None:
    everything = ("example.test.", "arpa.")
    async with world(primary, zones=everything, online=BACKUP) as pair:
        walk = await pair.walk(Why.START)
        assert isinstance(walk.decision, Move)
        assert pair.log.verdicts()[FORWARD] is Verdict.APPLIED
        assert walk.view is not None
        assert [*walk.view.unread] == ["arpa."]
        assert not walk.in_order


async def test_a_switch_back_before_the_one_before_is_done_is_a_switch_and_no_drift(
    primary: DnsServer,
) -> None:
    async def lost(_: bytes, _forward: Forward) -> bytes:
        raise SilentError("127.0.0.1#1 gave no answer in time")

    async with world(primary, last_online=MAIN) as pair:
        await pair.walk(Why.START)
        pair.tap(REVERSE).treat = lost
        pair.roles.online(BACKUP)
        assert (await pair.walk()).cause is Cause.SWITCH
        assert (await pair.walk(Why.AUDIT)).cause in {None, Cause.SWITCH}
        pair.tap(REVERSE).treat = None
        pair.roles.online(MAIN)
        assert (await pair.walk(Why.RESYNC)).cause is Cause.SWITCH
        assert (await pair.walk(Why.AUDIT)).in_order
