"""Apply a dynamic update to a zone in memory (RFC 2136 section 3), without sockets, clock or threads.

Where RFC 2136 leaves room, BIND 9.18 is the model, and the tests hold both to the same answers:

- the update section is scanned before the prerequisites, so what is malformed there is answered first;
- an added record gives its TTL to the whole RRset;
- owners of addresses and the hosts that PTR, NS, MX and SRV point at need the names of hosts (its
  `check-names`), and the zone's own name servers keep an address: REFUSED otherwise.

Left out: to BIND a change of letter case alone is a change, and an RRset has at most 100 records.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import dns.name
import dns.node
import dns.rdata
import dns.rdataset
import dns.rdatatype
import dns.reversename
import dns.rrset
import dns.serial
import dns.transaction
import dns.update
import dns.wire
import dns.zone
from dns.rcode import Rcode
from dns.rdataclass import RdataClass
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.NS import NS
from dns.rdtypes.ANY.PTR import PTR
from dns.rdtypes.ANY.SOA import SOA
from dns.rdtypes.IN.SRV import SRV

_View = dns.zone.Zone | dns.transaction.Transaction
_Content = dict[tuple[dns.name.Name, RdataType, RdataType], tuple[int, frozenset[dns.rdata.Rdata]]]

_HOST_LABEL = re.compile(rb"[a-z0-9]([a-z0-9-]*[a-z0-9])?", re.IGNORECASE)
_REVERSE_TREES = (dns.reversename.ipv4_reverse_domain, dns.reversename.ipv6_reverse_domain)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rr:
    """One RR of an update: class, type, TTL and data together say what is meant (RFC 2136 2.4, 2.5)."""

    name: dns.name.Name
    rdclass: RdataClass
    rdtype: RdataType
    ttl_s: int
    rdata: dns.rdata.Rdata | None


def apply(zone: dns.zone.Zone, message: dns.update.UpdateMessage) -> Rcode:
    """Apply the whole message or nothing of it, and return the answer's rcode.

    The message's names are absolute, as `dns.message.from_wire` reads them.
    """
    ttls = _wire_ttls(message.wire or b"")
    prerequisites = _read_section(message.prerequisite, ttls)
    updates = _read_section(message.update, ttls)
    return _prescan(zone, updates) or _judge_prerequisites(zone, prerequisites) or _change(zone, updates)


def _read_section(section: Iterable[dns.rrset.RRset], ttls: Iterator[int]) -> Sequence[_Rr]:
    return [
        _Rr(
            name=rrset.name,
            rdclass=rrset.rdclass if rrset.deleting is None else rrset.deleting,
            rdtype=rrset.rdtype,
            ttl_s=next(ttls, rrset.ttl),
            rdata=rrset[0] if rrset else None,
        )
        for rrset in section
    ]


def _wire_ttls(wire: bytes) -> Iterator[int]:
    """Read the TTLs of prerequisites and updates, in order: dnspython forgets that of an RR without data."""
    if not wire:
        return
    parser = dns.wire.Parser(wire)
    _, _, zones, prerequisites, updates, _ = parser.get_struct("!HHHHHH")
    for _ in range(zones):
        parser.get_name(decompress=True)
        parser.get_bytes(4)
    for _ in range(prerequisites + updates):
        parser.get_name(decompress=True)
        _, _, ttl_s, length = parser.get_struct("!HHIH")
        parser.get_bytes(length)
        yield ttl_s


def _prescan(zone: dns.zone.Zone, updates: Iterable[_Rr]) -> Rcode:
    """Judge the update section before anything is done (RFC 2136 3.4.1)."""
    for rr in updates:
        if not rr.name.is_subdomain(origin_of(zone)):
            return Rcode.NOTZONE
        if _is_malformed(zone, rr):
            return Rcode.FORMERR
        if rr.rdclass == zone.rdclass and not _is_well_named(rr):
            return Rcode.REFUSED
    return Rcode.NOERROR


def _is_malformed(zone: dns.zone.Zone, rr: _Rr) -> bool:
    """Say whether an update RR has none of the four forms (RFC 2136 2.5)."""
    is_meta = dns.rdatatype.is_metatype(rr.rdtype)
    if rr.rdclass == zone.rdclass:
        return is_meta
    if rr.rdclass == RdataClass.ANY:
        return rr.ttl_s != 0 or rr.rdata is not None or (is_meta and rr.rdtype != RdataType.ANY)
    return rr.rdclass != RdataClass.NONE or rr.ttl_s != 0 or is_meta


def _is_well_named(rr: _Rr) -> bool:
    """Say whether a name is a host's where a host is meant (RFC 1123 2.1)."""
    if rr.rdtype in {RdataType.A, RdataType.AAAA, RdataType.MX} and not _is_host(rr.name):
        return False
    match rr.rdata:
        case PTR(target=host):
            return _is_host(host) or not any(rr.name.is_subdomain(tree) for tree in _REVERSE_TREES)
        case NS(target=host) | SRV(target=host) | MX(exchange=host):
            return _is_host(host)
        case _:
            return True


def _is_host(name: dns.name.Name) -> bool:
    labels = name.labels[1:] if name.is_wild() else name.labels
    return all(_HOST_LABEL.fullmatch(label) for label in labels if label)


def _judge_prerequisites(zone: dns.zone.Zone, prerequisites: Iterable[_Rr]) -> Rcode:
    """Judge the prerequisites in their order, and last the RRsets given by value (RFC 2136 3.2.5)."""
    wanted: dict[tuple[dns.name.Name, RdataType], list[dns.rdata.Rdata]] = {}
    for rr in prerequisites:
        if rr.ttl_s:
            return Rcode.FORMERR
        if not rr.name.is_subdomain(origin_of(zone)):
            return Rcode.NOTZONE
        if rr.rdclass == zone.rdclass and rr.rdata is not None:
            wanted.setdefault((rr.name, rr.rdtype), []).append(rr.rdata)
        elif rcode := _judge_presence(zone, rr):
            return rcode
    is_met = all(_is_same(zone.get_rdataset(*key), rdatas) for key, rdatas in wanted.items())
    return Rcode.NOERROR if is_met else Rcode.NXRRSET


def _judge_presence(zone: dns.zone.Zone, rr: _Rr) -> Rcode:
    """Judge one of the four forms that do not depend on values (RFC 2136 2.4.1, 2.4.3 to 2.4.5)."""
    by_name = rr.rdtype == RdataType.ANY
    found = zone.get_node(rr.name) if by_name else zone.get_rdataset(rr.name, rr.rdtype)
    match rr.rdclass:
        case RdataClass.ANY if found is None:
            return Rcode.NXDOMAIN if by_name else Rcode.NXRRSET
        case RdataClass.NONE if found is not None:
            return Rcode.YXDOMAIN if by_name else Rcode.YXRRSET
        case RdataClass.ANY | RdataClass.NONE:
            return Rcode.NOERROR
        case _:
            return Rcode.FORMERR


def _is_same(rdataset: dns.rdataset.Rdataset | None, rdatas: list[dns.rdata.Rdata]) -> bool:
    """Compare whole RRsets; a record that the message states twice is in no zone twice, and fails."""
    return rdataset is not None and len(rdataset) == len(rdatas) and set(rdataset) == set(rdatas)


def _change(zone: dns.zone.Zone, updates: Sequence[_Rr]) -> Rcode:
    """Make the changes as one transaction; the serial steps if they come to anything (RFC 2136 3.6)."""
    origin, names = origin_of(zone), {rr.name for rr in updates}
    with zone.writer() as txn:
        for rr in updates:
            _change_one(txn, zone, rr)
        if _content(txn, names) == _content(zone, names):
            txn.rollback()
        elif not servers_have_addresses(txn, origin):
            txn.rollback()
            return Rcode.REFUSED
        elif soa_of(txn, origin).serial == soa_of(zone, origin).serial:
            txn.update_serial(name=origin)
    return Rcode.NOERROR


def _change_one(txn: dns.transaction.Transaction, zone: dns.zone.Zone, rr: _Rr) -> None:
    """Carry out one update RR; what is not permitted is passed over in silence (RFC 2136 3.4.2)."""
    origin = origin_of(zone)
    if rr.rdata is None:
        _delete_rrsets(txn, origin, rr)
    elif rr.rdclass == zone.rdclass:
        _add(txn, origin, rr, rr.rdata)
    elif not _is_last_of_apex(txn, origin, rr):
        txn.delete(rr.name, rr.rdata)


def _add(txn: dns.transaction.Transaction, origin: dns.name.Name, rr: _Rr, rdata: dns.rdata.Rdata) -> None:
    """Add a record (RFC 2136 3.4.2.2): not beside a CNAME or as one, and no SOA but a newer one."""
    others = {rdataset.rdtype for rdataset in txn.get_node(rr.name) or ()} - {rr.rdtype}
    if RdataType.CNAME in others or (rr.rdtype == RdataType.CNAME and others):
        return
    if isinstance(rdata, SOA) and not (rr.name == origin and _is_newer(rdata, soa_of(txn, origin))):
        return
    rdataset = dns.rdataset.Rdataset(rr.rdclass, rr.rdtype, rdata.covers(), rr.ttl_s)
    for each in (*(txn.get(rr.name, rr.rdtype, rdata.covers()) or ()), rdata):
        rdataset.add(each)
    txn.replace(rr.name, rdataset)


def _delete_rrsets(txn: dns.transaction.Transaction, origin: dns.name.Name, rr: _Rr) -> None:
    """Delete an RRset or all of a name, but never the apex's SOA and NS (RFC 2136 3.4.2.3)."""
    kept = {RdataType.SOA, RdataType.NS} if rr.name == origin else set()
    for rdataset in txn.get_node(rr.name) or ():
        if rr.rdtype in {RdataType.ANY, rdataset.rdtype} and rdataset.rdtype not in kept:
            txn.delete(rr.name, rdataset.rdtype, rdataset.covers)


def _is_last_of_apex(txn: dns.transaction.Transaction, origin: dns.name.Name, rr: _Rr) -> bool:
    """Say whether an apex record has to stay: the SOA and the last NS (RFC 2136 3.4.2.4)."""
    is_vital = rr.name == origin and rr.rdtype in {RdataType.SOA, RdataType.NS}
    return is_vital and len(txn.get(rr.name, rr.rdtype) or ()) == 1


def _is_newer(new: SOA, old: SOA) -> bool:
    """Compare serials in their circle (RFC 1982 3.2)."""
    return bool(dns.serial.Serial(new.serial) > dns.serial.Serial(old.serial))


def _content(view: _View, names: Iterable[dns.name.Name]) -> _Content:
    """Return all that the names hold, as a value to compare."""
    return {
        (name, rdataset.rdtype, rdataset.covers): (rdataset.ttl, frozenset(rdataset))
        for name in names
        for rdataset in view.get_node(name) or ()
    }


def servers_have_addresses(view: _View, origin: dns.name.Name) -> bool:
    """Say whether each name server of the zone that is named in the zone has an address there."""
    apex = view.get_node(origin)
    servers = apex.get_rdataset(RdataClass.IN, RdataType.NS) if apex else None
    return all(
        _has_address(view.get_node(server.target))
        for server in servers or ()
        if server.target.is_subdomain(origin)
    )


def soa_of(view: _View, origin: dns.name.Name) -> SOA:
    """Return the zone's SOA; a zone has one, or it would not have loaded (RFC 1035 5.2)."""
    node = view.get_node(origin)
    if node is None:
        raise dns.zone.NoSOA
    return cast("SOA", node.find_rdataset(RdataClass.IN, RdataType.SOA)[0])


def origin_of(zone: dns.zone.Zone) -> dns.name.Name:
    """Return the zone's own name; only one that was never loaded has none."""
    if zone.origin is None:
        raise dns.zone.UnknownOrigin
    return zone.origin


def _has_address(node: dns.node.Node | None) -> bool:
    return any(rdataset.rdtype in {RdataType.A, RdataType.AAAA} for rdataset in node or ())
