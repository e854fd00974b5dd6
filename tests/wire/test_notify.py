"""NOTIFY: who may give a hint, what it says, and that nobody else gains by asking."""

from __future__ import annotations

import time
from ipaddress import ip_address, ip_network

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rrset
import dns.tsig
import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover_dns.wire.keys import tsig_key
from failover_dns.wire.notify import MAX_OCTETS, Allowed, Ignored, Keys, Notified, Reason, hear_notify
from tests.servers.client import sign_wire
from tests.wire.answers import KEY, OTHER_SECRET, SECRET

MASTER = ip_address("10.10.10.53")
KEYS = {KEY.name: KEY}
FROM_BIND = bytes.fromhex(
    "dc7724000001000100000000"
    "076578616d706c6504746573740000060001"
    "c00c00060001000000000026026e73c00c0a686f73746d6173746572c00c"
    "0000000200000e1000000258000151800000001e"
)
A_RECORD = bytes.fromhex("c00c0001000100000000000401020304")


def notify(zone: str = "example.test.", kind: str = "SOA", rdclass: str = "IN") -> dns.message.Message:
    message = dns.message.make_query(zone, kind, rdclass, flags=dns.flags.AA)
    message.set_opcode(dns.opcode.NOTIFY)
    return message


def signed(message: dns.message.Message | None = None, key: dns.tsig.Key = KEY) -> bytes:
    message = message or notify()
    message.use_tsig(key)
    return message.to_wire()


def hear(wire: bytes, *, keys: Keys = KEYS, allowed: Allowed = frozenset({MASTER})) -> Notified | Ignored:
    return hear_notify(wire, MASTER, keys=keys, allowed=allowed)


def hear_stranger(wire: bytes) -> Notified | Ignored:
    return hear(wire, allowed=frozenset())


def ignored(found: Notified | Ignored, reason: Reason) -> dns.message.Message:
    """Return the answer to what was ignored for that reason, signature unverified."""
    assert isinstance(found, Ignored)
    assert found.reason is reason
    assert found.answer is not None
    return dns.message.from_wire(found.answer, keyring=False)


def rcode(message: dns.message.Message) -> str:
    return dns.rcode.to_text(message.rcode())


def tsig_error(message: dns.message.Message) -> tuple[int, bytes]:
    assert message.tsig is not None
    return int(message.tsig[0].error), message.tsig[0].mac


def with_counts(*counts: int, rest: bytes) -> bytes:
    return FROM_BIND[:4] + b"".join(count.to_bytes(2) for count in counts) + rest


def test_what_bind_sends_is_heard_and_answered_as_it_came_with_qr_set() -> None:
    assert hear(FROM_BIND) == Notified(
        zone="example.test.",
        serial=2,
        answer=bytes.fromhex("dc77a4000001000000000000076578616d706c6504746573740000060001"),
    )


def test_a_signed_notify_from_anywhere_is_heard_and_its_answer_is_signed() -> None:
    message = notify()
    found = hear_stranger(signed(message))
    assert isinstance(found, Notified)
    answer = dns.message.from_wire(found.answer, keyring=KEY, request_mac=message.mac)
    assert (found.zone, found.serial, rcode(answer)) == ("example.test.", None, "NOERROR")
    assert message.is_response(answer)


@pytest.mark.parametrize("algorithm", ["hmac-sha256", "hmac-sha384", "hmac-sha512"])
def test_every_algorithm_that_we_offer_verifies(algorithm: str) -> None:
    key = tsig_key("Another-Key.", SECRET, algorithm)
    found = hear(signed(key=key), keys={key.name: key}, allowed=frozenset())
    assert isinstance(found, Notified)


@pytest.mark.parametrize(
    ("peer", "heard"),
    [
        ("10.10.10.53", True),
        ("10.10.10.54", False),
        ("10.20.0.7", True),
        ("10.21.0.7", False),
        ("2001:db8::53", True),
        ("2001:db8::54", False),
        ("2001:db8:1::7", True),
    ],
)
def test_an_unsigned_notify_is_heard_from_a_configured_address_or_network(peer: str, heard: bool) -> None:  # noqa: FBT001 - a column of the table
    allowed = frozenset(
        {MASTER, ip_address("2001:db8::53"), ip_network("10.20.0.0/16"), ip_network("2001:db8:1::/48")}
    )
    found = hear_notify(FROM_BIND, ip_address(peer), keys={}, allowed=allowed)
    assert isinstance(found, Notified) is heard


def test_an_unsigned_notify_from_another_address_is_refused() -> None:
    answer = ignored(hear_stranger(FROM_BIND), Reason.STRANGER)
    assert (rcode(answer), answer.id, answer.had_tsig) == ("REFUSED", 0xDC77, False)
    assert answer.question == notify().question


def test_the_zone_is_canonical_whatever_its_case() -> None:
    found = hear(notify("ExAmPlE.TEST.").to_wire())
    assert isinstance(found, Notified)
    assert found.zone == "example.test."
    assert b"\x07ExAmPlE\x04TEST\x00" in found.answer


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        (".", "."),
        (r"with\.dot.test.", r"with\.dot.test."),
        (r"\000\010\255.test.", r"\000\010\255.test."),
        ("0/25.2.0.192.in-addr.arpa.", "0/25.2.0.192.in-addr.arpa."),
    ],
)
def test_an_odd_name_stays_one_line_of_text(zone: str, text: str) -> None:
    found = hear(notify(zone).to_wire())
    assert isinstance(found, Notified)
    assert found.zone == text


def test_the_serial_is_told_in_any_case_and_beside_a_signature() -> None:
    message = notify("EXAMPLE.test.")
    message.answer.append(dns.rrset.from_text("example.TEST.", 0, "IN", "SOA", "ns. h. 4294967295 1 2 3 4"))
    found = hear_stranger(signed(message))
    assert isinstance(found, Notified)
    assert found.serial == 4294967295


@pytest.mark.parametrize(
    ("owner", "kind", "text"),
    [("other.test.", "SOA", "ns. h. 7 1 2 3 4"), ("example.test.", "A", "192.0.2.1")],
)
def test_an_answer_section_about_something_else_tells_no_serial(owner: str, kind: str, text: str) -> None:
    message = notify()
    message.answer.append(dns.rrset.from_text(owner, 0, "IN", kind, text))
    found = hear(message.to_wire())
    assert isinstance(found, Notified)
    assert found.serial is None


def test_edns_and_records_that_are_not_for_us_are_passed_over() -> None:
    message = notify()
    message.use_edns(0, payload=1232)
    message.authority.append(dns.rrset.from_text("example.test.", 0, "IN", "NS", "ns.example.test."))
    assert isinstance(hear(message.to_wire()), Notified)
    assert isinstance(hear_stranger(signed(message)), Notified)


def test_a_signature_with_another_secret_is_refused_unsigned() -> None:
    answer = ignored(hear(signed(key=OTHER_SECRET)), Reason.BAD_SIGNATURE)
    assert (rcode(answer), tsig_error(answer)) == ("NOTAUTH", (16, b""))


@pytest.mark.parametrize(
    "key",
    [tsig_key("unknown-key.", SECRET, "hmac-sha256"), tsig_key("failover-key.", SECRET, "hmac-sha512")],
    ids=["another name", "another algorithm"],
)
def test_a_signature_with_a_key_that_is_not_configured_is_refused_unsigned(key: dns.tsig.Key) -> None:
    answer = ignored(hear(signed(key=key)), Reason.BAD_KEY)
    assert (rcode(answer), tsig_error(answer)) == ("NOTAUTH", (17, b""))


def test_a_key_under_another_name_than_its_own_does_not_verify() -> None:
    found = hear(signed(), keys={KEY.name: tsig_key("unknown-key.", SECRET, "hmac-sha256")})
    ignored(found, Reason.BAD_KEY)


def test_a_wrong_signature_is_refused_from_a_configured_address_too() -> None:
    tampered = signed().replace(b"\x07example", b"\x07elpmaxe")
    ignored(hear(tampered), Reason.BAD_SIGNATURE)


@pytest.mark.parametrize("ahead_by_s", [-400, 400])
def test_a_signature_out_of_time_is_answered_with_our_time_and_signed(ahead_by_s: int) -> None:
    time_s = int(time.time()) + ahead_by_s
    wire = sign_wire(notify().to_wire(), KEY, time_s=time_s)
    request = dns.message.from_wire(wire, keyring=False)
    answer = ignored(hear_stranger(wire), Reason.BAD_TIME)
    assert answer.tsig is not None
    assert answer.tsig[0].time_signed == time_s
    assert abs(int.from_bytes(answer.tsig[0].other) - time.time()) < 60
    with pytest.raises(dns.tsig.PeerBadTime):
        dns.message.from_wire(answer.wire or b"", keyring=KEY, request_mac=request.mac)
    assert (rcode(answer), tsig_error(answer)[0]) == ("NOTAUTH", 18)


def test_the_answer_to_a_signature_out_of_time_has_a_mac_of_its_own() -> None:
    # RFC 8945 5.2.3: or the sender could not believe the time in it.
    wire = sign_wire(notify().to_wire(), KEY, time_s=int(time.time()) - 400)
    answer = ignored(hear(wire), Reason.BAD_TIME)
    error, mac = tsig_error(answer)
    assert (error, len(mac)) == (18, 32)


@pytest.mark.parametrize(
    ("kind", "rdclass"), [("A", "IN"), ("CDS", "IN"), ("ANY", "IN"), ("SOA", "CH"), ("SOA", "ANY")]
)
def test_another_question_is_not_implemented(kind: str, rdclass: str) -> None:
    message = notify(kind=kind, rdclass=rdclass)
    answer = ignored(hear(message.to_wire()), Reason.OTHER_QUESTION)
    assert (rcode(answer), answer.had_tsig) == ("NOTIMP", False)
    wire = signed(message)
    found = hear_stranger(wire)
    assert isinstance(found, Ignored)
    answer = dns.message.from_wire(found.answer or b"", keyring=KEY, request_mac=message.mac)
    assert (rcode(answer), answer.had_tsig) == ("NOTIMP", True)


@pytest.mark.parametrize("opcode", [0, 1, 2, 3, 5, 6, 15])
def test_another_opcode_is_not_implemented_and_answered_by_a_header(opcode: int) -> None:
    flags = 0x0100 | opcode << 11
    found = hear_stranger(FROM_BIND[:2] + flags.to_bytes(2) + FROM_BIND[4:])
    answer = b"\xdc\x77" + (0x8104 | opcode << 11).to_bytes(2) + bytes(8)
    assert found == Ignored(reason=Reason.NO_NOTIFY, answer=answer)


def test_a_response_is_never_answered() -> None:
    response = dns.message.make_response(notify())
    assert hear(response.to_wire()) == Ignored(reason=Reason.NO_REQUEST)


@pytest.mark.parametrize("octets", [0, 1, 11])
def test_less_than_a_header_is_never_answered(octets: int) -> None:
    assert hear(FROM_BIND[:octets]) == Ignored(reason=Reason.NO_REQUEST)


def test_a_giant_message_is_never_answered() -> None:
    longest = FROM_BIND.ljust(MAX_OCTETS, b"\0")
    assert hear_stranger(longest) == Ignored(reason=Reason.UNREADABLE)
    assert hear(longest + b"\0") == Ignored(reason=Reason.TOO_LONG)
    assert hear(signed().ljust(65_535, b"\0")) == Ignored(reason=Reason.TOO_LONG)


@pytest.mark.parametrize(
    "wire",
    [
        FROM_BIND[:12],
        FROM_BIND[:-1],
        FROM_BIND + b"\0",
        with_counts(0, 0, 0, 0, rest=b""),
        with_counts(2, 0, 0, 0, rest=2 * FROM_BIND[12:30]),
        with_counts(1, 0, 0, 0, rest=b"\xc0\x0c" + FROM_BIND[26:30]),
        with_counts(1, 0, 0, 0, rest=b"\xc0\x04" + FROM_BIND[26:30]),
        with_counts(1, 0, 0, 0, rest=b"\x40" + FROM_BIND[13:30]),
        with_counts(1, 1, 0, 0, rest=FROM_BIND[12:30] + bytes.fromhex("c00c000600010000000000020000")),
        with_counts(1, 65_535, 65_535, 65_535, rest=FROM_BIND[12:30] + A_RECORD),
    ],
    ids=[
        "no question",
        "cut",
        "more behind it",
        "no questions",
        "two questions",
        "a name that points at itself",
        "a name that points into the header",
        "a label of an unknown kind",
        "an SOA of two octets",
        "fewer records than counted",
    ],
)
def test_what_cannot_be_read_is_a_format_error_told_to_masters_only(wire: bytes) -> None:
    answer = ignored(hear(wire), Reason.UNREADABLE)
    assert (rcode(answer), answer.question) == ("FORMERR", [])
    assert hear_stranger(wire) == Ignored(reason=Reason.UNREADABLE)


def signature() -> bytes:
    return signed()[len(notify().to_wire()) :]


@pytest.mark.parametrize(
    "wire",
    [
        with_counts(1, 1, 0, 0, rest=FROM_BIND[12:30] + signature()),
        with_counts(1, 0, 1, 0, rest=FROM_BIND[12:30] + signature()),
        with_counts(1, 0, 0, 2, rest=FROM_BIND[12:30] + signature() + A_RECORD),
        with_counts(1, 0, 0, 2, rest=FROM_BIND[12:30] + 2 * signature()),
        with_counts(1, 0, 0, 1, rest=FROM_BIND[12:30] + signature().replace(b"\x00\xff", b"\x00\x01", 1)),
        signed()[:-3] + b"\x10\x00\x00",
    ],
    ids=[
        "in the answer section",
        "in the authority section",
        "not the last",
        "two",
        "of class IN",
        "with an error already",
    ],
)
def test_a_signature_that_is_not_as_it_must_be_is_a_format_error(wire: bytes) -> None:
    ignored(hear(wire), Reason.UNREADABLE)


def test_a_replayed_notify_is_heard_again() -> None:
    wire = signed()
    assert [type(hear_stranger(wire)) for _ in range(2)] == [Notified, Notified]


def test_an_answer_that_would_be_longer_goes_without_its_signature() -> None:
    # The key's name points at the question's: told in full it would be 240 octets more than was sent.
    zone = ".".join(["a" * 59] * 4) + "."
    plain = notify(zone).to_wire()
    unsigned_record = signature().removeprefix(KEY.name.to_wire() or b"")
    wire = plain[:10] + b"\x00\x01" + plain[12:] + b"\xc0\x0c" + unsigned_record
    answer = ignored(hear_stranger(wire), Reason.BAD_KEY)
    assert (rcode(answer), answer.had_tsig) == ("NOTAUTH", False)
    assert answer.question[0].name == dns.name.from_text(zone)


def mutated() -> st.SearchStrategy[bytes]:
    """Messages with a few octets changed, cut or added."""
    originals = st.sampled_from([KEY, OTHER_SECRET]).map(lambda key: signed(key=key)) | st.just(FROM_BIND)
    changes = st.lists(st.tuples(st.integers(0, 250), st.binary(max_size=3), st.integers(0, 3)), max_size=4)

    def change(original: bytes, places: list[tuple[int, bytes, int]]) -> bytes:
        for at, octets, gone in places:
            original = original[:at] + octets + original[at + gone :]
        return original

    return st.builds(change, originals, changes)


def after_a_header() -> st.SearchStrategy[bytes]:
    """Messages with the header of a NOTIFY and anything behind it."""
    counts = st.lists(st.sampled_from([b"\0\0", b"\0\1"]), min_size=3, max_size=3).map(b"".join)
    return st.builds(
        lambda sections, rest: b"\x12\x34\x20\0\0\1" + sections + rest, counts, st.binary(max_size=300)
    )


@given(
    wire=st.binary(max_size=600) | mutated() | after_a_header(),
    allowed=st.sampled_from([frozenset({MASTER}), frozenset()]),
)
def test_whatever_comes_never_raises_and_without_a_key_nobody_gets_more_than_was_sent(
    wire: bytes, allowed: Allowed
) -> None:
    found = hear(wire, allowed=allowed)
    if found.answer is None:
        return
    answer = dns.message.from_wire(found.answer, keyring=False)
    assert found.answer[:2] == wire[:2]
    assert answer.flags & dns.flags.QR
    if not answer.had_tsig or tsig_error(answer)[0] in {16, 17}:
        assert len(found.answer) <= len(wire)


@given(mutated())
def test_no_changed_message_is_heard_under_another_name(wire: bytes) -> None:
    found = hear_stranger(wire)
    assert not isinstance(found, Notified) or found.zone == "example.test."
