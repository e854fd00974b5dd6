"""A zone begins where its SOA stands in the answer, at the very name that was asked for."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from failover_dns.core.errors import ReadError
from failover_dns.wire.soa import Soa, ask_soa, is_behind, read_apex, read_soa
from tests.wire.answers import blank_response

SOA = "example.test. 3600 IN SOA ns.example.test. hostmaster.example.test. 7 3600 600 86400 30"
NS = "example.test. 3600 IN NS ns.example.test."


def heard(
    name: str,
    *,
    answer: tuple[str, ...] = (),
    authority: tuple[str, ...] = (),
    rcode: dns.rcode.Rcode = dns.rcode.NOERROR,
    flags: int = 0,
) -> Soa | None:
    """Return what an answer of these records says of where a zone begins."""
    query = ask_soa(name, recurse=True)
    response = blank_response(query.to_wire(), rcode)
    response.flags |= dns.flags.Flag(flags)
    response.answer.extend(map(rrset, answer))
    response.authority.extend(map(rrset, authority))
    return read_apex(query, response.to_wire())


def rrset(text: str) -> dns.rrset.RRset:
    name, ttl, _, kind, value = text.split(" ", 4)
    return dns.rrset.from_text(name, int(ttl), "IN", kind, value)


def test_the_soa_of_the_name_itself_is_the_zones() -> None:
    assert heard("example.test.", answer=(SOA,)) == Soa(
        zone="example.test.", primary="ns.example.test.", serial=7, ttl_s=3600, negative_ttl_s=30
    )


def test_names_are_the_same_in_capitals() -> None:
    soa = heard("example.test.", answer=(SOA.replace("example", "EXAMPLE"),))
    assert soa is not None
    assert (soa.zone, soa.primary) == ("example.test.", "ns.example.test.")


@pytest.mark.parametrize("rcode", [dns.rcode.NOERROR, dns.rcode.NXDOMAIN])
def test_the_authority_section_alone_is_no_proof_of_a_zone(rcode: dns.rcode.Rcode) -> None:
    assert heard("dma.example.test.", authority=(SOA,), rcode=rcode) is None


def test_the_soa_behind_a_cname_is_another_names() -> None:
    alias = "dma.other.test. 60 IN CNAME example.test."
    assert heard("dma.other.test.", answer=(alias, SOA)) is None


@pytest.mark.parametrize("flags", [dns.flags.AA, dns.flags.RA])
def test_an_answer_without_any_record_denies_a_zone(flags: int) -> None:
    assert heard("dma.example.test.", flags=flags) is None


def test_a_denial_with_the_zones_servers_beside_it_is_no_referral() -> None:
    assert heard("dma.example.test.", authority=(SOA, NS)) is None
    assert heard("dma.example.test.", authority=(NS,), flags=dns.flags.AA) is None


@pytest.mark.parametrize(
    ("authority", "rcode", "flags"),
    [
        ((NS,), dns.rcode.NOERROR, 0),
        ((), dns.rcode.NOERROR, dns.flags.TC),
        ((), dns.rcode.SERVFAIL, 0),
        ((), dns.rcode.REFUSED, 0),
    ],
    ids=["referral", "truncated", "SERVFAIL", "REFUSED"],
)
def test_an_answer_that_tells_nothing_denies_nothing(
    authority: tuple[str, ...], rcode: dns.rcode.Rcode, flags: int
) -> None:
    with pytest.raises(ReadError, match=r"^reading dma\.example\.test\. SOA: "):
        heard("dma.example.test.", authority=authority, rcode=rcode, flags=flags)


def test_what_is_not_dns_denies_nothing() -> None:
    with pytest.raises(ReadError, match="not a DNS message"):
        read_apex(ask_soa("example.test."), b"HTTP/1.1 400 Bad Request")


def test_a_resolver_is_asked_to_recurse_and_a_server_of_the_zone_is_not() -> None:
    assert [
        bool(dns.message.from_wire(ask_soa("example.test.", recurse=recurse).to_wire()).flags & dns.flags.RD)
        for recurse in (True, False)
    ] == [True, False]


def test_an_answer_with_another_names_soa_has_none() -> None:
    query = ask_soa("example.test.")
    response = blank_response(query.to_wire())
    response.authority.append(rrset(SOA.replace("example.test. 3600", "other.test. 3600")))
    with pytest.raises(ReadError, match="the answer has none; is this a server of the zone"):
        read_soa(query, response.to_wire())


def test_the_soa_of_a_report_may_stand_below_other_records() -> None:
    query = ask_soa("example.test.")
    response = blank_response(query.to_wire())
    response.answer.append(rrset(NS))
    response.authority.append(rrset(SOA))
    assert read_soa(query, response.to_wire()).serial == 7


@pytest.mark.parametrize(("older", "newer"), [(1, 2), (0xFFFFFFFF, 0), (0x80000001, 0), (7, 7 + 0x7FFFFFFF)])
def test_a_serial_is_behind_by_serial_number_arithmetic(older: int, newer: int) -> None:
    assert is_behind(older, newer)
    assert not is_behind(newer, older)
    assert not is_behind(older, older)
