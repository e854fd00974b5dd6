"""Reading RRsets from a zone's primary: the question, and what its answer proves.

Only an authenticated, authoritative and whole answer says anything; whatever else comes back is no reading.
An empty answer counts as empty only if it is all of these.
"""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig

from failover_dns.core.errors import ReadError
from failover_dns.core.model import Key, RRset, Type
from failover_dns.wire.records import to_name, to_rrset
from failover_dns.wire.sign import Heard, hear, hear_unsigned, unproved, untold


def ask(key: Key) -> dns.message.Message:
    """Return the query for one RRset, not yet signed."""
    query = dns.message.make_query(to_name(key.name), str(key.type))
    query.flags &= ~dns.flags.RD
    return query


def read(
    key: Key, query: dns.message.Message, wire: bytes, signer: dns.tsig.Key, zone: str = ""
) -> tuple[RRset, ...]:
    """Return the RRset asked for, and a CNAME that stands at its name; ReadError if nothing is proved.

    With `zone` an absence counts only if it is one in that zone: the SOA beside it says (RFC 2308 2).
    """
    heard = hear(query, wire, signer)
    message = proved(f"reading {key.name} {key.type}", heard, signer)
    denier = _denier(message)
    if zone and denier not in {None, zone}:
        what = f"reading {key.name} {key.type}: the name is in zone {denier} here, not in {zone}"
        raise ReadError(what, f"add zone {denier} with a primary of its own to [[zones]]")
    found = [to_rrset(key, _find(message, key))]
    alias = _find(message, Key(key.name, Type.CNAME))
    if alias is not None:
        found.append(to_rrset(Key(key.name, Type.CNAME), alias))
    return tuple(found)


def read_unsigned(key: Key, query: dns.message.Message, wire: bytes) -> RRset:
    """Return the RRset as an unsigned answer gives it, for a report; ReadError if it gives none."""
    heard = hear_unsigned(query, wire)
    message = heard.message
    if message is None or message.rcode() not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
        raise ReadError(f"reading {key.name} {key.type}: {heard.problem or heard.rcode}")
    return to_rrset(key, _find(message, key))


def proved(where: str, heard: Heard, signer: dns.tsig.Key) -> dns.message.Message:
    """Return the answer if it is authentic, authoritative and whole; ReadError if it proves nothing."""
    message = heard.message
    if message is None:
        raise ReadError(f"{where}: {heard.problem}", heard.cure)
    rcode = message.rcode()
    if rcode not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
        skew = f": {heard.problem}" if heard.rcode == "NOTAUTH+BADTIME" else ""
        what = f"{where}: the primary answered {heard.rcode}{skew}"
        raise ReadError(what, heard.cure or _cure(rcode, signer))
    if not heard.verified:
        raise ReadError(f"{where}: {heard.problem}", heard.cure or unproved(signer))
    if not message.flags & dns.flags.AA:
        raise ReadError(f"{where}: {_without_authority(message)}", _whose(message))
    if message.flags & dns.flags.TC:
        raise ReadError(
            f"{where}: the answer is truncated", "over TCP that is a defect of the server: see its log"
        )
    return message


def _without_authority(message: dns.message.Message) -> str:
    cut = _delegated(message)
    if cut is None:
        return "the answer is not authoritative"
    return f"the answer is not authoritative, it refers to the servers of zone {cut}"


def _whose(message: dns.message.Message) -> str:
    cut = _delegated(message)
    return (
        "name a primary of the zone"
        if cut is None
        else f"add zone {cut} with a primary of its own to [[zones]]"
    )


def _delegated(message: dns.message.Message) -> str | None:
    """Return the zone that a referral leads to (RFC 1034 4.3.2, step 3b); None if it is no referral."""
    cuts = [rrset.name for rrset in message.authority if rrset.rdtype == dns.rdatatype.NS]
    return cuts[0].to_text().lower() if cuts and not message.answer else None


def _denier(message: dns.message.Message) -> str | None:
    """Return the zone that denies what was asked for; None if the answer is no denial."""
    soas = [rrset.name for rrset in message.authority if rrset.rdtype == dns.rdatatype.SOA]
    return soas[0].to_text().lower() if soas and not message.answer else None


def _cure(rcode: dns.rcode.Rcode, signer: dns.tsig.Key) -> str:
    if rcode == dns.rcode.REFUSED:
        return "allow queries from this host, and check that this server serves the zone"
    if rcode == dns.rcode.NOTAUTH:
        return untold(signer)
    return "see the primary's own log"


def _find(message: dns.message.Message, key: Key) -> dns.rrset.RRset | None:
    kind = dns.rdatatype.from_text(key.type)
    return message.get_rrset(message.answer, to_name(key.name), dns.rdataclass.IN, kind)
