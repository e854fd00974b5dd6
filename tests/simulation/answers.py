"""Answers to signed questions, remembered while the zones stay as they are: most of a seed's time is spent on them.

What is remembered is the server's own answer without its signature. Each question's signature is verified, and each
answer is signed anew, by the library; whatever is not plainly right is left to the server.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import dns.exception
import dns.name
import dns.opcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.tsig
import dns.wire
from dns.rdtypes.ANY.TSIG import TSIG

from tests.simulation.truth import Nodes

HEADER = 12


UNASKED: tuple[str, Nodes, bytes] = ("", {}, b"")


@dataclass(frozen=True, slots=True)
class _Signed:
    """A message taken apart: what it says, and its signature."""

    body: bytes
    rdata: TSIG
    start: int


@dataclass(slots=True)
class Answers:
    """What one server answers, by what it was asked while the zone that it was asked of held the same."""

    key: dns.tsig.Key
    wall_s: Callable[[], float]
    _bodies: dict[bytes, tuple[str, Nodes, bytes]] = field(default_factory=dict)

    def to(self, wire: bytes, zones: Mapping[str, Nodes]) -> bytes | None:
        """Return the answer to a question; None if the server is to give it."""
        asked = self._taken_apart(wire)
        zone, nodes, body = self._bodies.get(asked.body, UNASKED) if asked else UNASKED
        if asked is None or zones.get(zone) is not nodes:
            return None
        try:
            self._verify(wire, asked)
        except dns.exception.DNSException:
            return None
        return self._signed(wire[:2] + body, asked)

    def remember(self, wire: bytes, answer: bytes, zones: Mapping[str, Nodes]) -> None:
        """Take in what the server answered."""
        asked, given = self._taken_apart(wire), self._taken_apart(answer)
        if asked and given and not given.rdata.error:
            name, _ = dns.name.from_wire(wire, HEADER)
            zone = next(zone for zone in zones if name.is_subdomain(dns.name.from_text(zone)))
            self._bodies[asked.body] = (zone, zones[zone], given.body)

    def _taken_apart(self, wire: bytes) -> _Signed | None:
        """Return what follows a message's id, without the signature; None if it changes something or has none."""
        start = wire.rfind(self._owner + struct.pack("!H", dns.rdatatype.TSIG))
        if start < HEADER or is_update(wire):
            return None
        at = start + len(self._owner) + 10
        rdata = dns.rdata.from_wire(dns.rdataclass.ANY, dns.rdatatype.TSIG, wire, at, len(wire) - at)
        assert isinstance(rdata, TSIG)
        return _Signed(wire[2:10] + b"\0\0" + wire[HEADER:start], rdata, start)

    def _verify(self, wire: bytes, asked: _Signed) -> None:
        now = int(self.wall_s())
        dns.tsig.validate(wire, self.key, self.key.name, asked.rdata, now, b"", asked.start)  # type: ignore[no-untyped-call]

    def _signed(self, body: bytes, asked: _Signed) -> bytes:
        plain = asked.rdata.replace(mac=b"", original_id=int.from_bytes(body[:2]))
        rdata, _ = dns.tsig.sign(body, self.key, plain, int(self.wall_s()), asked.rdata.mac)  # type: ignore[no-untyped-call]
        data = rdata.to_wire() or b""
        head = struct.pack("!HHIH", dns.rdatatype.TSIG, dns.rdataclass.ANY, 0, len(data))
        return body[:10] + b"\0\1" + body[HEADER:] + self._owner + head + data

    @property
    def _owner(self) -> bytes:
        return self.key.name.to_wire() or b""


def is_update(wire: bytes) -> bool:
    """Whether the message is to change something: one of prerequisites alone is a reading."""
    opcode = dns.opcode.from_flags(int.from_bytes(wire[2:4]))
    return opcode == dns.opcode.UPDATE and int.from_bytes(wire[8:10]) > 0
