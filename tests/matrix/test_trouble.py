"""What a walk makes of trouble at each server: other writers, CNAMEs, zones and keys that are wrong."""

from __future__ import annotations

from dataclasses import replace

import dns.tsig

from failover_dns.conduct.walk import Why
from failover_dns.core.errors import SilentError
from failover_dns.core.guard import Refused
from failover_dns.core.model import Layout
from failover_dns.core.outcome import IGNORED, Next, Said, Verdict
from tests.conduct.world import BACKUP, FORWARD, REVERSE, Forward, is_update, pair_with, world
from tests.servers.client import DnsServer

MOVED = {"A 10.10.10.2", "A 10.10.10.5"}


def add(server: DnsServer, name: str, rdtype: str, value: str) -> None:
    """Write as another writer does."""
    other = server.update(FORWARD)
    other.add(name, 60, rdtype, value)
    assert server.rcode(other) == "NOERROR"


async def test_a_lost_race_is_planned_anew_around_what_the_other_writer_did(server: DnsServer) -> None:
    async with world(server) as pair:
        await pair.walk(Why.START)
        add(server, "dma-main", "A", "10.10.10.77")
        pair.roles.online(BACKUP)
        walk = await pair.walk(Why.SOURCE)
        assert walk.in_order
        assert pair.holds("dma-main") == {"A 10.10.10.1", "A 10.10.10.77", "AAAA 2001:db8::1"}
        assert pair.holds("dma-backup") == MOVED
        assert [(r.verdict, r.said) for r in pair.log.results if r.zone == FORWARD] == [
            (Verdict.REFUSED, Said.LOST_RACE),
            (Verdict.APPLIED, Said.DONE),
        ]


async def test_an_update_whose_answer_was_lost_is_read_back_and_not_sent_again(server: DnsServer) -> None:
    async def lose_the_answer(wire: bytes, forward: Forward) -> bytes:
        heard = await forward(wire)
        if is_update(wire):
            raise SilentError("127.0.0.1#1 gave no answer in time")
        return heard

    async with world(server, online=BACKUP) as pair:
        for tap in pair.taps.values():
            tap.treat = lose_the_answer
        assert (await pair.walk(Why.START)).in_order
        assert set(pair.log.verdicts().values()) == {Verdict.APPLIED}
        assert [pair.updates(zone) for zone in (FORWARD, REVERSE)] == [1, 1]


async def test_an_update_that_arrives_twice_is_applied_once(server: DnsServer) -> None:
    async def repeat(wire: bytes, forward: Forward) -> bytes:
        if is_update(wire):
            await forward(wire)
        return await forward(wire)

    async with world(server, online=BACKUP) as pair:
        pair.tap(FORWARD).treat = repeat
        assert (await pair.walk(Why.START)).in_order
        outcome = pair.log.outcome(FORWARD)
        assert (outcome.verdict, outcome.said) == (Verdict.APPLIED, Said.LOST_RACE)
        assert pair.holds("dma-backup") == MOVED


async def test_nothing_is_sent_to_a_name_that_is_a_cname(server: DnsServer) -> None:
    gone = server.update(FORWARD)
    gone.delete("dma-backup")
    assert server.rcode(gone) == "NOERROR"
    add(server, "dma-backup", "CNAME", "elsewhere.example.test.")
    async with world(server, online=BACKUP) as pair:
        walk = await pair.walk(Why.START)
        assert [refusal.reason for refusal in walk.refusals] == [Refused.CNAME_IN_THE_WAY]
        assert (pair.updates(FORWARD), walk.in_order) == (0, False)
        assert pair.holds("dma-backup") == {"CNAME elsewhere.example.test."}
        assert pair.log.verdicts() == {REVERSE: Verdict.APPLIED}


async def test_a_cname_that_comes_in_between_is_never_taken_for_success(server: DnsServer) -> None:
    service = pair_with(virtual_ips=(), published_as="dma.example.test.", layout=Layout.SERVICE_NAME)
    async with world(server, service, online=BACKUP) as pair:

        async def take_the_name(wire: bytes, forward: Forward) -> bytes:
            if is_update(wire):
                add(server, "dma", "CNAME", "elsewhere.example.test.")
            return await forward(wire)

        pair.tap(FORWARD).treat = take_the_name
        walk = await pair.walk(Why.START)
        outcome = walk.outcomes[FORWARD]
        assert (outcome.verdict, outcome.next, walk.in_order) == (Verdict.REFUSED, Next.OPERATOR, False)
        if server.kind == "powerdns":
            assert (outcome.answer.said, outcome.what) == (Said.DENIED, "the primary refuses this update")
        else:
            assert (outcome.answer.said, outcome.what) == (Said.DONE, IGNORED)
        walk = await pair.walk(Why.AUDIT)
        assert [refusal.reason for refusal in walk.refusals] == [Refused.CNAME_IN_THE_WAY]


async def test_with_a_wrong_secret_nothing_is_planned_and_the_operator_is_told_of_the_key(
    server: DnsServer,
) -> None:
    before = server.records(FORWARD)
    wrong = dns.tsig.Key(server.key.name, b"another secret, as long as that.", server.key.algorithm)
    async with world(replace(server, keys={"hmac-sha256": wrong}), online=BACKUP) as pair:
        walk = await pair.walk(Why.START)
        assert walk.plan is not None
        assert (walk.plan.changes, walk.in_order, pair.log.entries) == ((), False, {})
        assert [pair.updates(zone) for zone in (FORWARD, REVERSE)] == [0, 0]
        assert all("key hmac-sha256.key." in problem.cure for problem in walk.problems)
        assert len(walk.problems) == 2
    assert server.records(FORWARD) == before


async def test_a_zone_that_is_named_too_high_up_is_left_alone_and_the_other_is_moved(
    server: DnsServer,
) -> None:
    before = server.records(REVERSE)
    async with world(server, zones=(FORWARD, "arpa."), online=BACKUP) as pair:
        walk = await pair.walk(Why.START)
        assert pair.log.verdicts()[FORWARD] is Verdict.APPLIED
        assert pair.log.verdicts().get("arpa.") is not Verdict.APPLIED
        assert not walk.in_order
        assert pair.holds("dma-backup") == MOVED
    assert server.records(REVERSE) == before
