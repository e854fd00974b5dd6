"""Hearing: an answer is authentic, or it is looked at and not believed."""

from __future__ import annotations

import time

import dns.flags
import dns.message
import dns.rcode
import dns.tsig
import pytest

from failover_dns.wire.keys import tsig_key
from failover_dns.wire.sign import hear, sign
from tests.servers.client import DnsServer, sign_wire
from tests.wire.answers import (
    KEY,
    OTHER_SECRET,
    SECRET,
    answer,
    blank_response,
    echo,
    refuse_signature,
    sent_update,
    sign_at,
)

ANOTHER_QUESTION = "what came back answers another question"


def test_a_signed_answer_is_verified() -> None:
    request, wire = sent_update()
    heard = hear(request, answer(wire), KEY)
    assert (heard.verified, heard.rcode, heard.problem, heard.cure) == (True, "NOERROR", "", "")


def test_an_unsigned_answer_is_heard_and_not_believed() -> None:
    request, wire = sent_update()
    heard = hear(request, answer(wire, signer=None), KEY)
    assert (heard.verified, heard.rcode, heard.problem) == (
        False,
        "NOERROR",
        "the answer NOERROR is not signed",
    )


@pytest.mark.parametrize(
    "signer",
    [
        OTHER_SECRET,
        tsig_key("failover-key.", SECRET, "hmac-sha512"),
        tsig_key("another-key.", SECRET, "hmac-sha256"),
    ],
    ids=["another secret", "another algorithm", "another name"],
)
def test_an_answer_that_another_key_signed_is_not_believed(signer: dns.tsig.Key) -> None:
    request, wire = sent_update()
    heard = hear(request, answer(wire, signer=signer), KEY)
    assert (heard.verified, heard.rcode) == (False, "NOERROR")
    assert heard.problem.startswith("the answer's signature does not verify")


def test_an_answer_to_another_of_our_requests_is_not_believed() -> None:
    request, _ = sent_update()
    _, another = sent_update()
    octets = bytearray(answer(another))
    octets[:2] = request.id.to_bytes(2)
    heard = hear(request, bytes(octets), KEY)
    assert (heard.verified, heard.problem) == (
        False,
        "the answer's signature does not verify (BadSignature)",
    )


def test_an_answer_that_was_altered_on_the_way_is_not_believed() -> None:
    request, wire = sent_update()
    octets = bytearray(answer(wire, rcode=dns.rcode.REFUSED))
    octets[3] &= 0xF0  # REFUSED becomes NOERROR
    heard = hear(request, bytes(octets), KEY)
    assert (heard.verified, heard.rcode) == (False, "NOERROR")


@pytest.mark.parametrize("rcode", [dns.rcode.NOERROR, dns.rcode.REFUSED, dns.rcode.NXRRSET])
def test_our_own_message_sent_back_tells_its_rcode_and_is_not_believed(rcode: dns.rcode.Rcode) -> None:
    request, wire = sent_update()
    heard = hear(request, echo(wire, rcode), KEY)
    assert (heard.verified, heard.rcode) == (False, dns.rcode.to_text(rcode))


def test_our_own_message_sent_back_as_it_was_is_no_answer() -> None:
    request, wire = sent_update()
    heard = hear(request, wire, KEY)
    assert (heard.message, heard.verified, heard.problem) == (None, False, ANOTHER_QUESTION)


@pytest.mark.parametrize("size", [0, 1, 11, 12, 40])
def test_an_answer_cut_short_is_not_believed(size: int) -> None:
    request, wire = sent_update()
    heard = hear(request, answer(wire)[:size], KEY)
    assert (heard.message, heard.verified) == (None, False)


def test_what_is_not_dns_is_said_to_be_so() -> None:
    request, _ = sent_update()
    heard = hear(request, b"HTTP/1.1 400 Bad Request\r\n\r\n", KEY)
    assert (heard.message, heard.verified, heard.problem) == (
        None,
        False,
        "what came back is not a DNS message",
    )


def test_a_signed_answer_with_another_id_is_no_answer() -> None:
    # The MAC covers the original id, not the header's (RFC 8945 4.2): both are as of the other message.
    request, wire = sent_update()
    response = blank_response(wire)
    response.id = request.id ^ 1
    heard = hear(request, sign_at(wire, response, time_s=int(time.time())), KEY)
    assert (heard.message, heard.verified, heard.problem) == (None, False, ANOTHER_QUESTION)


def test_a_signed_answer_to_another_question_is_no_answer() -> None:
    request = dns.message.make_query("one.x.", "A")
    wire = sign(request, KEY)
    response = blank_response(wire)
    response.question = dns.message.make_query("two.x.", "A").question
    heard = hear(request, sign_at(wire, response, time_s=int(time.time())), KEY)
    assert (heard.message, heard.problem) == (None, ANOTHER_QUESTION)


def test_an_unsigned_answer_to_another_question_is_no_answer() -> None:
    request, _ = sent_update()
    _, another = sent_update()
    octets = bytearray(answer(another, signer=None))
    octets[:2] = (request.id ^ 1).to_bytes(2)
    heard = hear(request, bytes(octets), KEY)
    assert (heard.message, heard.problem) == (None, ANOTHER_QUESTION)


def test_an_answer_signed_long_ago_is_not_believed() -> None:
    request, wire = sent_update()
    heard = hear(request, sign_at(wire, blank_response(wire), time_s=int(time.time()) - 400), KEY)
    assert (heard.verified, heard.problem) == (
        False,
        "the answer's signature is out of time: one of both clocks is wrong",
    )


@pytest.mark.parametrize(
    ("error", "rcode", "problem", "cure"),
    [
        (
            16,
            "NOTAUTH+BADSIG",
            "the primary rejects the signature: BADSIG",
            (
                "the secret of key failover-key. is not the primary's: "
                "compare secret and algorithm on both sides"
            ),
        ),
        (
            17,
            "NOTAUTH+BADKEY",
            "the primary rejects the signature: BADKEY",
            "the primary does not know key failover-key. with this algorithm, or does not allow it here",
        ),
        (22, "NOTAUTH+BADTRUNC", "the primary rejects the signature: BADTRUNC", ""),
        (99, "NOTAUTH+TSIG-ERROR-99", "the primary rejects the signature: TSIG-ERROR-99", ""),
    ],
)
def test_a_rejected_signature_tells_its_error_and_cure(
    error: int, rcode: str, problem: str, cure: str
) -> None:
    request, wire = sent_update()
    heard = hear(request, refuse_signature(wire, error), KEY)
    assert (heard.verified, heard.rcode, heard.problem, heard.cure) == (False, rcode, problem, cure)


@pytest.mark.parametrize(
    ("server_is_ahead_by_s", "problem"),
    [
        (-400, "this host's clock is 400 s ahead of the primary's"),
        (400, "this host's clock is 400 s behind the primary's"),
    ],
)
def test_a_bad_time_says_by_how_much_and_which_way(server_is_ahead_by_s: int, problem: str) -> None:
    request, wire = sent_update()
    signature = dns.message.from_wire(wire, keyring=False).tsig
    assert signature is not None
    other = int(signature[0].time_signed + server_is_ahead_by_s).to_bytes(6)
    heard = hear(request, refuse_signature(wire, 18, other=other), KEY)
    assert (heard.problem, heard.cure) == (problem, "set this host's clock and the primary's (NTP)")


def test_a_bad_time_without_the_servers_time_is_said_without_numbers() -> None:
    request, wire = sent_update()
    heard = hear(request, refuse_signature(wire, 18), KEY)
    assert heard.problem == (
        "the primary rejects the signature's time: the clocks differ by more than it allows"
    )


@pytest.mark.parametrize("ahead_by_s", [-400, 400])
def test_a_real_servers_bad_time_is_told_with_its_sign(primary: DnsServer, ahead_by_s: int) -> None:
    request = dns.message.make_query("example.test.", "SOA")
    wire = sign_wire(request.to_wire(), primary.key, time_s=int(time.time()) + ahead_by_s)
    request.tsig = dns.message.from_wire(wire, keyring=False).tsig
    heard = hear(request, primary.send_wire(wire).to_wire(), primary.key)
    side = "ahead of" if ahead_by_s > 0 else "behind"
    assert heard.rcode == "NOTAUTH+BADTIME"
    assert heard.problem in {
        f"this host's clock is {skew_s} s {side} the primary's" for skew_s in range(395, 406)
    }
