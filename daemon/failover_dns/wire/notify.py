"""Hearing that a zone has changed (DNS NOTIFY, RFC 1996), signed (RFC 8945) or from a configured address.

A NOTIFY is only a hint to look again: nothing in it is believed, so one that is replayed, or forged under a
configured address, costs a look. Listening must not harm others: nothing that has QR set, no whole header or
too many octets is answered, nor what cannot be read and comes from a stranger; and who has not proved to have
a key gets no answer that is longer than the message.

Messages are read here as far as it takes, and not by the library: whole ones can cost it seconds each, which
a stranger could ask for.
"""

from __future__ import annotations

import io
import struct
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import cast

import dns.exception
import dns.flags
import dns.name
import dns.opcode
import dns.rdata
import dns.rrset
import dns.tsig
from dns.rcode import Rcode
from dns.rdataclass import RdataClass
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.TSIG import TSIG

from failover_dns.core.model import Address

MAX_OCTETS = 2048
"""Of a message: a question, an SOA and a TSIG with the longest names there are take 1,500."""

FUDGE_S = 300
"""By how much clocks may differ, as RFC 8945 section 10 recommends."""

HEADER = struct.Struct("!6H")  # id, flags, the sections' counts (RFC 1035 4.1.1)
FIXED = struct.Struct("!HHIH")  # of a record, after its name: type, class, TTL, length (RFC 1035 4.1.3)
SOA_NUMBERS = struct.Struct("!5I")  # the end of an SOA, from its serial on (RFC 1035 3.3.13)
OPCODE_BITS = 0x7800
POINTER = 0xC0  # RFC 1035 4.1.4

NOTIFY = dns.opcode.to_flags(dns.opcode.NOTIFY)

Keys = Mapping[dns.name.Name, dns.tsig.Key]
Allowed = Collection[Address | IPv4Network | IPv6Network]


class Reason(StrEnum):
    """Why a message is no hint."""

    NO_REQUEST = "it is no request"
    TOO_LONG = "it is longer than any NOTIFY"
    NO_NOTIFY = "it is a request, but no NOTIFY"
    UNREADABLE = "it cannot be read as a NOTIFY"
    BAD_KEY = "it is signed with a key that is not configured here, or with another algorithm"
    BAD_SIGNATURE = "its signature does not verify: the secrets differ, or it was changed on its way"
    BAD_TIME = "its signature is out of time: one of both clocks is wrong, or it was sent again"
    STRANGER = "it is not signed, and its sender is not configured"
    OTHER_QUESTION = "it is about something else than the SOA of a zone of class IN"


TSIG_ERRORS = {
    Reason.BAD_KEY: Rcode.BADKEY,
    Reason.BAD_SIGNATURE: Rcode.BADSIG,
    Reason.BAD_TIME: Rcode.BADTIME,
}

PROVED = {None, Reason.BAD_TIME}
"""What may be wrong with a signature that was made with the key: then the answer is signed, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notified:
    """A hint that `zone` has changed. `serial` is what the sender says it is now, if it says so."""

    zone: str
    serial: int | None
    answer: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A message that is no hint, and what to answer; None means nothing."""

    reason: Reason
    answer: bytes | None = None


def hear_notify(wire: bytes, peer: Address, *, keys: Keys, allowed: Allowed) -> Notified | Ignored:
    """Return what a message from `peer` hints at; never raises, whatever it holds.

    It counts if it is signed with one of `keys`, or unsigned and sent from a place that is `allowed`.
    """
    if len(wire) < HEADER.size or _flags(wire) & dns.flags.QR:
        return Ignored(reason=Reason.NO_REQUEST)
    if len(wire) > MAX_OCTETS:
        return Ignored(reason=Reason.TOO_LONG)
    if _flags(wire) & OPCODE_BITS != NOTIFY:
        return Ignored(reason=Reason.NO_NOTIFY, answer=_bare(wire, Rcode.NOTIMP))
    known = _is_among(peer, allowed)
    try:
        message = _read(wire, keys)
    except Exception:  # noqa: BLE001 - the library raises many kinds for what a network can bring
        return Ignored(reason=Reason.UNREADABLE, answer=_bare(wire, Rcode.FORMERR) if known else None)
    return _judge(message, known=known)


@dataclass(frozen=True, slots=True)
class _Record:
    """Where a record stands in its message: it starts, its data begin, they end."""

    start: int
    data: int
    end: int
    type: int
    rdclass: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signature:
    """A message's TSIG, the key of ours that it names, and what is wrong with it."""

    owner: dns.name.Name
    rdata: TSIG
    key: dns.tsig.Key | None
    error: Reason | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    """A NOTIFY with one question, whoever sent it."""

    wire: bytes
    zone: dns.name.Name
    type: int
    rdclass: int
    question_end: int
    serial: int | None
    signature: _Signature | None


def _judge(message: _Message, *, known: bool) -> Notified | Ignored:
    signature = message.signature
    if signature is None and not known:
        return Ignored(reason=Reason.STRANGER, answer=_answer(message, Rcode.REFUSED))
    if signature is not None and signature.error is not None:
        return Ignored(reason=signature.error, answer=_answer(message, Rcode.NOTAUTH))
    if (message.type, message.rdclass) != (RdataType.SOA, RdataClass.IN):
        # RFC 1996 leaves room for other types: what is not implemented is NOTIMP, as in its 3.12.
        return Ignored(reason=Reason.OTHER_QUESTION, answer=_answer(message, Rcode.NOTIMP))
    zone = message.zone.canonicalize().to_text()
    return Notified(zone=zone, serial=message.serial, answer=_answer(message, Rcode.NOERROR))


def _is_among(peer: Address, places: Allowed) -> bool:
    return any(
        peer in place if isinstance(place, IPv4Network | IPv6Network) else peer == place for place in places
    )


def _flags(wire: bytes) -> int:
    return int.from_bytes(wire[2:4])


def _read(wire: bytes, keys: Keys) -> _Message:
    """Return the message; raises many kinds for what is none."""
    _, _, questions, answers, authorities, additionals = HEADER.unpack_from(wire)
    zone, octets = dns.name.from_wire(wire, HEADER.size)
    if questions != 1 or octets != len(zone.to_digestable()):
        raise dns.exception.FormError  # nothing but the header stands before it that a name could point at
    question_end = HEADER.size + octets + 4
    kind, rdclass = struct.unpack_from("!HH", wire, question_end - 4)
    records = _records(wire, question_end, answers + authorities + additionals)
    if any(record.type == RdataType.TSIG for record in records[: -1 if additionals else None]):
        raise dns.exception.FormError  # RFC 8945 5.1: the last one of the additional section
    return _Message(
        wire=wire,
        zone=zone,
        type=kind,
        rdclass=rdclass,
        question_end=question_end,
        serial=_serial(wire, zone, records[0]) if answers else None,
        signature=_verify(wire, records[-1], keys) if additionals else None,
    )


def _records(wire: bytes, at: int, count: int) -> list[_Record]:
    """Return where the records are; they must fill the message."""
    found = []
    for _ in range(count):
        start, fixed = at, _after_name(wire, at)
        kind, rdclass, _, length = FIXED.unpack_from(wire, fixed)
        at = fixed + FIXED.size + length
        found.append(_Record(start, at - length, at, kind, rdclass))
    if at != len(wire):
        raise dns.exception.FormError
    return found


def _after_name(wire: bytes, at: int) -> int:
    while size := wire[at]:
        if size >= POINTER:
            return at + 2
        at += 1 + size
    return at + 1


def _serial(wire: bytes, zone: dns.name.Name, record: _Record) -> int | None:
    """Return the serial in the answer section's SOA, if that is what it begins with."""
    is_soa = (record.type, record.rdclass) == (RdataType.SOA, RdataClass.IN)
    if not is_soa or dns.name.from_wire(wire, record.start)[0] != zone:
        return None
    serial: int = SOA_NUMBERS.unpack(wire[record.data : record.end][-SOA_NUMBERS.size :])[0]
    return serial


def _verify(wire: bytes, record: _Record, keys: Keys) -> _Signature | None:
    """Return the signature, if the last record is one, and what is wrong with it (RFC 8945 5.2)."""
    if record.type != RdataType.TSIG:
        return None
    if record.rdclass != RdataClass.ANY:
        raise dns.exception.FormError  # RFC 8945 4.2
    owner, _ = dns.name.from_wire(wire, record.start)
    octets = record.end - record.data
    rdata = cast("TSIG", dns.rdata.from_wire(RdataClass.ANY, RdataType.TSIG, wire, record.data, octets))
    key = keys.get(owner)
    error = Reason.BAD_KEY if key is None else _error(wire, record, owner, rdata, key)
    return _Signature(owner=owner, rdata=rdata, key=key, error=error)


def _error(
    wire: bytes, record: _Record, owner: dns.name.Name, rdata: TSIG, key: dns.tsig.Key
) -> Reason | None:
    try:
        dns.tsig.validate(  # type: ignore[no-untyped-call]  # dnspython leaves it untyped
            wire, key, owner, rdata, int(time.time()), b"", record.start
        )
    except (dns.tsig.BadKey, dns.tsig.BadAlgorithm):
        return Reason.BAD_KEY
    except dns.tsig.BadSignature:
        return Reason.BAD_SIGNATURE
    except dns.tsig.BadTime:
        return Reason.BAD_TIME
    return None


def _answer(message: _Message, rcode: Rcode) -> bytes:
    """Answer with the question, by which some masters know it (RFC 1996 3.6), signed if the message was."""
    plain = _bare(message.wire, rcode, questions=1) + message.wire[HEADER.size : message.question_end]
    signature = message.signature
    if signature is None:
        return plain
    signed = _signed(plain, signature)
    return signed if signature.error in PROVED or len(signed) <= len(message.wire) else plain


def _signed(plain: bytes, signature: _Signature) -> bytes:
    """Sign an answer; a bad key or signature is told without a MAC (RFC 8945 5.3.2)."""
    theirs, now_s = signature.rdata, int(time.time())
    code = TSIG_ERRORS[signature.error] if signature.error else Rcode.NOERROR
    ours = theirs.replace(mac=b"", other=b"", fudge=FUDGE_S, error=code)
    time_s = now_s
    if signature.error is Reason.BAD_TIME:
        # RFC 8945 5.2.3: signed as of the sender's time, or it would refuse that too; ours goes beside it.
        ours, time_s = ours.replace(other=now_s.to_bytes(6)), theirs.time_signed
    if signature.error in PROVED:
        ours, _ = dns.tsig.sign(  # type: ignore[no-untyped-call]  # dnspython leaves it untyped
            plain, signature.key, ours, time_s, theirs.mac
        )
    record = io.BytesIO()
    dns.rrset.from_rdata(signature.owner, 0, ours).to_wire(record)
    return plain[:10] + (1).to_bytes(2) + plain[12:] + record.getvalue()


def _bare(wire: bytes, rcode: Rcode, *, questions: int = 0) -> bytes:
    """Answer with a header alone, or one for what follows: as it came, with QR set (RFC 1996 4.7)."""
    kept = _flags(wire) & (OPCODE_BITS | dns.flags.AA | dns.flags.RD)
    return HEADER.pack(int.from_bytes(wire[:2]), dns.flags.QR | kept | rcode, questions, 0, 0, 0)
