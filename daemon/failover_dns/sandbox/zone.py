"""A primary server's answers from zones in memory (RFC 1034 4.3.2), without sockets, clock or threads.

It knows what a failover pair needs and no more: no wildcards, delegations, DNSSEC or IXFR.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import cast

import dns.flags
import dns.message
import dns.name
import dns.rrset
import dns.update
import dns.zone
from dns.message import Message
from dns.opcode import Opcode
from dns.rcode import Rcode
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.CNAME import CNAME

from failover_dns.sandbox import update
from failover_dns.sandbox.update import origin_of, servers_have_addresses, soa_of

MAX_ALIASES = 11  # followed for one answer; BIND stops there too
MAX_TRANSFER_OCTETS = 16_384  # of records in one message of a transfer, before compression
EDNS_OCTETS = 1232


def load(origin: str, text: str) -> dns.zone.Zone:
    """Read a zone from master file text (RFC 1035 5); raise `dns.exception.DNSException` at a fault in it."""
    return dns.zone.from_text(text, origin, relativize=False)


class Primary:
    """The zones of one primary, and its answer to each message.

    A zone is loaded with absolute names, and its name servers inside it have addresses; else ValueError.
    """

    def __init__(self, zones: Iterable[dns.zone.Zone]) -> None:
        self.zones = {origin_of(zone): zone for zone in zones}
        for origin, zone in self.zones.items():
            if zone.relativize:
                raise ValueError(f"zone {origin}: its names must be absolute: load it with relativize=False")
            if not servers_have_addresses(zone, origin):
                raise ValueError(f"zone {origin}: one of its name servers in it has no A or AAAA record")

    def respond(self, request: Message, *, allowed: bool = True) -> Message:
        """Answer a query, or apply an update from a sender who is `allowed` to (RFC 2136 3.3)."""
        response = dns.message.make_response(request, our_payload=EDNS_OCTETS)
        match request.opcode():
            case Opcode.QUERY:
                response.set_rcode(self._query(request, response))
            case Opcode.UPDATE:
                response.set_rcode(self._update(cast("dns.update.UpdateMessage", request), allowed=allowed))
            case _:
                response.set_rcode(Rcode.NOTIMP)
        return response

    def transfer(self, request: Message, *, allowed: bool = True) -> Sequence[Message]:
        """Answer an AXFR query: the zone between two copies of its SOA, in one message or more (RFC 5936)."""
        zone = self.zones.get(request.question[0].name)
        if zone is None or not allowed:
            refusal = dns.message.make_response(request, our_payload=EDNS_OCTETS)
            refusal.set_rcode(Rcode.NOTAUTH if zone is None else Rcode.REFUSED)
            return [refusal]
        return [_transfer_message(request, batch) for batch in _batches(_zone_rrsets(zone))]

    def _query(self, request: Message, response: Message) -> Rcode:
        if len(request.question) != 1:
            return Rcode.FORMERR
        [question] = request.question
        zone = self._closest(question.name)
        if question.rdtype == RdataType.AXFR:
            return Rcode.FORMERR  # RFC 5936 4.2: no transfer in a datagram.
        if question.rdtype == RdataType.IXFR:
            return Rcode.NOTIMP
        if zone is None or question.rdclass != zone.rdclass:
            return Rcode.REFUSED
        return _answer(zone, question, response)

    def _update(self, request: dns.update.UpdateMessage, *, allowed: bool) -> Rcode:
        """Judge the zone section (RFC 2136 3.1) and the sender (3.3), then leave it to the zone."""
        if len(request.zone) != 1 or request.zone[0].rdtype != RdataType.SOA:
            return Rcode.FORMERR
        zone = self.zones.get(request.zone[0].name)
        if zone is None or request.zone[0].rdclass != zone.rdclass:
            return Rcode.NOTAUTH
        return update.apply(zone, request) if allowed else Rcode.REFUSED

    def _closest(self, name: dns.name.Name) -> dns.zone.Zone | None:
        """Find the zone with the longest match, label by label."""
        while True:
            if name in self.zones or name == dns.name.root:
                return self.zones.get(name)
            name = name.parent()


def _answer(zone: dns.zone.Zone, question: dns.rrset.RRset, response: Message) -> Rcode:
    """Answer from one zone: the records, or a CNAME and what it leads to in the zone, or a denial."""
    response.flags |= dns.flags.AA
    name = question.name
    for _ in range(MAX_ALIASES):
        found = _rrsets_at(zone, name, question.rdtype)
        if not found:
            return _deny(zone, name, response)
        response.answer.extend(found)
        target = _alias_target(found, question.rdtype)
        if target is None or not target.is_subdomain(origin_of(zone)):
            return Rcode.NOERROR
        name = target
    return Rcode.SERVFAIL


def _rrsets_at(zone: dns.zone.Zone, name: dns.name.Name, rdtype: RdataType) -> Sequence[dns.rrset.RRset]:
    """Return the RRsets that answer a type: those of it, or all for ANY, or a CNAME (RFC 1034 3.6.2)."""
    wanted = {rdtype, RdataType.CNAME}
    return [
        dns.rrset.from_rdata_list(name, rdataset.ttl, list(rdataset))
        for rdataset in zone.get_node(name) or ()
        if rdtype == RdataType.ANY or rdataset.rdtype in wanted
    ]


def _alias_target(found: Sequence[dns.rrset.RRset], rdtype: RdataType) -> dns.name.Name | None:
    if rdtype in {RdataType.CNAME, RdataType.ANY} or not isinstance(found[0][0], CNAME):
        return None
    return found[0][0].target


def _deny(zone: dns.zone.Zone, name: dns.name.Name, response: Message) -> Rcode:
    """Deny with the SOA, at the TTL that a denial is kept for (RFC 2308 3); a name above another exists."""
    soa = soa_of(zone, origin_of(zone))
    ttl_s = zone.find_rdataset(origin_of(zone), RdataType.SOA).ttl
    response.authority.append(dns.rrset.from_rdata(origin_of(zone), min(ttl_s, soa.minimum), soa))
    exists = any(other.is_subdomain(name) for other in zone.nodes)
    return Rcode.NOERROR if exists else Rcode.NXDOMAIN


def _zone_rrsets(zone: dns.zone.Zone) -> Iterator[dns.rrset.RRset]:
    """Yield a zone's content record by record in the order of a transfer (RFC 5936 2.2)."""
    soa = zone.get_rrset(origin_of(zone), RdataType.SOA)
    if soa is None:
        raise dns.zone.NoSOA
    yield soa
    for name, ttl_s, rdata in zone.iterate_rdatas():
        if rdata.rdtype != RdataType.SOA:
            yield dns.rrset.from_rdata(name, ttl_s, rdata)
    yield soa


def _batches(rrsets: Iterable[dns.rrset.RRset]) -> Iterator[Sequence[dns.rrset.RRset]]:
    """Group records so that each message of a transfer stays small."""
    batch: list[dns.rrset.RRset] = []
    octets = 0
    for rrset in rrsets:
        batch.append(rrset)
        octets += len(rrset[0].to_wire() or b"") + len(rrset.name.to_wire() or b"") + 10
        if octets >= MAX_TRANSFER_OCTETS:
            yield batch
            batch, octets = [], 0
    if batch:
        yield batch


def _transfer_message(request: Message, batch: Sequence[dns.rrset.RRset]) -> Message:
    response = dns.message.make_response(request, our_payload=EDNS_OCTETS)
    response.flags |= dns.flags.AA
    response.answer.extend(batch)
    return response
