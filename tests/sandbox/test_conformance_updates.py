"""Changes (RFC 2136 2.5, 3.1, 3.4): the embedded primary and BIND give the same answers and zones."""

from __future__ import annotations

import time

import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.update
import pytest

from tests.servers.client import DnsServer, sign_wire

ZONE = "example.test."
REVERSE = "10.10.10.in-addr.arpa."
REVERSE_V6 = "0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."


def test_an_added_record_joins_its_rrset(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.add("dma-backup", 60, "A", "10.10.10.5")
    assert primary.rcode(update) == "NOERROR"
    assert primary.records_of("dma-backup") == {"60 A 10.10.10.2", "60 A 10.10.10.5"}


def test_a_record_of_another_type_leaves_the_others(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.add("dma-backup", 60, "AAAA", "2001:db8::2")
    primary.send(update)
    assert primary.records_of("dma-backup") == {"60 A 10.10.10.2", "60 AAAA 2001:db8::2"}


def test_a_record_is_added_over_udp_too(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.add("new", 60, "A", "10.10.10.8")
    assert primary.send(update, tcp=False).rcode() == dns.rcode.NOERROR
    assert primary.records_of("new") == {"60 A 10.10.10.8"}


def test_a_pointer_moves_in_one_message(primary: DnsServer) -> None:
    update = primary.update(REVERSE)
    update.delete("5", "PTR", "dma-main.example.test.")
    update.add("5", 60, "PTR", "dma-backup.example.test.")
    assert primary.rcode(update) == "NOERROR"
    assert primary.records_of("5", REVERSE) == {"60 PTR dma-backup.example.test."}


def test_a_pointer_of_an_ipv6_address_moves_too(primary: DnsServer) -> None:
    name = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"
    update = primary.update(REVERSE_V6)
    update.replace(name, 60, "PTR", "dma-backup.example.test.")
    primary.send(update)
    assert primary.records_of(name, REVERSE_V6) == {"60 PTR dma-backup.example.test."}


def test_a_single_record_is_deleted_by_value(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.delete("dma-main", "A", "10.10.10.5")
    primary.send(update)
    assert primary.records_of("dma-main") == {"60 A 10.10.10.1", "60 AAAA 2001:db8::1"}


def test_a_target_is_deleted_without_regard_to_case(primary: DnsServer) -> None:
    update = primary.update(REVERSE)
    update.delete("5", "PTR", "DMA-MAIN.example.TEST.")
    primary.send(update)
    assert primary.records_of("5", REVERSE) == set()


def test_an_rrset_is_deleted_by_type(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.delete("dma-main", "A")
    primary.send(update)
    assert primary.records_of("dma-main") == {"60 AAAA 2001:db8::1"}


def test_a_name_is_deleted_with_all_it_has(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.delete("dma-main")
    primary.send(update)
    assert primary.records_of("dma-main") == set()


def test_deleting_what_is_not_there_answers_noerror(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.delete("dma-main", "A", "10.10.10.77")
    update.delete("nobody")
    assert primary.rcode(update) == "NOERROR"


def test_the_last_word_on_a_record_counts(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.add("new", 60, "A", "10.10.10.8")
    update.delete("new", "A", "10.10.10.8")
    primary.send(update)
    assert primary.records_of("new") == set()


def test_names_are_matched_without_regard_to_case(primary: DnsServer) -> None:
    update = primary.update("EXAMPLE.Test.")
    update.delete("DMA-Backup", "A", "10.10.10.2")
    assert primary.rcode(update) == "NOERROR"
    assert primary.records_of("dma-backup") == set()


def test_an_added_record_gives_its_ttl_to_the_whole_rrset(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.add("dma-backup", 300, "A", "10.10.10.5")
    primary.send(update)
    assert primary.records_of("dma-backup") == {"300 A 10.10.10.2", "300 A 10.10.10.5"}


def test_the_same_record_with_another_ttl_changes_the_ttl(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.add("dma-backup", 300, "A", "10.10.10.2")
    primary.send(update)
    assert primary.records_of("dma-backup") == {"300 A 10.10.10.2"}


def test_an_address_beside_a_cname_is_passed_over_with_noerror(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.add("alias", 60, "A", "10.10.10.5")
    assert primary.rcode(update) == "NOERROR"
    assert primary.records_of("alias") == {"60 CNAME dma-main.example.test."}


def test_a_cname_beside_addresses_is_passed_over_with_noerror(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.add("dma-backup", 60, "CNAME", "dma-main")
    assert primary.rcode(update) == "NOERROR"
    assert primary.records_of("dma-backup") == {"60 A 10.10.10.2"}


def test_a_cname_replaces_a_cname(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.add("alias", 300, "CNAME", "dma-backup")
    primary.send(update)
    assert primary.records_of("alias") == {"300 CNAME dma-backup.example.test."}


def test_a_cname_gives_way_to_an_address_when_the_message_deletes_it_first(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.delete("alias", "CNAME")
    update.add("alias", 60, "A", "10.10.10.5")
    primary.send(update)
    assert primary.records_of("alias") == {"60 A 10.10.10.5"}


def test_one_record_outside_of_the_zone_stops_the_whole_message(primary: DnsServer) -> None:
    before = primary.records(ZONE)
    update = primary.update(ZONE)
    update.add("new", 60, "A", "10.10.10.8")
    update.add("new.notexample.test.", 60, "A", "10.10.10.8")
    assert primary.rcode(update) == "NOTZONE"
    assert primary.records(ZONE) == before


def test_one_record_that_is_refused_stops_the_whole_message(primary: DnsServer) -> None:
    before = primary.records(ZONE)
    update = primary.update(ZONE)
    update.delete("dma-main")
    update.add("under_score", 60, "A", "10.10.10.8")
    assert primary.rcode(update) == "REFUSED"
    assert primary.records(ZONE) == before


def test_the_update_section_is_scanned_before_the_prerequisites(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.present("nobody")
    update.add("new.notexample.test.", 60, "A", "10.10.10.8")
    assert primary.rcode(update) == "NOTZONE"


@pytest.mark.parametrize(
    ("zone", "owner", "rdtype", "value"),
    [
        (ZONE, "under_score", "A", "10.10.10.8"),
        (ZONE, "under_score", "AAAA", "2001:db8::8"),
        (ZONE, "under_score", "MX", "10 dma-main"),
        (ZONE, "mail", "MX", "10 under_score"),
        (ZONE, "-dash", "A", "10.10.10.8"),
        (ZONE, "_service", "SRV", "1 1 80 under_score"),
        (ZONE, "sub", "NS", "under_score"),
        (REVERSE, "8", "PTR", "under_score.example.test."),
    ],
)
def test_a_host_without_the_name_of_a_host_is_refused(
    primary: DnsServer, zone: str, owner: str, rdtype: str, value: str
) -> None:
    update = primary.update(zone)
    update.add(owner, 60, rdtype, value)
    assert primary.rcode(update) == "REFUSED"


@pytest.mark.parametrize(
    ("owner", "rdtype", "value"),
    [
        ("_failover-dns.pair", "TXT", '"epoch=1"'),
        ("_alias", "CNAME", "under_score"),
        ("pointer", "PTR", "under_score"),
        ("*.wild", "A", "10.10.10.8"),
        ("_service", "SRV", "1 1 80 dma-main"),
        ("mail", "MX", "10 dma-main"),
        ("1digit", "A", "10.10.10.8"),
    ],
)
def test_other_names_are_free(primary: DnsServer, owner: str, rdtype: str, value: str) -> None:
    update = primary.update(ZONE)
    update.add(owner, 60, rdtype, value)
    assert primary.rcode(update) == "NOERROR"
    assert len(primary.records_of(owner)) == 1


@pytest.mark.parametrize("zone", ["other.test.", "dma-main.example.test.", "test."])
def test_a_zone_that_is_not_served_answers_notauth(primary: DnsServer, zone: str) -> None:
    assert primary.rcode(primary.update(zone)) == "NOTAUTH"


def test_a_zone_section_that_asks_for_no_soa_answers_formerr(primary: DnsServer) -> None:
    update = dns.update.UpdateMessage(ZONE)
    update.zone[0].rdtype = dns.rdatatype.A
    wire = sign_wire(update.to_wire(), primary.key, time_s=int(time.time()))
    assert primary.send_wire(wire).rcode() == dns.rcode.FORMERR


def test_an_empty_zone_section_answers_formerr(primary: DnsServer) -> None:
    update = dns.update.UpdateMessage(ZONE)
    update.zone.clear()
    wire = sign_wire(update.to_wire(), primary.key, time_s=int(time.time()))
    assert primary.send_wire(wire).rcode() == dns.rcode.FORMERR


def test_an_unsigned_update_is_refused(primary: DnsServer) -> None:
    update = dns.update.UpdateMessage(ZONE)
    update.add("new", 60, "A", "10.10.10.8")
    assert primary.rcode(update) == "REFUSED"
    assert primary.records_of("new") == set()


def test_an_unsigned_update_of_a_zone_that_is_not_served_answers_notauth(primary: DnsServer) -> None:
    assert primary.rcode(dns.update.UpdateMessage("other.test.")) == "NOTAUTH"


def test_deleting_an_rrset_with_a_ttl_answers_formerr(primary: DnsServer) -> None:
    update = dns.update.UpdateMessage(ZONE)
    update.delete("dma-main", "A")
    wire = update.to_wire()
    with_ttl = wire[:-6] + (60).to_bytes(4) + wire[-2:]
    answer = primary.send_wire(sign_wire(with_ttl, primary.key, time_s=int(time.time())))
    assert answer.rcode() == dns.rcode.FORMERR


def test_deleting_a_record_of_type_any_answers_formerr(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    anything = dns.rdata.GenericRdata(dns.rdataclass.IN, dns.rdatatype.ANY, b"x")
    update.delete("dma-main", anything)
    assert primary.rcode(update) == "FORMERR"


def test_adding_a_record_of_a_query_type_answers_formerr(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.add("new", 60, dns.rdata.GenericRdata(dns.rdataclass.IN, dns.rdatatype.ANY, b"x"))
    assert primary.rcode(update) == "FORMERR"


def test_a_record_of_another_class_answers_formerr(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.update.append(dns.rrset.from_text("note.example.test.", 60, "CH", "TXT", "text"))
    assert primary.rcode(update) == "FORMERR"


def test_a_zone_of_another_class_is_not_updated(primary: DnsServer) -> None:
    update = dns.update.UpdateMessage(ZONE, rdclass=dns.rdataclass.CH, keyring=primary.key)
    assert primary.rcode(update) in {"NOTAUTH", "NOTIMP"}  # RFC 2136 3.1.2; BIND's latest patches


def test_a_change_steps_the_serial_by_one(primary: DnsServer) -> None:
    before = primary.serial(ZONE)
    update = primary.update(ZONE)
    update.add("new", 60, "A", "10.10.10.8")
    update.delete("dma-main")
    primary.send(update)
    assert primary.serial(ZONE) == before + 1


def test_adding_what_is_there_leaves_the_serial(primary: DnsServer) -> None:
    before = primary.serial(ZONE)
    update = primary.update(ZONE)
    update.add("dma-backup", 60, "A", "10.10.10.2")
    primary.send(update)
    assert primary.serial(ZONE) == before


def test_changes_that_cancel_out_leave_the_serial(primary: DnsServer) -> None:
    before = primary.serial(ZONE)
    update = primary.update(ZONE)
    update.delete("dma-main", "A")
    update.add("dma-main", 60, "A", "10.10.10.1", "10.10.10.5")
    primary.send(update)
    assert primary.serial(ZONE) == before


def test_a_newer_soa_sets_the_serial(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.add("@", 3600, "SOA", "ns hostmaster 100 3600 600 86400 30")
    update.add("new", 60, "A", "10.10.10.8")
    primary.send(update)
    assert primary.serial(ZONE) == 100


@pytest.mark.parametrize("serial", [1, 2147483649 + 1000])
def test_an_soa_that_is_not_newer_is_passed_over(primary: DnsServer, serial: int) -> None:
    update = primary.update(ZONE)
    update.add("@", 3600, "SOA", f"ns hostmaster {serial} 1 1 1 1")
    assert primary.rcode(update) == "NOERROR"
    assert primary.serial(ZONE) == 1


def test_an_soa_below_the_apex_is_passed_over(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.add("new", 3600, "SOA", "ns hostmaster 100 3600 600 86400 30")
    assert primary.rcode(update) == "NOERROR"
    assert primary.query("new.example.test.", "SOA").rcode() == dns.rcode.NXDOMAIN


def test_the_soa_cannot_be_deleted(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.delete("@", "SOA")
    update.delete("@", "SOA", "ns hostmaster 1 3600 600 86400 30")
    assert primary.rcode(update) == "NOERROR"
    assert primary.serial(ZONE) == 1


def test_the_name_servers_cannot_be_deleted_as_an_rrset(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.delete("@", "NS")
    assert primary.rcode(update) == "NOERROR"
    assert "example.test. 3600 NS ns.example.test." in primary.records(ZONE)


def test_the_last_name_server_cannot_be_deleted(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.delete("@", "NS", "ns")
    assert primary.rcode(update) == "NOERROR"
    assert "example.test. 3600 NS ns.example.test." in primary.records(ZONE)


def test_a_name_server_can_be_deleted_when_another_one_stays(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.add("@", 3600, "NS", "ns.elsewhere.test.")
    update.delete("@", "NS", "ns")
    primary.send(update)
    assert {record for record in primary.records(ZONE) if " NS " in record} == {
        "example.test. 3600 NS ns.elsewhere.test."
    }


def test_deleting_the_apex_keeps_soa_and_name_servers(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.add("@", 60, "TXT", "text")
    primary.send(update)
    update = primary.update(ZONE)
    update.delete("@")
    primary.send(update)
    apex = {record for record in primary.records(ZONE) if record.startswith("example.test. ")}
    assert apex == {"example.test. 3600 NS ns.example.test."}


def test_a_cname_at_the_apex_is_passed_over(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.add("@", 60, "CNAME", "dma-main")
    assert primary.rcode(update) == "NOERROR"
    assert not any(record.startswith("example.test. 60 CNAME") for record in primary.records(ZONE))


def test_the_zones_name_server_keeps_its_address(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.delete("ns", "A")
    assert primary.rcode(update) == "REFUSED"
    assert primary.records_of("ns") == {"60 A 192.0.2.53"}


def test_a_name_server_without_an_address_in_the_zone_is_refused(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.add("@", 3600, "NS", "nobody")
    assert primary.rcode(update) == "REFUSED"
