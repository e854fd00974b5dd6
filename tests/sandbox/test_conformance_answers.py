"""Queries and transfers (RFC 1034 4.3.2, RFC 2308, RFC 5936): the embedded primary and BIND answer alike."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import pytest

from tests.servers.client import DnsServer
from tests.servers.zones import ZONES

ZONE = "example.test."


def lines(section: list[dns.rrset.RRset]) -> set[str]:
    return {line for rrset in section for line in rrset.to_text().splitlines()}


@pytest.mark.parametrize("tcp", [True, False], ids=["TCP", "UDP"])
@pytest.mark.parametrize(
    ("name", "rdtype", "wanted"),
    [
        ("dma-backup.example.test.", "A", {"10.10.10.2"}),
        ("dma-main.example.test.", "A", {"10.10.10.1", "10.10.10.5"}),
        ("dma-main.example.test.", "AAAA", {"2001:db8::1"}),
        ("note.example.test.", "TXT", {'"Two  words" "second string"'}),
        ("alias.example.test.", "CNAME", {"dma-main.example.test."}),
        ("example.test.", "NS", {"ns.example.test."}),
        ("5.10.10.10.in-addr.arpa.", "PTR", {"dma-main.example.test."}),
        (
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
            "PTR",
            {"dma-main.example.test."},
        ),
    ],
)
def test_a_record_is_answered_with_authority(
    primary: DnsServer, name: str, rdtype: str, wanted: set[str], *, tcp: bool
) -> None:
    answer = primary.query(name, rdtype, tcp=tcp)
    assert answer.flags & dns.flags.AA
    assert {rdata.to_text() for rrset in answer.answer for rdata in rrset} == wanted


def test_names_are_asked_without_regard_to_case(primary: DnsServer) -> None:
    answer = primary.query("DMA-Backup.Example.TEST.", "A")
    assert [rdata.to_text() for rdata in answer.answer[0]] == ["10.10.10.2"]


def test_all_types_of_a_name_are_answered_to_any(primary: DnsServer) -> None:
    assert lines(primary.query("dma-main.example.test.", "ANY").answer) == {
        "dma-main.example.test. 60 IN A 10.10.10.1",
        "dma-main.example.test. 60 IN A 10.10.10.5",
        "dma-main.example.test. 60 IN AAAA 2001:db8::1",
    }


def test_a_cname_is_answered_with_what_it_leads_to(primary: DnsServer) -> None:
    assert lines(primary.query("alias.example.test.", "AAAA").answer) == {
        "alias.example.test. 60 IN CNAME dma-main.example.test.",
        "dma-main.example.test. 60 IN AAAA 2001:db8::1",
    }


def test_a_cname_to_nowhere_is_answered_with_nxdomain(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.add("alias", 60, "CNAME", "nobody")
    primary.send(update)
    answer = primary.query("alias.example.test.", "A")
    assert answer.rcode() == dns.rcode.NXDOMAIN
    assert lines(answer.answer) == {"alias.example.test. 60 IN CNAME nobody.example.test."}


def test_a_cname_out_of_the_zone_is_answered_alone(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.add("alias", 60, "CNAME", "elsewhere.test.")
    primary.send(update)
    answer = primary.query("alias.example.test.", "A")
    assert answer.rcode() == dns.rcode.NOERROR
    assert lines(answer.answer) == {"alias.example.test. 60 IN CNAME elsewhere.test."}


def test_cnames_in_a_circle_answer_servfail(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.add("one", 60, "CNAME", "two")
    update.add("two", 60, "CNAME", "one")
    primary.send(update)
    assert primary.query("one.example.test.", "A").rcode() == dns.rcode.SERVFAIL


@pytest.mark.parametrize(
    ("name", "rdtype", "rcode"),
    [
        ("dma-backup.example.test.", "AAAA", dns.rcode.NOERROR),
        ("below.example.test.", "A", dns.rcode.NOERROR),
        ("nobody.example.test.", "A", dns.rcode.NXDOMAIN),
    ],
    ids=["another type", "only names below", "no name"],
)
def test_a_denial_carries_the_soa_at_its_minimum(
    primary: DnsServer, name: str, rdtype: str, rcode: dns.rcode.Rcode
) -> None:
    answer = primary.query(name, rdtype)
    assert (answer.rcode(), answer.answer) == (rcode, [])
    assert lines(answer.authority) == {
        "example.test. 30 IN SOA ns.example.test. hostmaster.example.test. 1 3600 600 86400 30"
    }


@pytest.mark.parametrize("name", ["other.test.", "notexample.test.", "test."])
def test_a_name_in_no_zone_is_refused(primary: DnsServer, name: str) -> None:
    answer = primary.query(name, "A")
    assert answer.rcode() == dns.rcode.REFUSED
    assert not answer.flags & dns.flags.AA


def test_a_question_of_another_class_is_refused(primary: DnsServer) -> None:
    query = dns.message.make_query("dma-main.example.test.", "A", rdclass=dns.rdataclass.CH)
    assert primary.rcode(query) == "REFUSED"


def test_a_long_answer_is_cut_over_udp_and_whole_over_tcp(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.add("many", 60, "A", *(f"10.10.11.{number}" for number in range(90)))
    primary.send(update)
    assert primary.query("many.example.test.", "A", tcp=False).flags & dns.flags.TC
    assert len(primary.query("many.example.test.", "A").answer[0]) == 90


@pytest.mark.parametrize("zone", ZONES)
def test_a_transfer_equals_the_zones_text(primary: DnsServer, zone: str) -> None:
    wanted = dns.zone.from_text(ZONES[zone], zone, relativize=False)
    assert set(primary.transfer(zone).iterate_rdatas()) == set(wanted.iterate_rdatas())


def test_a_transfer_of_more_than_one_message_is_whole(primary: DnsServer) -> None:
    before = primary.records(ZONE)
    for number in range(4):
        update = primary.update(ZONE)
        for part in range(100):
            update.add(f"n{number}-{part}", 60, "TXT", f'"{"x" * 250}"')
        primary.send(update)
    assert len(primary.records(ZONE)) == len(before) + 400


def test_an_unsigned_transfer_is_refused(primary: DnsServer) -> None:
    assert primary.query(ZONE, "AXFR").rcode() == dns.rcode.REFUSED


def test_a_transfer_over_udp_answers_formerr(primary: DnsServer) -> None:
    answer = primary.send(primary.signed_query(ZONE, "AXFR"), tcp=False)
    assert answer.rcode() == dns.rcode.FORMERR


@pytest.mark.parametrize("zone", ["other.test.", "dma-main.example.test."])
def test_a_transfer_of_a_zone_that_is_not_served_answers_notauth(primary: DnsServer, zone: str) -> None:
    assert primary.rcode(primary.signed_query(zone, "AXFR")) == "NOTAUTH"


def test_what_cannot_be_read_answers_formerr(primary: DnsServer) -> None:
    query = dns.message.make_query("dma-main.example.test.", "A")
    answer = primary.send_wire(query.to_wire()[:-3])
    assert (answer.id, answer.rcode()) == (query.id, dns.rcode.FORMERR)


def test_an_unknown_opcode_answers_notimp(primary: DnsServer) -> None:
    query = dns.message.make_query("dma-main.example.test.", "A")
    query.set_opcode(dns.opcode.STATUS)
    assert primary.send_wire(query.to_wire()).rcode() == dns.rcode.NOTIMP
