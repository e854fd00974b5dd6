"""A zone's SOA (RFC 1035 3.3.13): its serial tells that something changed, its MNAME where updates go."""

from __future__ import annotations

from dataclasses import dataclass

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig
from dns.rdtypes.ANY.SOA import SOA

from failover_dns.core.errors import ReadError
from failover_dns.wire.query import proved
from failover_dns.wire.records import to_name
from failover_dns.wire.sign import Heard, hear, hear_unsigned

HALF = 1 << 31


@dataclass(frozen=True, slots=True, kw_only=True)
class Soa:
    """What a zone's SOA says; `negative_ttl_s` is how long NXDOMAIN is remembered (RFC 2308 5)."""

    zone: str
    primary: str
    serial: int
    ttl_s: int
    negative_ttl_s: int


def ask_soa(name: str, *, recurse: bool = False) -> dns.message.Message:
    """Return the query for the SOA at `name`; `recurse` asks a resolver, else a server of the zone."""
    query = dns.message.make_query(to_name(name), dns.rdatatype.SOA)
    if not recurse:
        query.flags &= ~dns.flags.RD
    return query


def read_soa(query: dns.message.Message, wire: bytes, signer: dns.tsig.Key | None = None) -> Soa:
    """Return the SOA of the zone that the name asked for lies in; ReadError if the answer shows none.

    It stands in the answer if the name is a zone's, else in the authority section (RFC 2308 3).
    """
    name = query.question[0].name
    where = f"reading {name} SOA"
    message = (
        proved(where, hear(query, wire, signer), signer)
        if signer
        else _said(where, hear_unsigned(query, wire))
    )
    for rrset in (*message.answer, *message.authority):
        if rrset.rdtype == dns.rdatatype.SOA and name.is_subdomain(rrset.name):
            return _soa(rrset)
    raise ReadError(f"{where}: the answer has none", "is this a server of the zone?")


def read_apex(query: dns.message.Message, wire: bytes) -> Soa | None:
    """Return the SOA at the very name asked for, None if no zone begins there; ReadError if nothing is said.

    A referral says nothing: there is a zone below, which whoever answered does not follow (RFC 2308 2.2).
    """
    name = query.question[0].name
    where = f"reading {name} SOA"
    message = _said(where, hear_unsigned(query, wire))
    if message.flags & dns.flags.TC or _is_referral(message):
        raise ReadError(f"{where}: the answer is a part or a referral", "is this a resolver?")
    rrset = message.get_rrset(message.answer, name, dns.rdataclass.IN, dns.rdatatype.SOA)
    return None if rrset is None else _soa(rrset)


def _is_referral(message: dns.message.Message) -> bool:
    types = {rrset.rdtype for rrset in message.authority}
    referring = dns.rdatatype.NS in types and dns.rdatatype.SOA not in types
    return referring and not message.answer and not message.flags & dns.flags.AA


def _said(where: str, heard: Heard) -> dns.message.Message:
    if heard.message is None:
        raise ReadError(f"{where}: {heard.problem}", heard.cure)
    if heard.message.rcode() not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
        raise ReadError(f"{where}: the answer is {heard.rcode}", "see the server's own log")
    return heard.message


def is_behind(serial: int, other: int) -> bool:
    """Return whether `serial` is older than `other`, by serial number arithmetic (RFC 1982 3.2)."""
    return serial != other and (other - serial) % (1 << 32) < HALF


def _soa(rrset: dns.rrset.RRset) -> Soa:
    rdata = rrset[0]
    assert isinstance(rdata, SOA)  # noqa: S101 - the type was asked for
    return Soa(
        zone=rrset.name.to_text().lower(),
        primary=rdata.mname.to_text().lower(),
        serial=rdata.serial,
        ttl_s=rrset.ttl,
        negative_ttl_s=min(rrset.ttl, rdata.minimum),
    )
