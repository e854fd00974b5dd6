"""A fault at a question: before an update nothing is planned on it, and after one nothing is believed for it."""

from __future__ import annotations

from dataclasses import dataclass

import dns.rcode
import pytest

from failover_dns.conduct.walk import Why
from failover_dns.core.outcome import UNREAD, UNREAD_CURE, Next, Verdict
from tests.conduct.world import BACKUP, FORWARD, REVERSE
from tests.faults import faults
from tests.faults.scene import scene, settled
from tests.faults.server import Fault, Moment

KEY = "key failover-key."
BETWEEN = "look for what stands between"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A fault and what an operator reads of it."""

    fault: Fault
    what: str
    cure: str


BROKEN = ("broke the connection before its answer was whole", "its log says why")
ROWS = {
    "silence": Row(
        fault=faults.silent, what="gave no answer in time", cure="its log says whether it got one"
    ),
    "too late": Row(fault=faults.too_late, what="gave no answer in time", cure="its log says"),
    "drop by drop": Row(fault=faults.drip, what="gave no answer in time", cure="its log says"),
    "hung up": Row(fault=faults.hang_up, what=BROKEN[0], cure=BROKEN[1]),
    "hung up in the length": Row(fault=faults.hang_up_in_the_length, what=BROKEN[0], cure=BROKEN[1]),
    "hung up in the middle": Row(fault=faults.hang_up_in_the_middle, what=BROKEN[0], cure=BROKEN[1]),
    "another protocol": Row(fault=faults.speak_http, what=BROKEN[0], cure=BROKEN[1]),
    "garbage": Row(fault=faults.garbage, what="is not a DNS message", cure="is this port a DNS server's?"),
    "an empty message": Row(
        fault=faults.nothing_at_all, what="is not a DNS message", cure="is this port a DNS server's?"
    ),
    "wrong id": Row(fault=faults.wrong_id, what="answers another question", cure=BETWEEN),
    "someone else's question": Row(
        fault=faults.someone_elses_question, what="answers another question", cure=BETWEEN
    ),
    "unsigned": Row(fault=faults.unsigned_noerror, what="NOERROR is not signed", cure=BETWEEN),
    "unsigned NXDOMAIN": Row(
        fault=faults.says(dns.rcode.NXDOMAIN, None), what="NXDOMAIN is not signed", cure=BETWEEN
    ),
    "signed with another secret": Row(
        fault=faults.signed_by_another, what="signature does not verify (BadSignature)", cure=BETWEEN
    ),
    "our own message": Row(
        fault=faults.our_own_message, what="signature does not verify (BadSignature)", cure=BETWEEN
    ),
    "truncated": Row(fault=faults.truncated, what="the answer is truncated", cure="a defect of the server"),
    "without authority": Row(
        fault=faults.without_authority, what="is not authoritative", cure="name a primary of the zone"
    ),
    "SERVFAIL": Row(
        fault=faults.says(dns.rcode.SERVFAIL), what="answered SERVFAIL", cure="see the primary's own log"
    ),
    "REFUSED": Row(
        fault=faults.says(dns.rcode.REFUSED, None),
        what="answered REFUSED",
        cure="allow queries from this host, and check that this server serves the zone",
    ),
    "NOTIMP": Row(
        fault=faults.says(dns.rcode.NOTIMP), what="answered NOTIMP", cure="see the primary's own log"
    ),
    "FORMERR": Row(
        fault=faults.says(dns.rcode.FORMERR, None), what="answered FORMERR", cure="see the primary's own log"
    ),
    "NOTAUTH": Row(
        fault=faults.says(dns.rcode.NOTAUTH),
        what="answered NOTAUTH",
        cure=f"compare name, secret and algorithm of {KEY} on both sides, and both clocks (NTP)",
    ),
    "BADSIG": Row(
        fault=faults.bad_signature,
        what="answered NOTAUTH+BADSIG",
        cure=f"the secret of {KEY} is not the primary's",
    ),
    "BADKEY": Row(
        fault=faults.unknown_key, what="answered NOTAUTH+BADKEY", cure=f"the primary does not know {KEY}"
    ),
    "BADTIME": Row(
        fault=faults.bad_time,
        what=" s behind the primary's",
        cure="set this host's clock and the primary's (NTP)",
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
async def test_what_is_not_read_is_not_planned_and_said_in_words(row: Row) -> None:
    async with scene(online=BACKUP) as stage:
        stage.server.play(row.fault, Moment.READ, FORWARD)
        walk = await stage.walk(Why.START)
        [problem] = walk.problems
        assert row.what in problem.what
        assert row.cure in problem.cure
        assert (stage.server.updates(FORWARD), walk.in_order) == ([], False)
        assert stage.log.verdicts() == {REVERSE: Verdict.APPLIED}
        stage.server.be_well()
        await stage.recover()
        assert stage.is_exact(BACKUP)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
async def test_a_change_that_cannot_be_read_back_is_unknown_until_it_is_read(row: Row) -> None:
    async with settled() as stage:
        stage.server.play(row.fault, Moment.READ_BACK, FORWARD)
        walk = await stage.walk()
        outcome = walk.outcomes[FORWARD]
        assert (outcome.verdict, outcome.next) == (Verdict.UNKNOWN, Next.RETRY)
        assert (outcome.what, outcome.cure) == (UNREAD, UNREAD_CURE)
        assert walk.in_order is False
        stage.server.be_well()
        await stage.recover()
        assert stage.is_exact(BACKUP)
        assert len(stage.server.updates(FORWARD)) == 1, "what was applied was sent again"


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
async def test_an_update_that_was_lost_and_cannot_be_read_back_is_unknown_and_made_anew(row: Row) -> None:
    async with settled() as stage:
        stage.server.play(faults.hang_up, Moment.UPDATE, FORWARD)
        stage.server.play(row.fault, Moment.READ_BACK, FORWARD)
        outcome = (await stage.walk()).outcomes[FORWARD]
        assert (outcome.verdict, outcome.next) == (Verdict.UNKNOWN, Next.RETRY)
        assert "broke the connection" in outcome.what
        stage.server.be_well()
        await stage.recover()
        assert stage.is_exact(BACKUP)


async def test_a_signed_lie_that_no_record_is_there_is_stopped_by_the_prerequisites() -> None:
    async with scene(online=BACKUP) as stage:
        stage.server.play(faults.no_record_is_there, Moment.READ, FORWARD)
        stage.server.play(faults.no_record_is_there, Moment.READ_BACK, FORWARD)
        outcome = (await stage.walk(Why.START)).outcomes[FORWARD]
        assert (outcome.verdict, outcome.next) == (Verdict.REFUSED, Next.REPLAN)
        assert outcome.what == "the records are not what was read"
        assert stage.server.records(FORWARD) == stage.at_first[FORWARD]
        stage.server.be_well()
        await stage.recover()
        assert stage.is_exact(BACKUP)


async def test_an_answer_too_many_on_the_connection_is_never_another_questions() -> None:
    async with settled() as stage:
        stage.server.play(faults.answer_twice, Moment.UPDATE, FORWARD)
        outcome = (await stage.walk()).outcomes[FORWARD]
        assert outcome.verdict is not Verdict.REFUSED
        stage.server.be_well()
        await stage.recover()
        assert stage.is_exact(BACKUP)
        assert len(stage.server.updates(FORWARD)) == 1


async def test_answers_too_many_at_every_question_are_never_another_questions() -> None:
    async with scene(online=BACKUP) as stage:
        stage.server.play(faults.answer_twice, Moment.READ, FORWARD)
        for _ in range(3):
            stage.clock.mono_s += 400
            await stage.walk(Why.RETRY)
        stage.server.be_well()
        await stage.recover()
        assert stage.is_exact(BACKUP)
