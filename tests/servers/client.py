"""A DNS server as the tests see it: where it listens, its keys, and short ways to ask it."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

import dns.message
import dns.query
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.rrset
import dns.tsig
import dns.update
import dns.xfr
import dns.zone
from dns.rdataclass import RdataClass
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.SOA import SOA
from dns.rdtypes.ANY.TSIG import TSIG

TIMEOUT_S = 5.0
FUDGE_S = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsServer:
    """A running server; `keys` are by algorithm: "hmac-sha256", "hmac-sha384", "hmac-sha512"."""

    host: str
    port: int
    keys: Mapping[str, dns.tsig.Key] = field(repr=False)
    kind: str

    @property
    def key(self) -> dns.tsig.Key:
        """The key for tests to which any will do."""
        return self.keys["hmac-sha256"]

    def update(self, zone: str, *, key: dns.tsig.Key | None = None) -> dns.update.UpdateMessage:
        """Begin an update of the zone, to be signed with the key, or with `self.key`."""
        return dns.update.UpdateMessage(zone, keyring=key or self.key)

    def send(self, message: dns.message.Message, *, tcp: bool = True) -> dns.message.Message:
        """Exchange a message; the answer's signature is verified if the message was signed."""
        ask = dns.query.tcp if tcp else dns.query.udp
        return ask(message, self.host, timeout=TIMEOUT_S, port=self.port)

    def send_wire(self, wire: bytes) -> dns.message.Message:
        """Exchange octets over TCP and read what can be read of the answer, signature unverified."""
        with socket.create_connection((self.host, self.port), timeout=TIMEOUT_S) as stream:
            stream.sendall(len(wire).to_bytes(2) + wire)
            with stream.makefile("rb") as answers:
                length = int.from_bytes(answers.read(2))
                return dns.message.from_wire(answers.read(length), keyring=False, continue_on_error=True)

    def rcode(self, message: dns.message.Message) -> str:
        """Exchange a message and return the answer's rcode as text."""
        return dns.rcode.to_text(self.send(message).rcode())

    def query(self, name: str, rdtype: str, *, tcp: bool = True) -> dns.message.Message:
        """Ask without a signature."""
        return self.send(dns.message.make_query(name, rdtype), tcp=tcp)

    def signed_query(self, name: str, rdtype: str) -> dns.message.QueryMessage:
        """Begin a query that will be signed."""
        message = dns.message.make_query(name, rdtype)
        message.use_tsig(self.key)
        return message

    def transfer(self, zone: str) -> dns.zone.Zone:
        """Read the whole zone by a signed AXFR (RFC 5936)."""
        copy = dns.zone.Zone(zone, relativize=False)
        query, _ = dns.xfr.make_query(copy, keyring=self.key)
        dns.query.inbound_xfr(self.host, copy, query, port=self.port, timeout=TIMEOUT_S)
        return copy

    def records(self, zone: str) -> set[str]:
        """Return the zone's records as canonical text, without the SOA, by a signed AXFR."""
        return set(_canonical_records(self.transfer(zone)))

    def records_of(self, name: str, zone: str = "example.test.") -> set[str]:
        """Return what one name of the zone holds: "60 A 10.10.10.1"."""
        owner = f"{name}.{zone} "
        return {record.removeprefix(owner) for record in self.records(zone) if record.startswith(owner)}

    def serial(self, zone: str) -> int:
        """Return the serial in the zone's SOA."""
        [soa] = self.query(zone, "SOA").answer
        return cast("SOA", soa[0]).serial


def sign_wire(wire: bytes, key: dns.tsig.Key, *, time_s: int) -> bytes:
    """Sign a message's octets as a sender whose clock shows `time_s` (RFC 8945 5.1)."""
    number = int.from_bytes(wire[:2])
    blank = TSIG(  # type: ignore[no-untyped-call]  # dnspython leaves it untyped
        RdataClass.ANY, RdataType.TSIG, key.algorithm, 0, FUDGE_S, b"", number, 0, b""
    )
    rdata, _ = dns.tsig.sign(wire, key, blank, time=time_s)  # type: ignore[no-untyped-call]
    signature = io.BytesIO()
    dns.rrset.from_rdata(key.name, 0, rdata).to_wire(signature)
    additional = int.from_bytes(wire[10:12]) + 1
    return wire[:10] + additional.to_bytes(2) + wire[12:] + signature.getvalue()


def _canonical_records(zone: dns.zone.Zone) -> Iterator[str]:
    for name, ttl_s, rdata in zone.iterate_rdatas():
        if rdata.rdtype != RdataType.SOA:
            rdtype = dns.rdatatype.to_text(rdata.rdtype)
            yield f"{name.canonicalize()} {ttl_s} {rdtype} {_canonical_text(rdata)}"


def _canonical_text(rdata: dns.rdata.Rdata) -> str:
    """Return the rdata's text with the names in it in lower case (RFC 4034 6.2)."""
    wire = rdata.to_digestable()
    return dns.rdata.from_wire(rdata.rdclass, rdata.rdtype, wire, 0, len(wire)).to_text()
