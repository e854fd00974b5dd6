"""Prerequisites (RFC 2136 2.4, 3.2): the embedded primary and BIND give the same answers."""

from __future__ import annotations

import time

import dns.rcode
import dns.rdataset
import dns.rrset
import dns.update
import pytest

from tests.servers.client import DnsServer, sign_wire

ZONE = "example.test."


def test_name_in_use_is_met_by_a_name_with_records(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.present("dma-main")
    assert primary.rcode(update) == "NOERROR"


def test_name_in_use_answers_nxdomain_when_it_is_not(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.present("nobody")
    assert primary.rcode(update) == "NXDOMAIN"


def test_a_name_that_only_has_names_below_it_is_not_in_use(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.present("below")
    assert primary.rcode(update) == "NXDOMAIN"


def test_name_not_in_use_is_met_by_an_unknown_name(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.absent("nobody")
    assert primary.rcode(update) == "NOERROR"


def test_name_not_in_use_answers_yxdomain_when_it_is(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.absent("dma-main")
    assert primary.rcode(update) == "YXDOMAIN"


def test_rrset_exists_is_met_by_any_value(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.present("dma-main", "AAAA")
    assert primary.rcode(update) == "NOERROR"


def test_rrset_exists_answers_nxrrset_when_the_name_has_other_types(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.present("dma-backup", "AAAA")
    assert primary.rcode(update) == "NXRRSET"


def test_rrset_does_not_exist_is_met_by_other_types(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.absent("dma-backup", "AAAA")
    assert primary.rcode(update) == "NOERROR"


def test_rrset_does_not_exist_answers_yxrrset_when_it_does(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.absent("dma-main", "A")
    assert primary.rcode(update) == "YXRRSET"


def test_the_whole_rrset_by_value_is_met_in_any_order(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.present("dma-main", "A", "10.10.10.5", "10.10.10.1")
    assert primary.rcode(update) == "NOERROR"


@pytest.mark.parametrize(
    "values",
    [
        ["10.10.10.1"],
        ["10.10.10.1", "10.10.10.5", "10.10.10.6"],
        ["10.10.10.1", "10.10.10.6"],
        ["10.10.10.1", "10.10.10.1", "10.10.10.5"],
    ],
    ids=["a part of it", "one more", "another one", "one of it twice"],
)
def test_an_rrset_by_value_that_is_not_the_whole_answers_nxrrset(
    primary: DnsServer, values: list[str]
) -> None:
    update = primary.update(ZONE)
    update.present("dma-main", "A", *values)
    assert primary.rcode(update) == "NXRRSET"


def test_an_rrset_by_value_of_an_unknown_name_answers_nxrrset(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.present("nobody", "A", "10.10.10.1")
    assert primary.rcode(update) == "NXRRSET"


def test_text_by_value_compares_its_strings_and_their_case(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.present("note", "TXT", '"two  words" "second string"')
    assert primary.rcode(update) == "NXRRSET"


def test_a_target_by_value_compares_without_regard_to_case(primary: DnsServer) -> None:
    update = primary.update("10.10.10.in-addr.arpa.")
    update.present("1", "PTR", "DMA-Main.Example.TEST.")
    assert primary.rcode(update) == "NOERROR"


def test_prerequisites_alone_change_nothing(primary: DnsServer) -> None:
    before = primary.serial(ZONE)
    update = primary.update(ZONE)
    update.present("dma-main")
    primary.send(update)
    assert primary.serial(ZONE) == before


def test_an_unmet_prerequisite_stops_the_update(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.present("dma-backup", "A", "10.10.10.7")
    update.add("dma-backup", 60, "A", "10.10.10.5")
    assert primary.rcode(update) == "NXRRSET"
    assert primary.records_of("dma-backup") == {"60 A 10.10.10.2"}


def test_the_first_unmet_prerequisite_is_the_answer(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.absent("dma-main", "A")
    update.present("nobody")
    assert primary.rcode(update) == "YXRRSET"


def test_values_are_compared_after_all_other_prerequisites(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.present("dma-main", "A", "10.10.10.9")
    update.present("nobody")
    assert primary.rcode(update) == "NXDOMAIN"


def test_an_update_that_was_applied_already_answers_nxrrset(primary: DnsServer) -> None:
    answers = []
    for _ in range(2):
        update = primary.update(ZONE)
        update.present("dma-main", "A", "10.10.10.1", "10.10.10.5")
        update.delete("dma-main", "A", "10.10.10.5")
        update.add("dma-backup", 60, "A", "10.10.10.5")
        answers.append(primary.rcode(update))
    assert answers == ["NOERROR", "NXRRSET"]


def test_a_value_with_a_ttl_answers_formerr(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.present("dma-main", dns.rdataset.from_text("IN", "A", 60, "10.10.10.1", "10.10.10.5"))
    assert primary.rcode(update) == "FORMERR"


def test_a_name_in_use_with_a_ttl_answers_formerr(primary: DnsServer) -> None:
    update = dns.update.UpdateMessage(ZONE)
    update.present("dma-main")
    wire = update.to_wire()
    with_ttl = wire[:-6] + (60).to_bytes(4) + wire[-2:]
    answer = primary.send_wire(sign_wire(with_ttl, primary.key, time_s=int(time.time())))
    assert answer.rcode() == dns.rcode.FORMERR


def test_a_name_outside_of_the_zone_answers_notzone(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.absent("notexample.test.")
    assert primary.rcode(update) == "NOTZONE"


def test_a_prerequisite_of_another_class_answers_formerr(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.prerequisite.append(dns.rrset.from_text("note.example.test.", 0, "CH", "TXT", "text"))
    assert primary.rcode(update) == "FORMERR"
