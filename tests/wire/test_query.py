"""Reading: only an authentic, authoritative and whole answer says anything."""

from __future__ import annotations

from ipaddress import ip_address

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import dns.tsig
import pytest

from failover_dns.core.errors import ReadError
from failover_dns.core.model import Key, RRset, Type
from failover_dns.wire.query import ask, read, read_unsigned
from failover_dns.wire.sign import sign
from tests.wire.answers import KEY, OTHER_SECRET, answer, blank_response, echo, refuse_signature, signed
from tests.wire.test_context import OURS

MAIN = Key("dma-main.example.test.", Type.A)
FIVE = dns.rrset.from_text("dma-main.example.test.", 300, "IN", "A", "10.10.10.1", "10.10.10.5")


def asked(key: Key = MAIN) -> tuple[dns.message.Message, bytes]:
    query = ask(key)
    return query, sign(query, KEY)


def test_a_question_is_for_one_rrset_and_asks_for_no_recursion() -> None:
    query, wire = asked()
    parsed = dns.message.from_wire(wire, keyring=KEY)
    assert [str(question) for question in parsed.question] == ["dma-main.example.test. IN A"]
    assert not parsed.flags & dns.flags.RD
    assert (parsed.had_tsig, parsed.id) == (True, query.id)


def test_an_rrset_is_read_with_its_ttl() -> None:
    query, wire = asked()
    assert read(MAIN, query, answer(wire, FIVE), KEY) == (
        RRset(
            key=MAIN,
            values=frozenset({ip_address("10.10.10.1"), ip_address("10.10.10.5")}),
            ttl_s=300,
        ),
    )


@pytest.mark.parametrize("rcode", [dns.rcode.NOERROR, dns.rcode.NXDOMAIN], ids=["no data", "no name"])
def test_a_proved_absence_is_an_empty_rrset(rcode: dns.rcode.Rcode) -> None:
    query, wire = asked()
    assert read(MAIN, query, answer(wire, rcode=rcode), KEY) == (RRset(key=MAIN),)


def test_a_cname_in_the_names_place_is_read_too_and_what_it_leads_to_is_not() -> None:
    key = Key("alias.example.test.", Type.A)
    query, wire = asked(key)
    alias = dns.rrset.from_text("alias.example.test.", 60, "IN", "CNAME", "DMA-Main.example.test.")
    assert read(key, query, answer(wire, alias, FIVE), KEY) == (
        RRset(key=key),
        RRset(
            key=Key("alias.example.test.", Type.CNAME),
            values=frozenset({"dma-main.example.test."}),
            ttl_s=60,
        ),
    )


def test_names_are_compared_without_regard_to_case() -> None:
    # Windows registers names in capitals; RFC 4343.
    key = Key("5.10.10.10.in-addr.arpa.", Type.PTR)
    query, wire = asked(key)
    found = dns.rrset.from_text("5.10.10.10.IN-ADDR.ARPA.", 1200, "IN", "PTR", "DMA-MAIN.Example.Test.")
    assert read(key, query, answer(wire, found), KEY) == (
        RRset(key=key, values=frozenset({"dma-main.example.test."}), ttl_s=1200),
    )


@pytest.mark.parametrize("rrsets", [(), (FIVE,)], ids=["empty", "full"])
@pytest.mark.parametrize(
    ("flags", "signer", "problem"),
    [
        (dns.flags.AA, None, "the answer NOERROR is not signed"),
        (dns.flags.AA, OTHER_SECRET, "the answer's signature does not verify (BadSignature)"),
        (dns.flags.Flag(0), KEY, "the answer is not authoritative"),
        (dns.flags.AA | dns.flags.TC, KEY, "the answer is truncated"),
    ],
    ids=["unsigned", "wrong MAC", "not authoritative", "truncated"],
)
def test_an_answer_that_proves_nothing_is_no_reading(
    rrsets: tuple[dns.rrset.RRset, ...], flags: dns.flags.Flag, signer: dns.tsig.Key | None, problem: str
) -> None:
    query, wire = asked()
    with pytest.raises(ReadError) as caught:
        read(MAIN, query, answer(wire, *rrsets, flags=flags, signer=signer), KEY)
    assert caught.value.what == f"reading dma-main.example.test. A: {problem}"


@pytest.mark.parametrize("signer", [KEY, None], ids=["signed", "unsigned"])
@pytest.mark.parametrize(
    ("rcode", "cure"),
    [
        (dns.rcode.SERVFAIL, "see the primary's own log"),
        (dns.rcode.REFUSED, "allow queries from this host, and check that this server serves the zone"),
        # PowerDNS says no more than that of an unknown key, a wrong secret and a clock that is wrong.
        (
            dns.rcode.NOTAUTH,
            "compare name, secret and algorithm of key failover-key. on both sides, and both clocks (NTP)",
        ),
        (dns.rcode.FORMERR, "see the primary's own log"),
    ],
)
def test_an_error_is_no_reading_and_says_what_to_do(
    rcode: dns.rcode.Rcode, cure: str, signer: dns.tsig.Key | None
) -> None:
    query, wire = asked()
    with pytest.raises(ReadError) as caught:
        read(MAIN, query, answer(wire, rcode=rcode, signer=signer), KEY)
    assert caught.value.what.endswith(f"the primary answered {dns.rcode.to_text(rcode)}")
    assert caught.value.cure == cure


def test_an_unsigned_nxdomain_deletes_nothing() -> None:
    query, wire = asked()
    with pytest.raises(ReadError, match="the answer NXDOMAIN is not signed"):
        read(MAIN, query, answer(wire, rcode=dns.rcode.NXDOMAIN, signer=None), KEY)


def test_our_own_question_sent_back_is_no_reading() -> None:
    query, wire = asked()
    with pytest.raises(ReadError, match="does not verify"):
        read(MAIN, query, echo(wire, dns.rcode.NOERROR), KEY)


def test_a_rejected_signature_is_no_reading_and_names_the_key() -> None:
    query, wire = asked()
    with pytest.raises(ReadError) as caught:
        read(MAIN, query, refuse_signature(wire, 17), KEY)
    assert caught.value.what == "reading dma-main.example.test. A: the primary answered NOTAUTH+BADKEY"
    assert caught.value.cure.startswith("the primary does not know key failover-key.")


def test_what_is_not_dns_is_no_reading() -> None:
    query, _ = asked()
    with pytest.raises(ReadError, match=r"dma-main\.example\.test\. A: what came back is not a DNS message"):
        read(MAIN, query, b"\0", KEY)


def test_an_answer_to_another_question_is_no_reading() -> None:
    query, _ = asked()
    _, another = asked(Key("dma-backup.example.test.", Type.A))
    with pytest.raises(ReadError, match=r"answers another question|does not verify"):
        read(MAIN, query, answer(another, FIVE), KEY)


def test_a_referral_names_the_zone_that_the_name_belongs_to() -> None:
    query, wire = asked()
    response = blank_response(wire)
    cut = dns.rrset.from_text("DMA-Main.example.test.", 60, "IN", "NS", "ns.elsewhere.test.")
    response.authority.append(cut)
    with pytest.raises(ReadError) as caught:
        read(MAIN, query, signed(wire, response), KEY)
    assert caught.value.what == (
        "reading dma-main.example.test. A: the answer is not authoritative, "
        "it refers to the servers of zone dma-main.example.test."
    )
    assert caught.value.cure == ("add zone dma-main.example.test. with a primary of its own to [[zones]]")


@pytest.mark.parametrize("rcode", [dns.rcode.NOERROR, dns.rcode.NXDOMAIN])
def test_an_absence_in_another_zone_is_none_in_ours(rcode: dns.rcode.Rcode) -> None:
    query, wire = asked()
    response = blank_response(wire, rcode)
    response.flags |= dns.flags.AA
    soa = "ns.example.test. hostmaster.example.test. 1 3600 600 86400 30"
    response.authority.append(dns.rrset.from_text("Example.test.", 30, "IN", "SOA", soa))
    octets = signed(wire, response)
    assert read(MAIN, query, octets, KEY, "example.test.") == (RRset(key=MAIN),)
    with pytest.raises(ReadError, match=r"the name is in zone example\.test\. here, not in test\.") as caught:
        read(MAIN, query, octets, KEY, "test.")
    assert caught.value.cure == "add zone example.test. with a primary of its own to [[zones]]"


def test_a_clock_that_is_wrong_is_told_with_the_difference_at_a_question_too() -> None:
    query, wire = asked()
    with pytest.raises(ReadError, match=r"NOTAUTH\+BADTIME: this host's clock is \d+ s behind the primary's"):
        read(MAIN, query, refuse_signature(wire, 18, other=(1_900_000_000).to_bytes(6)), KEY)


@pytest.mark.parametrize("rcode", [dns.rcode.REFUSED, dns.rcode.SERVFAIL])
def test_an_unsigned_answer_that_says_nothing_is_no_report(rcode: dns.rcode.Rcode) -> None:
    key = Key("dma-main.example.test.", Type.A)
    query = ask(key)
    with pytest.raises(ReadError, match=dns.rcode.to_text(rcode)):
        read_unsigned(key, query, blank_response(query.to_wire(), rcode).to_wire())


def test_an_unsigned_answer_without_the_record_reports_that_there_is_none() -> None:
    key = Key("dma-main.example.test.", Type.A)
    query = ask(key)
    assert read_unsigned(key, query, blank_response(query.to_wire()).to_wire()) == RRset(key=key)


def test_under_a_context_no_cure_speaks_of_a_secret() -> None:
    query = ask(MAIN)
    wire = sign(query, OURS)
    with pytest.raises(
        ReadError, match=r"NOTAUTH; see the primary's log for failover@EXAMPLE\.TEST, and compare"
    ):
        read(MAIN, query, answer(wire, rcode=dns.rcode.NOTAUTH, signer=OURS), OURS)
    with pytest.raises(
        ReadError, match=r"is not signed; look for what stands between failover@EXAMPLE\.TEST and"
    ):
        read(MAIN, query, answer(wire, FIVE, signer=None), OURS)
