"""An update's answer, judged alone. What it says counts only beside the records read back after it.

rcode                                      verified    otherwise
NOERROR                                    DONE        UNVERIFIED
NXRRSET YXRRSET NXDOMAIN YXDOMAIN          LOST_RACE   LOST_RACE (the read-back confirms it)
REFUSED NOTAUTH NOTZONE NOTIMP FORMERR     DENIED      DENIED
SERVFAIL and any other                     FAILED      FAILED (an echo under a context: DENIED)
none: not DNS, or another's answer                     UNVERIFIED
"""

from __future__ import annotations

import dns.message
import dns.rcode
import dns.tsig

from failover_dns.core.outcome import Answer, Said
from failover_dns.wire.context import ContextKey, signer_name
from failover_dns.wire.sign import Heard, hear, unproved, untold

LOST_RACES = (dns.rcode.NXRRSET, dns.rcode.YXRRSET, dns.rcode.NXDOMAIN, dns.rcode.YXDOMAIN)
RACED = (
    "the records are not what was read",
    "they are read and planned anew; if that goes on, look for another writer at these names, or a wildcard",
)

_SAID = {
    **dict.fromkeys(LOST_RACES, Said.LOST_RACE),
    dns.rcode.REFUSED: Said.DENIED,
    dns.rcode.NOTAUTH: Said.DENIED,
    dns.rcode.NOTZONE: Said.DENIED,
    dns.rcode.NOTIMP: Said.DENIED,
    dns.rcode.FORMERR: Said.DENIED,
}

_MEANS = {
    **dict.fromkeys(LOST_RACES, RACED),
    dns.rcode.REFUSED: (
        "the primary refuses this update",
        "grant key {key} the names in zone {zone} (BIND: update-policy, allow-update), or unfreeze it",
    ),
    dns.rcode.NOTAUTH: (
        "the primary is not authoritative for zone {zone}, or does not accept key {key}",
        "check `primaries` and `key` of the zone",
    ),
    dns.rcode.NOTZONE: ("a name of the update lies in another zone", "check the names of [[zones]]"),
    dns.rcode.NOTIMP: ("the primary takes no updates at all", "name the zone's real primary"),
    dns.rcode.FORMERR: ("the primary does not understand the update", "see the primary's own log"),
    dns.rcode.SERVFAIL: (
        "the primary failed",
        "see its log: a journal it cannot write and a full disk are the usual causes",
    ),
}

_MEANS_TO_CONTEXT = _MEANS | {
    dns.rcode.REFUSED: (
        "the primary refuses this update",
        "grant {key} the names in zone {zone}: `failover-dns check` tells which and how",
    ),
    dns.rcode.NOTAUTH: (
        "the primary is not authoritative for zone {zone}",
        "check `primaries` of the zone",
    ),
}
"""The same where the key was negotiated."""

_DENIED_BY_ECHO = (
    "the primary failed, or its access list denies this update: it answers both alike",
    "let `failover-dns check` tell which names {key} has to be granted; if it finds none, see the primary's own log",
)


def judge(request: dns.message.Message, wire: bytes, key: dns.tsig.Key, zone: str) -> Answer:
    """Return what the primary says in `wire` to the update `request`, signed with `key`."""
    heard = hear(request, wire, key)
    if heard.message is None:
        return Answer(said=Said.UNVERIFIED, what=heard.problem, cure=heard.cure)
    rcode = heard.message.rcode()
    if rcode == dns.rcode.NOERROR:
        said = Said.DONE if heard.verified else Said.UNVERIFIED
        cure = "" if heard.verified else heard.cure or unproved(key)
        return Answer(said=said, rcode=heard.rcode, what=heard.problem, cure=cure)
    return _failure(heard, rcode, key, zone)


def _failure(heard: Heard, rcode: dns.rcode.Rcode, key: dns.tsig.Key, zone: str) -> Answer:
    said, (what, cure) = _SAID.get(rcode, Said.FAILED), _means(heard, rcode, key)
    if heard.echo and rcode == dns.rcode.SERVFAIL and isinstance(key, ContextKey):
        said, (what, cure) = Said.DENIED, _DENIED_BY_ECHO
    return Answer(
        said=said,
        rcode=heard.rcode,
        what=heard.problem if heard.cure else what.format(key=signer_name(key), zone=zone),
        cure=heard.cure or cure.format(key=signer_name(key), zone=zone),
    )


def _means(heard: Heard, rcode: dns.rcode.Rcode, key: dns.tsig.Key) -> tuple[str, str]:
    if rcode == dns.rcode.REFUSED and not heard.signed:
        what = "the primary refuses this update, in an answer that it did not sign"
        return what, untold(key) + "; if they are right, grant the key the names in zone {zone}"
    means = _MEANS_TO_CONTEXT if isinstance(key, ContextKey) else _MEANS
    return means.get(rcode, (f"the primary answered {heard.rcode}", "see the primary's own log"))
