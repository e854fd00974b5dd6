"""Judging an update's answer: every row of the table, and what an operator is told."""

from __future__ import annotations

import dns.rcode
import dns.tsig
import pytest

from failover_dns.core.outcome import Said
from failover_dns.wire.answer import judge
from tests.wire.answers import KEY, OTHER_SECRET, answer, echo, refuse_signature, sent_update
from tests.wire.test_context import OURS, sent_under_context

ZONE = "example.test."
ROWS = [
    (dns.rcode.NXRRSET, Said.LOST_RACE),
    (dns.rcode.YXRRSET, Said.LOST_RACE),
    (dns.rcode.NXDOMAIN, Said.LOST_RACE),
    (dns.rcode.YXDOMAIN, Said.LOST_RACE),
    (dns.rcode.REFUSED, Said.DENIED),
    (dns.rcode.NOTAUTH, Said.DENIED),
    (dns.rcode.NOTZONE, Said.DENIED),
    (dns.rcode.NOTIMP, Said.DENIED),
    (dns.rcode.FORMERR, Said.DENIED),
    (dns.rcode.SERVFAIL, Said.FAILED),
    (dns.rcode.DSOTYPENI, Said.FAILED),
    (dns.rcode.Rcode(12), Said.FAILED),
]


def test_a_verified_noerror_is_done() -> None:
    request, wire = sent_update()
    judged = judge(request, answer(wire), KEY, ZONE)
    assert (judged.said, judged.rcode, judged.what, judged.cure) == (Said.DONE, "NOERROR", "", "")


def test_an_unsigned_noerror_is_never_done() -> None:
    request, wire = sent_update()
    judged = judge(request, answer(wire, signer=None), KEY, ZONE)
    assert (judged.said, judged.rcode, judged.what) == (
        Said.UNVERIFIED,
        "NOERROR",
        "the answer NOERROR is not signed",
    )


def test_a_noerror_with_a_wrong_mac_is_never_done() -> None:
    request, wire = sent_update()
    judged = judge(request, answer(wire, signer=OTHER_SECRET), KEY, ZONE)
    assert (judged.said, judged.rcode, judged.what) == (
        Said.UNVERIFIED,
        "NOERROR",
        "the answer's signature does not verify (BadSignature)",
    )


def test_an_echoed_noerror_is_never_done() -> None:
    request, wire = sent_update()
    assert judge(request, echo(wire, dns.rcode.NOERROR), KEY, ZONE).said is Said.UNVERIFIED


@pytest.mark.parametrize(("rcode", "said"), ROWS)
def test_a_verified_error_is_judged_by_its_rcode(rcode: dns.rcode.Rcode, said: Said) -> None:
    request, wire = sent_update()
    judged = judge(request, answer(wire, rcode=rcode), KEY, ZONE)
    assert (judged.said, judged.rcode) == (said, dns.rcode.to_text(rcode))
    assert judged.what


@pytest.mark.parametrize(("rcode", "said"), ROWS)
def test_an_unsigned_error_is_judged_by_its_rcode_too(rcode: dns.rcode.Rcode, said: Said) -> None:
    # Lesson 8: an unsigned REFUSED is a refusal, not a protocol error.
    request, wire = sent_update()
    judged = judge(request, answer(wire, rcode=rcode, signer=None), KEY, ZONE)
    assert (judged.said, judged.rcode) == (said, dns.rcode.to_text(rcode))


@pytest.mark.parametrize(("rcode", "said"), ROWS)
def test_an_echoed_error_is_judged_by_its_rcode_too(rcode: dns.rcode.Rcode, said: Said) -> None:
    request, wire = sent_update()
    assert judge(request, echo(wire, rcode), KEY, ZONE).said is said


@pytest.mark.parametrize("octets", [b"", b"\0", b"SSH-2.0-OpenSSH_9.2\r\n", b"\xff" * 600])
def test_what_is_not_dns_says_nothing_about_the_update(octets: bytes) -> None:
    request, _ = sent_update()
    judged = judge(request, octets, KEY, ZONE)
    assert (judged.said, judged.rcode, judged.what) == (
        Said.UNVERIFIED,
        None,
        "what came back is not a DNS message",
    )


def test_an_answer_to_another_message_says_nothing_about_the_update() -> None:
    request, _ = sent_update()
    _, another = sent_update()
    octets = bytearray(answer(another))
    octets[:2] = (request.id ^ 1).to_bytes(2)
    judged = judge(request, bytes(octets), KEY, ZONE)
    assert (judged.said, judged.rcode, judged.what) == (
        Said.UNVERIFIED,
        None,
        "what came back answers another question",
    )


@pytest.mark.parametrize(
    "rcode", [dns.rcode.NXRRSET, dns.rcode.YXRRSET, dns.rcode.NXDOMAIN, dns.rcode.YXDOMAIN]
)
def test_a_lost_race_is_told_in_the_same_words_whatever_was_demanded(rcode: dns.rcode.Rcode) -> None:
    request, wire = sent_update()
    judged = judge(request, answer(wire, rcode=rcode), KEY, ZONE)
    assert judged.what == "the records are not what was read"
    assert "look for another writer at these names, or a wildcard" in judged.cure


@pytest.mark.parametrize("signer", [None, OTHER_SECRET], ids=["unsigned", "wrong MAC"])
def test_a_noerror_that_proves_nothing_says_where_to_look(signer: dns.tsig.Key | None) -> None:
    request, wire = sent_update()
    judged = judge(request, answer(wire, signer=signer), KEY, ZONE)
    assert judged.cure.startswith("compare the secret of key failover-key. on both sides")


def test_what_is_not_dns_asks_for_the_port() -> None:
    request, _ = sent_update()
    assert judge(request, b"SSH-2.0", KEY, ZONE).cure == "is this port a DNS server's?"


def test_a_refusal_names_the_grant_that_is_missing() -> None:
    request, wire = sent_update()
    judged = judge(request, answer(wire, rcode=dns.rcode.REFUSED), KEY, ZONE)
    assert judged.what == "the primary refuses this update"
    assert judged.cure == (
        "grant key failover-key. the names in zone example.test. (BIND: update-policy, allow-update), "
        "or unfreeze it"
    )


def test_an_unsigned_refusal_names_key_and_clock_before_the_grant() -> None:
    # PowerDNS answers so to an unknown key, a wrong secret and a clock that is wrong.
    request, wire = sent_update()
    judged = judge(request, answer(wire, rcode=dns.rcode.REFUSED, signer=None), KEY, ZONE)
    assert judged.what == "the primary refuses this update, in an answer that it did not sign"
    assert judged.cure == (
        "compare name, secret and algorithm of key failover-key. on both sides, and both clocks (NTP); "
        "if they are right, grant the key the names in zone example.test."
    )


@pytest.mark.parametrize("error", [16, 17])
def test_a_rejected_signature_is_told_rather_than_the_rcode_around_it(error: int) -> None:
    request, wire = sent_update()
    judged = judge(request, refuse_signature(wire, error), KEY, ZONE)
    assert judged.said is Said.DENIED
    assert judged.what.startswith("the primary rejects the signature")
    assert "failover-key." in judged.cure


def test_a_clock_that_is_wrong_is_told_with_the_difference() -> None:
    request, wire = sent_update()
    other = (1_900_000_000).to_bytes(6)
    judged = judge(request, refuse_signature(wire, 18, other=other), KEY, ZONE)
    assert (judged.said, judged.rcode) == (Said.DENIED, "NOTAUTH+BADTIME")
    assert "behind the primary's" in judged.what
    assert "NTP" in judged.cure


def test_a_rejected_signature_under_noerror_is_never_done() -> None:
    request, wire = sent_update()
    judged = judge(request, refuse_signature(wire, 16, rcode=dns.rcode.NOERROR), KEY, ZONE)
    assert (judged.said, judged.rcode) == (Said.UNVERIFIED, "NOERROR+BADSIG")


def test_an_rcode_nobody_knows_is_told_as_it_came() -> None:
    request, wire = sent_update()
    judged = judge(request, answer(wire, rcode=dns.rcode.Rcode(12)), KEY, ZONE)
    assert (judged.what, judged.cure) == ("the primary answered 12", "see the primary's own log")


def test_an_echoed_servfail_under_a_context_is_the_access_list_or_a_real_failure_and_says_both() -> None:
    # Samba before 4.22.
    request, wire = sent_under_context()
    judged = judge(request, echo(wire, dns.rcode.SERVFAIL), OURS, ZONE)
    assert (judged.said, judged.rcode) == (Said.DENIED, "SERVFAIL")
    assert judged.what == "the primary failed, or its access list denies this update: it answers both alike"
    assert judged.cure == (
        "let `failover-dns check` tell which names failover@EXAMPLE.TEST has to be granted; if it finds none, see "
        "the primary's own log"
    )


def test_a_servfail_that_is_no_echo_is_a_failure_under_a_context_too() -> None:
    request, wire = sent_under_context()
    assert judge(request, answer(wire, rcode=dns.rcode.SERVFAIL, signer=OURS), OURS, ZONE).said is Said.FAILED


@pytest.mark.parametrize(("rcode", "said"), [*ROWS, (dns.rcode.NOERROR, Said.UNVERIFIED)])
def test_every_echo_under_a_context_says_what_to_do(rcode: dns.rcode.Rcode, said: Said) -> None:
    request, wire = sent_under_context()
    judged = judge(request, echo(wire, rcode), OURS, ZONE)
    assert judged.what
    assert judged.cure
    assert "secret" not in judged.cure
    assert judged.said is (Said.DENIED if rcode == dns.rcode.SERVFAIL else said)


def test_a_refusal_under_a_context_names_the_account_and_who_tells_what_is_missing() -> None:
    request, wire = sent_under_context()
    judged = judge(request, answer(wire, rcode=dns.rcode.REFUSED, signer=OURS), OURS, ZONE)
    assert judged.cure == (
        "grant failover@EXAMPLE.TEST the names in zone example.test.: `failover-dns check` tells which and how"
    )


def test_an_unsigned_refusal_under_a_context_asks_for_log_and_clocks() -> None:
    request, wire = sent_under_context()
    judged = judge(request, answer(wire, rcode=dns.rcode.REFUSED, signer=None), OURS, ZONE)
    assert judged.cure.startswith(
        "see the primary's log for failover@EXAMPLE.TEST, and compare both clocks (NTP)"
    )


def test_a_noerror_that_proves_nothing_under_a_context_does_not_ask_for_a_secret() -> None:
    request, wire = sent_under_context()
    judged = judge(request, answer(wire, signer=None), OURS, ZONE)
    assert (judged.said, judged.rcode) == (Said.UNVERIFIED, "NOERROR")
    assert judged.cure.startswith("look for what stands between failover@EXAMPLE.TEST and the primary")
