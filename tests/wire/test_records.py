"""Values go to the wire and come back as they were."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import dns.rdata
import dns.rrset
import pytest
from dns.rdataclass import RdataClass
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.TXT import TXT
from hypothesis import given
from hypothesis import strategies as st

from failover_dns.core.model import Key, RRset, Type, Value
from failover_dns.wire.records import to_name, to_rdata, to_rrset, to_value

LABELS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=20)
NAMES = st.lists(LABELS, min_size=1, max_size=5).map(lambda labels: ".".join(labels) + ".")
TEXTS = st.text(st.characters(min_codepoint=35, max_codepoint=126), min_size=1, max_size=60)


def over_the_wire(kind: Type, value: Value) -> Value:
    rdata = to_rdata(kind, value)
    octets = rdata.to_wire()
    assert octets is not None
    return to_value(kind, dns.rdata.from_wire(RdataClass.IN, rdata.rdtype, octets, 0, len(octets)))


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_comes_back(address: IPv4Address) -> None:
    assert over_the_wire(Type.A, address) == address


@given(st.ip_addresses(v=6))
def test_an_ipv6_address_comes_back(address: IPv6Address) -> None:
    assert over_the_wire(Type.AAAA, address) == address


@pytest.mark.parametrize("kind", [Type.PTR, Type.CNAME])
@given(name=NAMES)
def test_a_name_comes_back(kind: Type, name: str) -> None:
    assert over_the_wire(kind, name) == name
    assert to_name(name).to_text() == name


@given(TEXTS)
def test_a_text_comes_back(text: str) -> None:
    assert over_the_wire(Type.TXT, text) == text


def test_a_name_comes_back_in_lower_case() -> None:
    rdata = dns.rdata.from_text(RdataClass.IN, RdataType.PTR, "DMA-Main.Example.TEST.")
    assert to_value(Type.PTR, rdata) == "dma-main.example.test."


def test_a_text_of_several_strings_is_told_from_one_of_the_same_letters() -> None:
    rdata = dns.rdata.from_text(RdataClass.IN, RdataType.TXT, '"epoch=1 " "by=x"')
    assert to_value(Type.TXT, rdata) == '"epoch=1 " "by=x"'


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=3))
def test_every_text_record_goes_out_as_it_came_in(strings: list[bytes]) -> None:
    rdata = TXT(RdataClass.IN, RdataType.TXT, strings)
    assert to_rdata(Type.TXT, to_value(Type.TXT, rdata)) == rdata


def test_a_text_that_is_not_utf8_is_still_read() -> None:
    rdata = dns.rdata.from_text(RdataClass.IN, RdataType.TXT, r'"\255x"')
    assert to_value(Type.TXT, rdata) == r'"\255x"'


def test_nothing_found_is_proved_absent() -> None:
    key = Key("a.x.", Type.A)
    assert to_rrset(key, None) == RRset(key=key)


def test_an_rrset_keeps_its_ttl() -> None:
    found = dns.rrset.from_text("a.x.", 77, "IN", "AAAA", "2001:db8::1")
    key = Key("a.x.", Type.AAAA)
    assert to_rrset(key, found) == RRset(key=key, values=frozenset({ip_address("2001:db8::1")}), ttl_s=77)
