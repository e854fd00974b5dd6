"""TKEY messages: what carries a token to a primary, and what its answer says."""

from __future__ import annotations

import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig
import pytest
from dns.rdtypes.ANY.TKEY import TKEY

from failover_dns.core.kerberos import NegotiationError
from failover_dns.wire.tkey import ask_tkey, fresh_name, read_tkey

NAME = dns.name.from_text("1234.failover-dns.")
SERVER = "dc1.example.test"
NOW_S = 1_772_323_200.5


def tkey_answer(
    query: dns.message.Message,
    *,
    name: dns.name.Name = NAME,
    algorithm: dns.name.Name = dns.tsig.GSS_TSIG,
    mode: int = 3,
    error: int = 0,
    token: bytes = b"theirs",
    rcode: dns.rcode.Rcode = dns.rcode.NOERROR,
) -> bytes:
    response = dns.message.make_response(query)
    response.set_rcode(rcode)
    tkey = TKEY(  # type: ignore[no-untyped-call]  # dnspython leaves it untyped
        dns.rdataclass.ANY, dns.rdatatype.TKEY, algorithm, 1000, 4600, mode, error, token
    )
    response.answer.append(dns.rrset.from_rdata(name, 0, tkey))
    return response.to_wire()


def test_a_token_travels_in_the_additional_section_of_a_question_for_its_key() -> None:
    query = ask_tkey(NAME, b"\x60\x01ours", now_s=NOW_S)
    query.id = 0x1234
    assert (
        query.to_wire().hex()
        == (
            "123400000001000000000001"  # one question, one additional record, no flags
            "0431323334" + "0c" + b"failover-dns".hex() + "00" + "00f900ff"  # TKEY ANY
            "c00c" + "00f900ff" + "00000000" + "0020"
            "08" + b"gss-tsig".hex() + "00" + "69a38180" + "69a4d300"  # now, and a day later
            "0003" + "0000" + "0006" + "60016f757273" + "0000"
        )
    )


def test_each_negotiation_has_a_name_of_its_own() -> None:
    names = {fresh_name() for _ in range(100)}
    assert len(names) == 100
    assert all(name.is_subdomain(dns.name.from_text("failover-dns.")) for name in names)


def test_the_answers_token_and_life_are_read() -> None:
    query = ask_tkey(NAME, b"ours", now_s=NOW_S)
    leg = read_tkey(query, tkey_answer(query), SERVER)
    assert (leg.token, leg.life_s) == (b"theirs", 3600.0)


@pytest.mark.parametrize(
    ("error", "what", "cure"),
    [
        (17, "BADKEY", "the primary has no key for the ticket: check its keytab for DNS/dc1.example.test"),
        (18, "BADTIME", "set this host's clock"),
        (19, "BADMODE", "this primary does not negotiate by GSS-API"),
        (99, "TKEY error 99", "see the primary's own log"),
    ],
)
def test_a_tkey_error_is_told_with_its_cure(error: int, what: str, cure: str) -> None:
    query = ask_tkey(NAME, b"ours", now_s=NOW_S)
    with pytest.raises(NegotiationError) as caught:
        read_tkey(query, tkey_answer(query, error=error, rcode=dns.rcode.NOTAUTH), SERVER)
    assert caught.value.what == f"negotiating with dc1.example.test: the primary answered {what}"
    assert caught.value.cure.startswith(cure)


@pytest.mark.parametrize(
    ("rcode", "cure"),
    [
        (dns.rcode.REFUSED, "let this host negotiate"),
        (dns.rcode.NOTIMP, "this primary does not support TKEY"),
        (dns.rcode.NOTAUTH, "check the primary's keytab for DNS/dc1.example.test"),
        (dns.rcode.SERVFAIL, "see the primary's own log"),
    ],
)
def test_an_rcode_without_a_tkey_is_told_with_its_cure(rcode: dns.rcode.Rcode, cure: str) -> None:
    query = ask_tkey(NAME, b"ours", now_s=NOW_S)
    response = dns.message.make_response(query)
    response.set_rcode(rcode)
    with pytest.raises(NegotiationError) as caught:
        read_tkey(query, response.to_wire(), SERVER)
    assert caught.value.what.endswith(f"the primary answered {dns.rcode.to_text(rcode)}")
    assert caught.value.cure.startswith(cure)


def test_an_answer_without_a_tkey_of_ours_is_none() -> None:
    query = ask_tkey(NAME, b"ours", now_s=NOW_S)
    answers = [
        dns.message.make_response(query).to_wire(),
        tkey_answer(query, name=dns.name.from_text("5678.failover-dns.")),
        tkey_answer(query, mode=2),
        tkey_answer(query, algorithm=dns.tsig.HMAC_SHA256),
    ]
    for wire in answers:
        with pytest.raises(NegotiationError, match="the answer has no TKEY of ours"):
            read_tkey(query, wire, SERVER)


def test_what_is_not_dns_is_said_to_be_so() -> None:
    query = ask_tkey(NAME, b"ours", now_s=NOW_S)
    with pytest.raises(NegotiationError, match=r"what came back is not a DNS message; is this port a DNS"):
        read_tkey(query, b"HTTP/1.1 400 Bad Request\r\n\r\n", SERVER)
