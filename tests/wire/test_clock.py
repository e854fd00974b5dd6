"""Asking a server for its clock, as far as it tells a stranger."""

from __future__ import annotations

import dns.message
import dns.rcode
import pytest
from dns.rdtypes.ANY.TSIG import TSIG

from failover_dns.wire.clock import LONG_AGO_S, ask_clock, read_clock
from tests.wire.answers import blank_response, sign_at

ZONE = "example.test."
NOW_S = 1_772_323_200


def test_the_question_is_signed_with_a_key_that_no_server_has_and_long_ago() -> None:
    first, second = (dns.message.from_wire(ask_clock(ZONE).to_wire(), keyring=False) for _ in range(2))
    assert first.question[0].to_text() == "example.test. IN SOA"
    assert first.tsig is not None
    assert second.tsig is not None
    signature = first.tsig[0]
    assert isinstance(signature, TSIG)
    assert (signature.time_signed, signature.original_id) == (LONG_AGO_S, first.id)
    assert first.tsig.name != second.tsig.name


def test_the_time_in_the_answers_signature_is_the_servers() -> None:
    query = ask_clock(ZONE)
    wire = query.to_wire()
    answer = sign_at(wire, blank_response(wire, dns.rcode.NOTAUTH), time_s=NOW_S)
    assert read_clock(query, answer) == NOW_S


def test_a_server_that_repeats_the_questions_time_does_not_tell_its_own() -> None:
    query = ask_clock(ZONE)
    wire = query.to_wire()
    assert (
        read_clock(query, sign_at(wire, blank_response(wire, dns.rcode.NOTAUTH), time_s=LONG_AGO_S)) is None
    )


@pytest.mark.parametrize("octets", [b"", b"SSH-2.0", None])
def test_what_is_no_answer_and_what_is_not_signed_tell_nothing(octets: bytes | None) -> None:
    query = ask_clock(ZONE)
    answer = blank_response(query.to_wire(), dns.rcode.REFUSED).to_wire() if octets is None else octets
    assert read_clock(query, answer) is None
