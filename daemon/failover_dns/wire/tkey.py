"""Negotiating a security context by TKEY (RFC 2930, RFC 3645).

Tokens travel in TKEY records until the library behind the context has enough; which library that is nobody
knows here.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig
from dns.rdtypes.ANY.TKEY import TKEY

from failover_dns.core.kerberos import NegotiationError
from failover_dns.wire.sign import NOT_DNS, hear_unsigned

GSS_MODE = 3
"""RFC 2930 2.5: the key is agreed upon by GSS-API."""

ASKED_LIFE_S = 86_400

_ERRORS = {
    16: ("BADSIG", "the primary does not accept the token: see its log, and compare both clocks"),
    17: (
        "BADKEY",
        "the primary has no key for the ticket: check its keytab for DNS/{server}, and both clocks (NTP)",
    ),
    18: ("BADTIME", "set this host's clock and the primary's (NTP)"),
    19: ("BADMODE", "this primary does not negotiate by GSS-API: configure it (BIND: tkey-gssapi-keytab)"),
    20: ("BADNAME", "the key's name is taken; the next attempt has another"),
    21: ("BADALG", "this primary does not support gss-tsig"),
}

_RCODES = {
    dns.rcode.REFUSED: "let this host negotiate, and check that the primary has Kerberos set up",
    dns.rcode.NOTIMP: "this primary does not support TKEY: configure it, or use a shared key",
    dns.rcode.FORMERR: "this primary does not support TKEY: configure it, or use a shared key",
    dns.rcode.NOTAUTH: "check the primary's keytab for DNS/{server}, and both clocks (NTP)",
}

_SEE = "see the primary's own log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """What a primary answered to a token: its own token, if any, and how long it keeps the context."""

    token: bytes
    life_s: float


def fresh_name() -> dns.name.Name:
    """Return a name that no context has had: servers keep the old ones."""
    return dns.name.from_text(f"{secrets.token_hex(16)}.failover-dns.")


def ask_tkey(name: dns.name.Name, token: bytes, *, now_s: float) -> dns.message.QueryMessage:
    """Return the message that carries `token` to the primary (RFC 3645 3.1.2); unsigned, as it has to be."""
    query = dns.message.make_query(name, dns.rdatatype.TKEY, dns.rdataclass.ANY, flags=0)
    since = int(now_s)
    tkey = TKEY(  # type: ignore[no-untyped-call]  # dnspython leaves it untyped
        dns.rdataclass.ANY,
        dns.rdatatype.TKEY,
        dns.tsig.GSS_TSIG,
        since,
        since + ASKED_LIFE_S,
        GSS_MODE,
        dns.rcode.NOERROR,
        token,
    )
    query.additional.append(dns.rrset.from_rdata(name, 0, tkey))
    return query


def read_tkey(query: dns.message.Message, wire: bytes, server: str) -> Leg:
    """Return what the primary `server` answers; NegotiationError with its TKEY error or rcode if it fails."""
    heard = hear_unsigned(query, wire)
    if heard.message is None:
        raise NegotiationError(f"negotiating with {server}: {heard.problem}", heard.cure or NOT_DNS)
    tkey = _tkey(query, heard.message)
    if tkey is not None and tkey.error:
        text, cure = _ERRORS.get(int(tkey.error), (f"TKEY error {int(tkey.error)}", _SEE))
        what = f"negotiating with {server}: the primary answered {text}"
        raise NegotiationError(what, cure.format(server=server))
    rcode = heard.message.rcode()
    if rcode != dns.rcode.NOERROR:
        cure = _RCODES.get(rcode, _SEE).format(server=server)
        raise NegotiationError(f"negotiating with {server}: the primary answered {heard.rcode}", cure)
    if tkey is None:
        what = f"negotiating with {server}: the answer has no TKEY of ours"
        raise NegotiationError(what, "look for what stands between: a proxy, a load balancer")
    return Leg(token=tkey.key, life_s=float(tkey.expiration - tkey.inception))


def _tkey(query: dns.message.Message, answer: dns.message.Message) -> TKEY | None:
    """Return the TKEY for our name and mode, if there is one."""
    name = query.question[0].name
    found = answer.get_rrset(answer.answer, name, dns.rdataclass.ANY, dns.rdatatype.TKEY)
    tkey = found[0] if found else None
    ours = isinstance(tkey, TKEY) and tkey.mode == GSS_MODE and tkey.algorithm == dns.tsig.GSS_TSIG
    return tkey if ours and isinstance(tkey, TKEY) else None
