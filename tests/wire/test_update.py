"""Updates as octets: prerequisites by the letter of RFC 2136, removals first, every attempt anew."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import dns.flags
import dns.message
import dns.opcode
import dns.rdatatype
import dns.update
import pytest
from dns.rdataclass import RdataClass
from hypothesis import given
from hypothesis import strategies as st

from failover_dns.core.model import Change, Key, Record, RRset, Type
from failover_dns.wire.keys import tsig_key
from failover_dns.wire.sign import sign
from failover_dns.wire.update import build, prove, prove_creation, prove_grant

MAIN = Key("main.x.", Type.A)
BACKUP = Key("backup.x.", Type.A)
VIRTUAL = IPv4Address("10.10.10.5")
SWITCH = Change(
    zone="x.",
    before=(
        RRset(key=BACKUP),
        RRset(key=MAIN, values=frozenset({IPv4Address("10.10.10.1"), VIRTUAL}), ttl_s=3600),
    ),
    removes=(Record(MAIN, VIRTUAL),),
    adds=(Record(BACKUP, VIRTUAL),),
    ttl_s=60,
)


def test_a_switch_is_these_octets() -> None:
    message = build(SWITCH)
    message.id = 0x1234
    assert message.to_wire() == bytes.fromhex(
        "1234 2800 0001 0003 0002 0000"  # UPDATE; one zone, three prerequisites, two changes, nothing more
        "0178 00 0006 0001"  # zone x. SOA IN
        "066261636b7570 c00c 0001 00fe 00000000 0000"  # backup.x. A: class NONE, TTL 0, no rdata: absent
        "046d61696e c00c 0001 0001 00000000 0004 0a0a0a01"  # main.x. A 10.10.10.1: class IN, TTL 0
        "c026 0001 0001 00000000 0004 0a0a0a05"  # main.x. A 10.10.10.5: the same
        "c026 0001 00fe 00000000 0004 0a0a0a05"  # remove main.x. A 10.10.10.5: class NONE, TTL 0
        "c013 0001 0001 0000003c 0004 0a0a0a05"  # add backup.x. A 10.10.10.5: class IN, TTL 60
    )


def test_the_octets_read_back_are_the_change() -> None:
    parsed = dns.message.from_wire(build(SWITCH).to_wire())
    assert isinstance(parsed, dns.update.UpdateMessage)
    assert parsed.opcode() == dns.opcode.UPDATE
    assert [text(rrset) for rrset in parsed.zone] == ["x. IN SOA"]
    assert [text(rrset) for rrset in parsed.prerequisite] == [
        "backup.x. NONE A",
        "main.x. 0 IN A 10.10.10.1",
        "main.x. 0 IN A 10.10.10.5",
    ]
    assert [text(rrset) for rrset in parsed.update] == [
        "main.x. 0 NONE A 10.10.10.5",
        "backup.x. 60 IN A 10.10.10.5",
    ]


def test_a_prerequisite_of_value_is_of_the_zones_class_and_forgets_the_ttl_that_was_read() -> None:
    # RFC 2136 2.4.2: class of the zone, TTL zero; a whole RRset is several such records.
    message = prove("x.", (RRset(key=MAIN, values=frozenset({VIRTUAL}), ttl_s=86_400),))
    [rrset] = dns.message.from_wire(message.to_wire()).sections[1]
    assert (rrset.deleting, rrset.rdclass, rrset.ttl, rrset[0].to_text()) == (
        None,
        RdataClass.IN,
        0,
        "10.10.10.5",
    )


def test_a_prerequisite_of_absence_is_of_class_none_with_neither_ttl_nor_value() -> None:
    # RFC 2136 2.4.3.
    parsed = dns.message.from_wire(prove("x.", (RRset(key=BACKUP),)).to_wire())
    [rrset] = parsed.sections[1]
    assert (rrset.deleting, rrset.ttl, len(rrset)) == (RdataClass.NONE, 0, 0)


def test_a_proof_changes_nothing() -> None:
    assert prove("x.", SWITCH.before).update == []


def test_values_of_every_type_go_over_the_wire() -> None:
    alias, pointer, note = Key("c.x.", Type.CNAME), Key("p.x.", Type.PTR), Key("t.x.", Type.TXT)
    six = Key("main.x.", Type.AAAA)
    change = Change(
        zone="x.",
        before=(RRset(key=six),),
        adds=(
            Record(six, IPv6Address("2001:db8::5")),
            Record(alias, "main.x."),
            Record(pointer, "main.x."),
            Record(note, 'epoch=7 by="a b"'),
        ),
        ttl_s=5,
    )
    parsed = dns.message.from_wire(build(change).to_wire())
    assert [text(rrset) for rrset in parsed.sections[2]] == [
        "main.x. 5 IN AAAA 2001:db8::5",
        "c.x. 5 IN CNAME main.x.",
        "p.x. 5 IN PTR main.x.",
        r't.x. 5 IN TXT "epoch=7 by=\"a b\""',
    ]


@pytest.mark.parametrize(
    ("rrset", "removed"),
    [
        (RRset(key=BACKUP), "backup.x. 0 NONE A 192.0.2.1"),
        (
            RRset(key=MAIN, values=frozenset({IPv4Address("192.0.2.1")}), ttl_s=60),
            "main.x. 0 NONE A 192.0.2.2",
        ),
        (RRset(key=Key("p.x.", Type.PTR)), "p.x. 0 NONE PTR nobody-1.invalid."),
        (RRset(key=Key("main.x.", Type.AAAA)), "main.x. 0 NONE AAAA 2001:db8::1"),
    ],
)
def test_a_grant_is_proved_by_removing_a_value_that_is_not_there(rrset: RRset, removed: str) -> None:
    message = prove_grant("x.", rrset)
    assert message.prerequisite == prove("x.", (rrset,)).prerequisite
    assert [text(found) for found in message.update] == [removed]


def test_the_right_to_make_a_name_is_proved_by_a_value_that_comes_and_goes_in_this_order() -> None:
    message = prove_creation("x.", RRset(key=BACKUP))
    assert message.prerequisite == prove("x.", (RRset(key=BACKUP),)).prerequisite
    assert [text(found) for found in message.update] == [
        "backup.x. 0 IN A 192.0.2.1",
        "backup.x. 0 NONE A 192.0.2.1",
    ]
    parsed = dns.message.from_wire(message.to_wire())
    assert [found.deleting for found in parsed.sections[2]] == [None, RdataClass.NONE]


ADDRESSES = st.sets(st.ip_addresses(v=4), max_size=5)


@given(before=ADDRESSES, removes=ADDRESSES, adds=ADDRESSES)
def test_removals_are_of_single_records_and_stand_before_additions(
    before: set[IPv4Address], removes: set[IPv4Address], adds: set[IPv4Address]
) -> None:
    change = Change(
        zone="x.",
        before=(RRset(key=MAIN, values=frozenset(before), ttl_s=7),),
        removes=tuple(Record(MAIN, address) for address in removes),
        adds=tuple(Record(MAIN, address) for address in adds),
    )
    parsed = dns.message.from_wire(build(change).to_wire())
    kinds = [rrset.deleting for rrset in parsed.sections[2]]
    assert kinds == [RdataClass.NONE] * len(removes) + [None] * len(adds)
    assert all(len(rrset) == 1 for rrset in parsed.sections[2])
    assert all(rrset.ttl == 0 for rrset in parsed.sections[1])
    assert {rrset[0].to_text() for rrset in parsed.sections[1] if len(rrset)} == set(map(str, before))


def test_every_attempt_is_a_message_of_its_own() -> None:
    # A retry that was signed a second time is FORMERR (external-dns 6734).
    key = tsig_key("k.", b"a secret of sixteen or more", "hmac-sha256")
    attempts = [build(SWITCH) for _ in range(5)]
    wires = [sign(message, key) for message in attempts]
    assert len({message.id for message in attempts}) > 1
    assert len({message.mac for message in attempts}) > 1
    assert [count_signatures(wire) for wire in wires] == [1] * 5


def count_signatures(wire: bytes) -> int:
    """Read the additional section's count, in which a TSIG is all there is."""
    return int.from_bytes(wire[10:12])


def text(rrset: object) -> str:
    return str(rrset)
