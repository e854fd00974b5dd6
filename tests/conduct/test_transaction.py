"""Every change is written before it is made, and what stays open is closed by reading DNS."""

from __future__ import annotations

import asyncio

import pytest

from failover_dns.conduct.walk import Why
from failover_dns.core.changelog import Cause, Entry, Intent, Result
from failover_dns.core.decide import Reason
from failover_dns.core.errors import JournalError, SilentError
from failover_dns.core.model import Role
from failover_dns.core.outcome import Said, Verdict
from tests.conduct.world import BACKUP, FORWARD, MAIN, REVERSE, Clock, Forward, Log, is_update, world
from tests.servers.client import DnsServer

MOVED = {"A 10.10.10.2", "A 10.10.10.5"}


def an_intent(entry: Entry) -> bool:
    return isinstance(entry, Intent)


def a_result(entry: Entry) -> bool:
    return isinstance(entry, Result)


async def test_the_intents_of_all_zones_are_written_before_anything_is_sent(embedded: DnsServer) -> None:
    async with world(embedded, online=BACKUP) as pair:
        written: list[list[str]] = []

        async def note(wire: bytes, forward: Forward) -> bytes:
            if is_update(wire):
                written.append([intent.zone for intent in pair.log.intents])
            return await forward(wire)

        for tap in pair.taps.values():
            tap.treat = note
        await pair.walk(Why.START)
        assert written == [[REVERSE, FORWARD], [REVERSE, FORWARD]]


async def test_an_intent_and_its_outcome_say_the_whole_story(embedded: DnsServer) -> None:
    clock = Clock(mono_s=5.0)
    async with world(embedded, clock=clock, last_online=MAIN) as pair:
        await pair.walk(Why.START)
        pair.roles.online(BACKUP)
        await pair.walk(Why.SOURCE)
        intent, result = next(i for i in pair.log.intents if i.zone == FORWARD), pair.log.results[-1]
        assert (intent.cause, intent.wake, intent.reason, intent.online) == (
            Cause.SWITCH,
            "source",
            Reason.OTHER_OFFLINE,
            BACKUP,
        )
        assert (intent.writer, intent.key, intent.primary) == (
            "test/1",
            "hmac-sha256.key.",
            f"127.0.0.1#{embedded.port}",
        )
        [transaction] = {intent.transaction for intent in pair.log.intents}
        assert [result.transaction for result in pair.log.results] == [transaction] * 2
        assert (result.verdict, result.said, result.rcode, result.recovered) == (
            Verdict.APPLIED,
            Said.DONE,
            "NOERROR",
            False,
        )
        # The old answer had a TTL of 60 s when the outcome was written.
        assert result.forgotten_at == "2026-03-01T00:01:05.000Z"


async def test_when_the_journal_cannot_be_written_nothing_is_sent(embedded: DnsServer) -> None:
    before = embedded.records(FORWARD)
    async with world(embedded, online=BACKUP) as pair:
        pair.log.broken = an_intent
        walk = await pair.walk(Why.START)
        assert isinstance(walk.problems[0], JournalError)
        assert not walk.in_order
        assert [pair.updates(zone) for zone in (FORWARD, REVERSE)] == [0, 0]
    assert embedded.records(FORWARD) == before


@pytest.mark.parametrize("why", list(Why))
async def test_while_the_journal_cannot_be_written_every_walk_says_so_and_sends_nothing(
    embedded: DnsServer, why: Why
) -> None:
    async with world(embedded, online=BACKUP) as pair:
        pair.log.broken = an_intent
        for _ in range(3):
            walk = await pair.walk(why)
            assert [type(problem) for problem in walk.problems] == [JournalError]
            assert walk.again_in_s is not None
        assert [pair.updates(zone) for zone in (FORWARD, REVERSE)] == [0, 0]


async def test_once_the_journal_can_be_written_again_the_switch_is_made(embedded: DnsServer) -> None:
    clock = Clock()
    async with world(embedded, online=BACKUP, clock=clock) as pair:
        pair.log.broken = an_intent
        walk = await pair.walk(Why.START)
        pair.log.broken = lambda _: False
        assert walk.again_in_s is not None
        clock.mono_s += walk.again_in_s
        assert (await pair.walk(Why.RETRY)).in_order
        assert pair.holds("dma-backup") == MOVED


async def test_an_outcome_that_cannot_be_written_leaves_the_intent_open_and_is_closed_by_reading(
    primary: DnsServer,
) -> None:
    async with world(primary, online=BACKUP) as pair:
        pair.log.broken = a_result
        walk = await pair.walk(Why.START)
        assert isinstance(walk.problems[0], JournalError)
        assert len(pair.log.open()) == 2
        assert pair.holds("dma-backup") == MOVED
        pair.log.broken = lambda _: False
        pair.roles.set(Role.UNKNOWN, Role.UNKNOWN)  # closing what is open needs nobody online
        await pair.walk(Why.LOOK)
        assert pair.log.open() == []
        assert [(r.verdict, r.recovered, r.took_ms) for r in pair.log.results] == [
            (Verdict.APPLIED, True, None),
            (Verdict.APPLIED, True, None),
        ]


async def test_open_intents_of_a_crash_before_sending_are_closed_as_not_made_and_made_anew(
    primary: DnsServer,
) -> None:
    log = await log_of_a_crash(primary, sent=False)
    async with world(primary, online=BACKUP, log=log) as pair:
        assert (await pair.walk(Why.START)).in_order
        assert [(r.verdict, r.recovered) for r in log.results] == [
            (Verdict.REFUSED, True),
            (Verdict.REFUSED, True),
            (Verdict.APPLIED, False),
            (Verdict.APPLIED, False),
        ]
        assert (log.open(), pair.holds("dma-backup")) == ([], MOVED)


async def test_open_intents_of_a_crash_after_sending_are_closed_as_applied_and_sent_no_more(
    primary: DnsServer,
) -> None:
    log = await log_of_a_crash(primary, sent=True)
    async with world(primary, online=BACKUP, log=log) as pair:
        assert (await pair.walk(Why.START)).in_order
        assert [(r.verdict, r.recovered) for r in log.results] == [(Verdict.APPLIED, True)] * 2
        assert [pair.updates(zone) for zone in (FORWARD, REVERSE)] == [0, 0]
        assert (log.open(), pair.holds("dma-backup")) == ([], MOVED)


async def test_an_open_intent_whose_zone_cannot_be_read_stays_open_and_says_so(embedded: DnsServer) -> None:
    async def silent(_: bytes, _forward: Forward) -> bytes:
        raise SilentError("127.0.0.1#1 gave no answer in time")

    log = await log_of_a_crash(embedded, sent=True)
    async with world(embedded, online=BACKUP, log=log) as pair:
        pair.tap(REVERSE).treat = silent
        walk = await pair.walk(Why.START)
        assert [intent.zone for _, intent in log.open()] == [REVERSE]
        assert "gave no answer in time" in walk.problems[0].what
        assert not walk.in_order
        pair.tap(REVERSE).treat = None
        await pair.walk(Why.RESYNC)
        assert log.open() == []


async def test_intents_of_a_pair_that_is_configured_no_more_are_closed_as_unknown(
    embedded: DnsServer,
) -> None:
    log = await log_of_a_crash(embedded, sent=False)
    async with world(embedded, log=log) as pair:
        await pair.transactions.abandon(["dma"])
        assert len(log.open()) == 2
        await pair.transactions.abandon(["another"])
        assert log.open() == []
        assert [(r.verdict, r.what) for r in log.results] == [
            (
                Verdict.UNKNOWN,
                "its pair or zone is no longer configured; what became of the update could not be read back",
            )
        ] * 2


async def test_a_walk_that_is_cut_off_leaves_its_intents_open(embedded: DnsServer) -> None:
    async with world(embedded, online=BACKUP) as pair:
        sent = asyncio.Event()

        async def hang(wire: bytes, forward: Forward) -> bytes:
            if not is_update(wire):
                return await forward(wire)
            sent.set()
            await asyncio.Event().wait()
            raise AssertionError("unreachable")

        for tap in pair.taps.values():
            tap.treat = hang
        walking = asyncio.create_task(pair.walk(Why.START))
        await sent.wait()
        walking.cancel()
        await asyncio.gather(walking, return_exceptions=True)
        assert len(pair.log.open()) == 2
        for tap in pair.taps.values():
            tap.treat = None
        assert (await pair.walk(Why.RETRY)).in_order
        assert pair.log.open() == []


async def log_of_a_crash(server: DnsServer, *, sent: bool) -> Log:
    """Return the log of a daemon that died in a switch, after or before its updates were applied."""
    async with world(server, online=BACKUP) as pair:
        pair.log.broken = a_result

        async def die(wire: bytes, forward: Forward) -> bytes:
            if is_update(wire) and not sent:
                raise SilentError("dead")
            return await forward(wire)

        for tap in pair.taps.values():
            tap.treat = die
        await pair.walk(Why.START)
        assert len(pair.log.open()) == 2
        pair.log.broken = lambda _: False
        return pair.log


async def test_an_open_intent_whose_primary_is_dead_costs_one_deadline_and_not_one_each_walk(
    embedded: DnsServer,
) -> None:
    async def silent(_: bytes, _forward: Forward) -> bytes:
        raise SilentError("127.0.0.1#1 gave no answer in time")

    clock = Clock()
    async with world(embedded, online=BACKUP, clock=clock) as pair:
        pair.log.broken = lambda entry: isinstance(entry, Result) and entry.zone == REVERSE
        await pair.walk(Why.START)
        pair.log.broken = lambda _: False
        pair.tap(REVERSE).treat = silent
        asked = len(pair.tap(REVERSE).sent)
        await pair.walk(Why.AUDIT)
        first = len(pair.tap(REVERSE).sent) - asked
        for why in (Why.SOURCE, Why.LOOK, Why.AUDIT):
            assert not (await pair.walk(why)).in_order
        assert len(pair.tap(REVERSE).sent) - asked == first
        pair.tap(REVERSE).treat = None
        clock.mono_s += 10
        assert (await pair.walk(Why.RETRY)).in_order
        assert pair.log.open() == []
