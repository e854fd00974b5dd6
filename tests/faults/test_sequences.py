"""Faults that take more than one message: a server that dies, lags, forwards or acts late, and chance."""

from __future__ import annotations

import random

import dns.rcode
import dns.rdataset
import pytest

from failover_dns.conduct.walk import Why
from failover_dns.core.outcome import IGNORED, IGNORED_CURE, Next, Said, Verdict
from failover_dns.sandbox.server import SandboxServer
from tests.conduct.world import BACKUP, FORWARD, MAIN, REVERSE
from tests.faults import faults
from tests.faults.scene import Scene, scene, settled
from tests.faults.server import Moment
from tests.servers.zones import ZONES
from tests.wire.answers import KEY

UNKNOWN = (Verdict.UNKNOWN, Next.RETRY)
OPERATOR = (Verdict.REFUSED, Next.OPERATOR)


async def test_nobody_listens_and_nothing_is_sent_until_somebody_does() -> None:
    async with scene(online=BACKUP) as stage:
        stage.server.die()
        walk = await stage.walk(Why.START)
        assert len(walk.problems) == 2
        assert all("cannot be reached" in problem.what for problem in walk.problems)
        assert all(problem.cure == "is the server running there?" for problem in walk.problems)
        assert stage.log.entries == {}
        await stage.server.come_back()
        await stage.recover()
        assert stage.is_exact(BACKUP)


async def test_a_server_that_went_away_since_it_was_read_leaves_a_switch_unknown() -> None:
    async with settled() as stage:
        stage.server.die()
        walk = await stage.walk()
        assert {outcome.verdict for outcome in walk.outcomes.values()} == {Verdict.UNKNOWN}
        assert all(outcome.what and outcome.cure for outcome in walk.outcomes.values())
        await stage.server.come_back()
        await stage.recover()
        assert stage.is_exact(BACKUP)


async def test_a_server_that_dies_of_an_update_before_it_is_done_is_sent_it_again() -> None:
    async with settled() as stage:
        stage.server.play(faults.die, Moment.UPDATE, FORWARD)
        outcome = (await stage.walk()).outcomes[FORWARD]
        assert (outcome.verdict, outcome.next) == UNKNOWN
        assert "broke the connection" in outcome.what
        stage.server.be_well()
        await stage.server.come_back()
        await stage.recover()
        assert stage.is_exact(BACKUP)


async def test_a_server_that_dies_after_the_update_and_comes_back_with_it_is_not_sent_it_again() -> None:
    async with settled() as stage:
        stage.server.play(faults.do_it_and_die, Moment.UPDATE, FORWARD)
        outcome = (await stage.walk()).outcomes[FORWARD]
        assert (outcome.verdict, outcome.next) == UNKNOWN
        await stage.server.come_back()
        stage.server.be_well()
        await stage.recover()
        assert stage.is_exact(BACKUP)
        assert len(stage.server.updates(FORWARD)) == 1


async def test_a_server_that_dies_after_the_update_and_comes_back_without_it_is_sent_it_again() -> None:
    async with settled() as stage:
        before = stage.server.copy(FORWARD)
        stage.server.play(faults.do_it_and_die, Moment.UPDATE, FORWARD)
        outcome = (await stage.walk()).outcomes[FORWARD]
        assert (outcome.verdict, outcome.next) == UNKNOWN
        stage.server.put(before)
        await stage.server.come_back()
        stage.server.be_well()
        await stage.recover()
        assert stage.is_exact(BACKUP)
        assert len(stage.server.updates(FORWARD)) == 2


async def test_a_server_that_forgets_what_it_proved_is_set_right_by_the_next_audit() -> None:
    async with settled() as stage:
        before = stage.server.copy(FORWARD)
        assert (await stage.walk()).in_order
        stage.server.die()
        stage.server.put(before)
        await stage.server.come_back()
        assert (await stage.walk(Why.AUDIT)).in_order
        assert stage.is_exact(BACKUP)


async def test_a_failure_that_lasts_a_while_is_tried_again_until_it_is_over() -> None:
    async with settled() as stage:
        stage.server.play(faults.says(dns.rcode.SERVFAIL), Moment.UPDATE, FORWARD)
        waits = []
        for _ in range(4):
            walk = await stage.walk(Why.RETRY)
            assert (walk.outcomes[FORWARD].verdict, walk.in_order) == (Verdict.REFUSED, False)
            assert walk.again_in_s is not None
            waits.append(walk.again_in_s)
            stage.clock.mono_s += walk.again_in_s
        assert waits == sorted(waits)
        stage.server.be_well()
        assert (await stage.walk(Why.RETRY)).in_order
        assert stage.is_exact(BACKUP)
        assert len(stage.server.updates(FORWARD)) == 5


async def test_a_secondary_that_forwards_is_taken_at_the_word_of_the_primary_behind_it() -> None:
    async with settled() as stage:
        primary = SandboxServer([stage.server.copy(zone) for zone in ZONES], [KEY])
        for zone in (FORWARD, REVERSE):
            stage.server.play(faults.by_another(primary), Moment.UPDATE, zone)
        stage.server.truth = primary
        outcome = (await stage.walk()).outcomes[FORWARD]
        assert (outcome.verdict, outcome.next) == (Verdict.APPLIED, Next.NOTHING)
        stage.server.truth = stage.server.sandbox
        assert not stage.server.shows(stage.change_of(FORWARD)), "the secondary has it already"
        for transferred in primary.primary.zones.values():
            stage.server.put(transferred)
        assert (await stage.walk(Why.AUDIT)).in_order
        assert stage.is_exact(BACKUP)
        assert len(stage.server.updates(FORWARD)) == 1


async def test_an_update_that_is_answered_and_done_later_is_called_ignored_until_it_is_done() -> None:
    async with settled() as stage:
        keep, do_it = faults.later(faults.nothing_is_there)
        stage.server.play(keep, Moment.UPDATE, FORWARD)
        outcome = (await stage.walk()).outcomes[FORWARD]
        assert (outcome.verdict, outcome.next) == OPERATOR
        assert (outcome.what, outcome.cure) == (IGNORED, IGNORED_CURE)
        assert "a secondary that forwards updates" in outcome.cure
        do_it()
        await stage.recover()
        assert stage.is_exact(BACKUP)
        assert len(stage.server.updates(FORWARD)) == 1


async def test_an_update_that_nobody_answered_and_is_done_late_is_found_done() -> None:
    async with settled() as stage:
        keep, do_it = faults.later(faults.silent)
        stage.server.play(keep, Moment.UPDATE, FORWARD)
        outcome = (await stage.walk()).outcomes[FORWARD]
        assert (outcome.verdict, outcome.next, outcome.answer.said) == (*UNKNOWN, Said.SILENT)
        do_it()
        await stage.recover()
        assert stage.is_exact(BACKUP)
        assert len(stage.server.updates(FORWARD)) == 1


async def test_an_update_that_is_done_after_its_retry_changes_nothing_more() -> None:
    async with settled() as stage:
        keep, do_it = faults.later(faults.silent)
        stage.server.play(keep, Moment.UPDATE, FORWARD)
        await stage.walk()
        stage.server.be_well()
        await stage.recover()
        do_it()
        assert stage.is_exact(BACKUP)
        assert (await stage.walk(Why.AUDIT)).in_order


async def test_an_update_that_is_done_after_a_switch_back_is_undone_by_the_next_audit() -> None:
    async with settled() as stage:
        keep, do_it = faults.later(faults.silent)
        stage.server.play(keep, Moment.UPDATE, FORWARD)
        await stage.walk()
        stage.server.be_well()
        stage.pair.roles.online(MAIN)
        await stage.recover()
        assert stage.is_exact(MAIN)
        do_it()
        assert not stage.is_exact(MAIN)
        assert (await stage.walk(Why.AUDIT)).in_order
        assert stage.is_exact(MAIN)


async def test_a_change_is_proved_past_an_older_copy_that_questions_are_answered_from() -> None:
    async with settled() as stage:
        old = faults.by_another(SandboxServer([stage.server.copy(FORWARD)], [KEY]))
        stage.server.play(old, Moment.READ_BACK, FORWARD)
        outcome = (await stage.walk()).outcomes[FORWARD]
        assert (outcome.verdict, outcome.next) == (Verdict.APPLIED, Next.NOTHING)
        assert stage.is_exact(BACKUP)


async def test_what_is_planned_on_an_older_copy_is_stopped_by_the_prerequisites() -> None:
    async with scene() as stage:
        old = faults.by_another(SandboxServer([stage.server.copy(FORWARD)], [KEY]))
        stage.server.play(old, Moment.READ, FORWARD)
        stage.server.play(old, Moment.READ_BACK, FORWARD)
        foreign = stage.server.copy(FORWARD)
        rdata = dns.rdataset.from_text("IN", "A", 60, "10.10.10.1", "10.10.10.5", "10.10.10.77")
        foreign.replace_rdataset("dma-main.example.test.", rdata)
        stage.server.put(foreign)
        stage.pair.roles.online(BACKUP)
        outcome = (await stage.walk(Why.START)).outcomes[FORWARD]
        assert (outcome.verdict, outcome.next) == (Verdict.REFUSED, Next.REPLAN)
        assert outcome.what == "the records are not what was read"
        assert "look for another writer at these names" in outcome.cure
        stage.server.be_well()
        await stage.recover()
        assert "dma-main.example.test. 60 A 10.10.10.77" in stage.server.records(FORWARD)
        assert stage.pair.log.verdicts()[FORWARD] is Verdict.APPLIED


MISHAPS = [
    faults.silent,
    faults.too_late,
    faults.hang_up,
    faults.does_it_and_then(faults.hang_up),
    faults.hang_up_in_the_middle,
    faults.garbage,
    faults.wrong_id,
    faults.unsigned_noerror,
    faults.does_it_and_then(faults.unsigned_noerror),
    faults.nothing_is_there,
    faults.says(dns.rcode.SERVFAIL),
    faults.does_it_and_then(faults.says(dns.rcode.SERVFAIL)),
    faults.says(dns.rcode.REFUSED, None),
    faults.does_it_and_then(faults.says(dns.rcode.REFUSED, None)),
    faults.says(dns.rcode.NXRRSET),
    faults.bad_time,
    faults.answer_twice,
    faults.die,
    faults.do_it_and_die,
]
HONEST_WHEN_READ = [fault for fault in MISHAPS if fault is not faults.nothing_is_there]


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_goes_wrong_the_records_are_exact_in_the_end(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - picks faults
    online = MAIN
    async with scene() as stage:
        await stage.walk(Why.START)
        for _ in range(6):
            online = rng.choice((MAIN, BACKUP))
            stage.pair.roles.online(online)
            _something_goes_wrong(stage, rng)
            await stage.walk(rng.choice((Why.SOURCE, Why.AUDIT, Why.RETRY)))
            stage.clock.mono_s += rng.choice((0.1, 2.0, 400.0))
            await stage.server.come_back()
        stage.server.be_well()
        await stage.recover()
        assert stage.is_exact(online)
        assert stage.log.open() == []


def _something_goes_wrong(stage: Scene, rng: random.Random) -> None:
    stage.server.be_well()
    for zone in (FORWARD, REVERSE):
        if rng.random() < 0.7:
            stage.server.play(rng.choice(MISHAPS), Moment.UPDATE, zone)
        if rng.random() < 0.3:
            stage.server.play(rng.choice(HONEST_WHEN_READ), rng.choice([*Moment]), zone)
