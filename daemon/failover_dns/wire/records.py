"""Our records as dnspython's, and back."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TXT
import dns.rrset

from failover_dns.core.model import Key, RRset, Type, Value

QUOTE = '"'
"""What a TXT value begins with that is in presentation form (RFC 1035 5.1)."""

CACHED = 4096
"""How many names and values are kept as the library has them: parsing them is a tenth of a switch's time."""


@lru_cache(CACHED)
def to_rdata(kind: Type, value: Value) -> dns.rdata.Rdata:
    """Return the value as rdata of class IN."""
    if kind is Type.TXT and not str(value).startswith(QUOTE):
        return dns.rdtypes.ANY.TXT.TXT(dns.rdataclass.IN, dns.rdatatype.TXT, [str(value).encode()])
    return dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.from_text(kind), str(value))


def to_value(kind: Type, rdata: dns.rdata.Rdata) -> Value:
    """Return rdata of `kind` as one of our values; names become lower case (RFC 4343)."""
    match kind:
        case Type.A | Type.AAAA:
            return ipaddress.ip_address(rdata.to_text())
        case Type.TXT:
            return _text(getattr(rdata, "strings", ())) or rdata.to_text()
        case _:
            return rdata.to_text().lower()


def _text(strings: tuple[bytes, ...]) -> str:
    """Return the one string of a TXT record; empty if only its presentation form tells it from every other.

    TXT records are equal only if their strings are split alike.
    """
    text = strings[0].decode("ascii", "replace") if len(strings) == 1 else ""
    return text if text.isprintable() and text.isascii() and not text.startswith(QUOTE) else ""


def to_rrset(key: Key, found: dns.rrset.RRset | None) -> RRset:
    """Return what was found at `key`; None found means proved absent."""
    if found is None:
        return RRset(key=key)
    values = frozenset(to_value(key.type, rdata) for rdata in found)
    return RRset(key=key, values=values, ttl_s=found.ttl)


@lru_cache(CACHED)
def to_name(text: str) -> dns.name.Name:
    """Return the wire's name for our absolute text."""
    return dns.name.from_text(text)
