"""Answers as a primary would make them, made with dnspython's server side."""

from __future__ import annotations

import io
from ipaddress import ip_address
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import dns.tsig
import dns.update
from dns.rdataclass import RdataClass
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.TSIG import TSIG

from failover_dns.core.model import Change, Key, Record, RRset, Type
from failover_dns.wire.keys import tsig_key
from failover_dns.wire.sign import sign
from failover_dns.wire.update import build

SECRET = b"thirty-two octets of good secret"
KEY = tsig_key("failover-key.", SECRET, "hmac-sha256")
OTHER_SECRET = tsig_key("failover-key.", b"another secret, as long as that.", "hmac-sha256")
FUDGE_S = 300

MAIN = Key("dma-main.example.test.", Type.A)
CHANGE = Change(
    zone="example.test.",
    before=(RRset(key=MAIN, values=frozenset({ip_address("10.10.10.1"), ip_address("10.10.10.5")})),),
    removes=(Record(MAIN, ip_address("10.10.10.5")),),
)


def sent_update() -> tuple[dns.update.UpdateMessage, bytes]:
    """Return an update as it was sent, and its octets."""
    message = build(CHANGE)
    return message, sign(message, KEY)


def answer(
    wire: bytes,
    *rrsets: dns.rrset.RRset,
    rcode: dns.rcode.Rcode = dns.rcode.NOERROR,
    flags: dns.flags.Flag = dns.flags.AA,
    signer: dns.tsig.Key | None = KEY,
) -> bytes:
    """Answer the request `wire`, signed by `signer` over the request's MAC, or unsigned."""
    response = blank_response(wire, rcode)
    response.flags |= flags
    response.answer.extend(rrsets)
    return response.to_wire() if signer is None else signed(wire, response, signer)


def signed(wire: bytes, response: dns.message.Message, signer: dns.tsig.Key = KEY) -> bytes:
    """Return `response` signed as an answer to the request `wire`."""
    response.use_tsig(signer)
    response.request_mac = _mac(wire)
    return response.to_wire()


def refuse_signature(
    wire: bytes, error: int, *, rcode: dns.rcode.Rcode = dns.rcode.NOTAUTH, other: bytes = b""
) -> bytes:
    """Answer with a TSIG that carries an error and no MAC (RFC 8945 5.3.2)."""
    response = blank_response(wire, rcode)
    signature = cast("TSIG", _signature(wire)[0]).replace(mac=b"", error=error, other=other)
    return append_signature(response.to_wire(), KEY, cast("TSIG", signature))


def echo(wire: bytes, rcode: dns.rcode.Rcode) -> bytes:
    """Send the request back with QR and an rcode set, under the request's own MAC, as Samba does."""
    flags = int.from_bytes(wire[2:4]) | dns.flags.QR | rcode
    return wire[:2] + flags.to_bytes(2) + wire[4:]


def sign_at(wire: bytes, response: dns.message.Message, *, time_s: int) -> bytes:
    """Sign `response` as an answer to the request `wire` by a server whose clock shows `time_s`."""
    blank = TSIG(  # type: ignore[no-untyped-call]  # dnspython leaves it untyped
        RdataClass.ANY, RdataType.TSIG, KEY.algorithm, 0, FUDGE_S, b"", response.id, 0, b""
    )
    octets = response.to_wire()
    rdata, _ = dns.tsig.sign(  # type: ignore[no-untyped-call]  # the same
        octets, KEY, blank, time=time_s, request_mac=_mac(wire)
    )
    return append_signature(octets, KEY, rdata)


def blank_response(wire: bytes, rcode: dns.rcode.Rcode = dns.rcode.NOERROR) -> dns.message.Message:
    """Return the unsigned response to the request `wire`."""
    request = dns.message.from_wire(wire, keyring=False)
    response = dns.message.make_response(request)
    response.set_rcode(rcode)
    return response


def append_signature(wire: bytes, key: dns.tsig.Key, rdata: TSIG) -> bytes:
    """Return the octets with a TSIG record at their end."""
    record = io.BytesIO()
    dns.rrset.from_rdata(key.name, 0, rdata).to_wire(record)
    additional = int.from_bytes(wire[10:12]) + 1
    return wire[:10] + additional.to_bytes(2) + wire[12:] + record.getvalue()


def _signature(wire: bytes) -> dns.rrset.RRset:
    found = dns.message.from_wire(wire, keyring=False).tsig
    assert found is not None
    return found


def _mac(wire: bytes) -> bytes:
    mac: bytes = cast("TSIG", _signature(wire)[0]).mac
    return mac
