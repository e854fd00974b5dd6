"""A fault at the update: what it is called, what follows, what an operator reads, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass

import dns.rcode
import pytest

from failover_dns.core.outcome import IGNORED, IGNORED_CURE, Next, Verdict
from tests.conduct.world import BACKUP, FORWARD, REVERSE
from tests.faults import faults
from tests.faults.scene import settled
from tests.faults.server import Fault, Moment

APPLIED = (Verdict.APPLIED, Next.NOTHING)
AGAIN = (Verdict.REFUSED, Next.RETRY)
ANEW = (Verdict.REFUSED, Next.REPLAN)
OPERATOR = (Verdict.REFUSED, Next.OPERATOR)
UNKNOWN = (Verdict.UNKNOWN, Next.RETRY)

KEY = "key failover-key."
GRANT = f"grant {KEY} the names in zone example.test."


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A fault and what is made of it."""

    fault: Fault
    outcome: tuple[Verdict, Next]
    what: str
    cure: str
    done: bool = False


ROWS = {
    "silence": Row(
        fault=faults.silent,
        outcome=UNKNOWN,
        what="gave no answer in time",
        cure="its log says whether it got one",
    ),
    "hung up": Row(
        fault=faults.hang_up,
        outcome=UNKNOWN,
        what="broke the connection before its answer was whole",
        cure="its log says why",
    ),
    "hung up in the length": Row(
        fault=faults.hang_up_in_the_length,
        outcome=UNKNOWN,
        what="broke the connection before its answer was whole",
        cure="its log says why",
    ),
    "hung up in the middle": Row(
        fault=faults.hang_up_in_the_middle,
        outcome=UNKNOWN,
        what="broke the connection before its answer was whole",
        cure="its log says why",
    ),
    "another protocol": Row(
        fault=faults.speak_http,
        outcome=UNKNOWN,
        what="broke the connection before its answer was whole",
        cure="its log says why",
    ),
    "garbage": Row(
        fault=faults.garbage,
        outcome=UNKNOWN,
        what="is not a DNS message",
        cure="is this port a DNS server's?",
    ),
    "an empty message": Row(
        fault=faults.nothing_at_all,
        outcome=UNKNOWN,
        what="is not a DNS message",
        cure="is this port a DNS server's?",
    ),
    "wrong id": Row(
        fault=faults.wrong_id, outcome=UNKNOWN, what="answers another question", cure="what stands between"
    ),
    "someone else's zone": Row(
        # Its id and signature are an answer's to our message: it is one, whatever it says the zone is.
        fault=faults.someone_elses_question,
        outcome=OPERATOR,
        what=IGNORED,
        cure=IGNORED_CURE,
    ),
    "unsigned NOERROR": Row(
        fault=faults.unsigned_noerror,
        outcome=UNKNOWN,
        what="NOERROR is not signed",
        cure="what stands between",
    ),
    "signed with another secret": Row(
        fault=faults.signed_by_another,
        outcome=UNKNOWN,
        what="signature does not verify (BadSignature)",
        cure="what stands between",
    ),
    "our own message": Row(
        fault=faults.our_own_message,
        outcome=UNKNOWN,
        what="signature does not verify (BadSignature)",
        cure="what stands between",
    ),
    "truncated": Row(fault=faults.truncated, outcome=OPERATOR, what=IGNORED, cure=IGNORED_CURE),
    "NOERROR and ignored": Row(
        fault=faults.nothing_is_there, outcome=OPERATOR, what=IGNORED, cure=IGNORED_CURE
    ),
    "SERVFAIL": Row(
        fault=faults.says(dns.rcode.SERVFAIL),
        outcome=AGAIN,
        what="the primary failed",
        cure="a journal it cannot write",
    ),
    "SERVFAIL unsigned": Row(
        fault=faults.says(dns.rcode.SERVFAIL, None),
        outcome=AGAIN,
        what="the primary failed",
        cure="a journal it cannot write",
    ),
    "NOTIMP": Row(
        fault=faults.says(dns.rcode.NOTIMP, None),
        outcome=OPERATOR,
        what="takes no updates at all",
        cure="name the zone's real primary",
    ),
    "FORMERR": Row(
        fault=faults.says(dns.rcode.FORMERR, None),
        outcome=OPERATOR,
        what="does not understand the update",
        cure="see the primary's own log",
    ),
    "REFUSED": Row(
        fault=faults.says(dns.rcode.REFUSED), outcome=OPERATOR, what="refuses this update", cure=GRANT
    ),
    "REFUSED unsigned": Row(
        fault=faults.says(dns.rcode.REFUSED, None),
        outcome=OPERATOR,
        what="in an answer that it did not sign",
        cure=f"compare name, secret and algorithm of {KEY} on both sides, and both clocks (NTP)",
    ),
    "NOTAUTH": Row(
        fault=faults.says(dns.rcode.NOTAUTH),
        outcome=OPERATOR,
        what="is not authoritative for zone example.test.",
        cure="check `primaries` and `key` of the zone",
    ),
    "NOTZONE": Row(
        fault=faults.says(dns.rcode.NOTZONE),
        outcome=OPERATOR,
        what="lies in another zone",
        cure="check the names of [[zones]]",
    ),
    "NXRRSET for ever": Row(
        fault=faults.says(dns.rcode.NXRRSET),
        outcome=ANEW,
        what="the records are not what was read",
        cure="wildcard",
    ),
    "YXRRSET for ever": Row(
        fault=faults.says(dns.rcode.YXRRSET),
        outcome=ANEW,
        what="the records are not what was read",
        cure="wildcard",
    ),
    "an rcode nobody knows": Row(
        fault=faults.says(dns.rcode.Rcode(12)),
        outcome=AGAIN,
        what="the primary answered 12",
        cure="see the primary's own log",
    ),
    "BADSIG": Row(
        fault=faults.bad_signature,
        outcome=OPERATOR,
        what="rejects the signature: BADSIG",
        cure=f"the secret of {KEY} is not the primary's",
    ),
    "BADKEY": Row(
        fault=faults.unknown_key,
        outcome=OPERATOR,
        what="rejects the signature: BADKEY",
        cure=f"the primary does not know {KEY}",
    ),
    "BADTIME": Row(
        fault=faults.bad_time,
        outcome=OPERATOR,
        what=" s behind the primary's",
        cure="set this host's clock and the primary's (NTP)",
    ),
    "done and answered too late": Row(
        fault=faults.too_late, outcome=APPLIED, what="gave no answer in time", cure="its log says", done=True
    ),
    "done and answered drop by drop": Row(
        fault=faults.drip, outcome=APPLIED, what="gave no answer in time", cure="its log says", done=True
    ),
    "done and hung up": Row(
        fault=faults.does_it_and_then(faults.hang_up),
        outcome=APPLIED,
        what="broke the connection",
        cure="its log says why",
        done=True,
    ),
    "done and SERVFAIL": Row(
        fault=faults.does_it_and_then(faults.says(dns.rcode.SERVFAIL)),
        outcome=APPLIED,
        what="the primary failed",
        cure="",
        done=True,
    ),
    "done and REFUSED": Row(
        fault=faults.does_it_and_then(faults.says(dns.rcode.REFUSED)),
        outcome=APPLIED,
        what="the primary refuses this update",
        cure="",
        done=True,
    ),
    "done under a bad signature": Row(
        fault=faults.does_it_and_then(faults.signed_by_another),
        outcome=APPLIED,
        what="does not verify",
        cure="",
        done=True,
    ),
    "done and not signed": Row(
        fault=faults.does_it_and_then(faults.unsigned_noerror),
        outcome=APPLIED,
        what="is not signed",
        cure="",
        done=True,
    ),
    "done under our own signature": Row(
        fault=faults.does_it_and_then(faults.our_own_message),
        outcome=APPLIED,
        what="does not verify",
        cure="",
        done=True,
    ),
    "done and truncated": Row(
        fault=faults.does_it_and_then(faults.truncated), outcome=APPLIED, what="", cure="", done=True
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
async def test_a_fault_at_the_update_is_called_by_what_the_records_show(row: Row) -> None:
    async with settled() as stage:
        stage.server.play(row.fault, Moment.UPDATE, FORWARD)
        walk = await stage.walk()
        outcome = walk.outcomes[FORWARD]
        assert (outcome.verdict, outcome.next) == row.outcome
        assert row.what in outcome.what
        assert row.cure in outcome.cure
        assert walk.in_order is row.done
        assert stage.server.shows(stage.change_of(FORWARD)) is row.done
        assert stage.log.verdicts()[REVERSE] is Verdict.APPLIED
        stage.server.be_well()
        await stage.recover()
        assert stage.is_exact(BACKUP)
        assert stage.log.open() == []
