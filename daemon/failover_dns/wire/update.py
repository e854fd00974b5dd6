"""One zone's change as an UPDATE message (RFC 2136), fresh for every attempt.

The records as they were read go in as prerequisites: an RRset exists with exactly these values (2.4.2) or
does not exist (2.4.3). Removals stand before additions, so that servers which run deletions first do the
same as those that go by order. Only single records are removed (2.5.4).
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import dns.update

from failover_dns.core.model import Change, RRset, Type, Value
from failover_dns.wire.records import to_name, to_rdata

_STRANGERS: dict[Type, tuple[Value, ...]] = {
    Type.A: tuple(map(IPv4Address, range(0xC0000201, 0xC00002FF))),
    Type.AAAA: tuple(IPv6Address(f"2001:db8::{n:x}") for n in range(1, 255)),
    Type.PTR: tuple(f"nobody-{n}.invalid." for n in range(1, 255)),
    Type.TXT: tuple(f"nobody {n}" for n in range(1, 255)),
}
"""Values that nobody uses (RFC 5737, 3849, 2606), more than an RRset holds."""


def build(change: Change) -> dns.update.UpdateMessage:
    """Return the message for `change`, not yet signed; a retry needs a new one (a new id and time)."""
    message = prove(change.zone, change.before)
    for record in change.removes:
        message.delete(to_name(record.key.name), to_rdata(record.key.type, record.value))
    for record in change.adds:
        rdata = to_rdata(record.key.type, record.value)
        message.add(to_name(record.key.name), change.ttl_s, rdata)
    return message


def prove(zone: str, rrsets: tuple[RRset, ...]) -> dns.update.UpdateMessage:
    """Return an update that only demands that the RRsets are so: it changes nothing."""
    message = dns.update.UpdateMessage(to_name(zone))
    for rrset in rrsets:
        name = to_name(rrset.key.name)
        if not rrset.values:
            message.absent(name, str(rrset.key.type))
            continue
        for value in sorted(rrset.values, key=str):
            # RFC 2136 2.4.2: a prerequisite's TTL is zero; given rdata alone the library sees to it.
            message.present(name, to_rdata(rrset.key.type, value))
    return message


def prove_grant(zone: str, rrset: RRset) -> dns.update.UpdateMessage:
    """Return an update that needs the permission to change `rrset` and changes nothing.

    It removes one value that `rrset` has not, with the RRset as it was read for its prerequisite.
    """
    message = prove(zone, (rrset,))
    absent = next(value for value in _STRANGERS[rrset.key.type] if value not in rrset.values)
    message.delete(to_name(rrset.key.name), to_rdata(rrset.key.type, absent))
    return message


def prove_creation(zone: str, rrset: RRset) -> dns.update.UpdateMessage:
    """Return an update that needs the permission to create a name, and after which there is none.

    One value comes and goes, in the order that RFC 2136 3.4.2 demands. Where Active Directory keeps the zone a name
    without records still has an owner, whom removing a value from it does not ask.
    """
    message = prove(zone, (rrset,))
    rdata = to_rdata(rrset.key.type, _STRANGERS[rrset.key.type][0])
    message.add(to_name(rrset.key.name), 0, rdata)
    message.delete(to_name(rrset.key.name), rdata)
    return message
