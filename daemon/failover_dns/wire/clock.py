"""A server's clock, as far as it tells a stranger: who signs with an unknown key is answered with its time.

The answer proves nothing, and is good for one thing: to say that clocks differ before Kerberos fails over it.
"""

from __future__ import annotations

import secrets

import dns.message
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig
from dns.rdtypes.ANY.TSIG import TSIG

from failover_dns.wire.sign import hear_unsigned
from failover_dns.wire.soa import ask_soa
from failover_dns.wire.tkey import fresh_name

TOLERANCE_S = 300
"""By how much clocks may differ for Kerberos (RFC 4120 1.6) and for TSIG (RFC 8945 10)."""

LONG_AGO_S = 1_000_000_000
"""When the question says it was signed: a server that only repeats that does not tell its own time."""


def ask_clock(zone: str) -> dns.message.Message:
    """Return a question under the signature of a key that no server has."""
    query = ask_soa(zone)
    signature = TSIG(  # type: ignore[no-untyped-call]  # dnspython leaves it untyped
        dns.rdataclass.ANY,
        dns.rdatatype.TSIG,
        dns.tsig.HMAC_SHA256,
        LONG_AGO_S,
        TOLERANCE_S,
        secrets.token_bytes(32),
        query.id,
        0,
        b"",
    )
    query.additional.append(dns.rrset.from_rdata(fresh_name(), 0, signature))
    return query


def read_clock(query: dns.message.Message, wire: bytes) -> int | None:
    """Return the server's time in seconds; None if the answer does not tell it."""
    message = hear_unsigned(query, wire).message
    signature = message.tsig[0] if message is not None and message.tsig else None
    if not isinstance(signature, TSIG) or signature.time_signed <= LONG_AGO_S:
        return None
    return int(signature.time_signed)
