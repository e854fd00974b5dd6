"""Signing what is sent and verifying what is heard (RFC 8945).

An answer whose signature does not verify is still looked at for its rcode and TSIG error, since an operator
must learn why; it is never believed.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

import dns.exception
import dns.message
import dns.rcode
import dns.tsig
from dns.rdtypes.ANY.TSIG import TSIG

from failover_dns.wire.context import ContextKey, signer_name

RCODE = 0x0F
"""The bits of a message's fourth octet that say the rcode (RFC 1035 4.1.1)."""

LOSING = frozenset({dns.rcode.REFUSED, dns.rcode.NOTAUTH})
"""What a server answers that has lost a key."""

TOLD = {
    "BADSIG": "the secret of key {key} is not the primary's: compare secret and algorithm on both sides",
    "BADKEY": "the primary does not know key {key} with this algorithm, or does not allow it here",
    "BADTIME": "set this host's clock and the primary's (NTP)",
}

TOLD_OF_CONTEXT = {
    "BADSIG": "the security context is negotiated anew; if that goes on, see the primary's log",
    "BADKEY": "the primary has lost the security context of {key}: it is negotiated anew",
    "BADTIME": TOLD["BADTIME"],
}
"""The same for a key that was negotiated."""

UNTOLD = "compare name, secret and algorithm of key {key} on both sides, and both clocks (NTP)"
UNTOLD_OF_CONTEXT = "see the primary's log for {key}, and compare both clocks (NTP)"

UNPROVED = (
    "compare the secret of key {key} on both sides, and look for what stands between: a proxy, a balancer"
)
UNPROVED_OF_CONTEXT = (
    "look for what stands between {key} and the primary, a proxy or a balancer; if there is nothing, the primary "
    "signs in a way that cannot be verified: update it"
)

OTHERS = "what came back answers another question"
NOT_DNS = "is this port a DNS server's?"
NOT_OURS = "look for what stands between: a proxy, a load balancer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """An answer as it came: the message if it could be parsed, whether it is authentic, what is wrong."""

    message: dns.message.Message | None
    verified: bool
    rcode: str | None = None
    problem: str = ""
    cure: str = ""
    echo: bool = False
    """Our own message sent back with an rcode set, our own MAC in it: what Samba does to most it refuses."""

    @property
    def signed(self) -> bool:
        """Whether the answer carries a signature, good or not."""
        return self.message is not None and self.message.had_tsig

    @property
    def context_lost(self) -> bool:
        """Whether a new security context may help; an echoed REFUSED is either that or the access list."""
        if self.echo:
            return self.rcode == "REFUSED"
        return not self.verified and self.rcode in {"NOTAUTH", "NOTAUTH+BADKEY", "NOTAUTH+BADSIG"}


def sign(message: dns.message.Message, key: dns.tsig.Key) -> bytes:
    """Return the message's wire form, signed now; the message keeps the MAC for its answer."""
    message.use_tsig(key)
    return message.to_wire()


def hear(request: dns.message.Message, wire: bytes, key: dns.tsig.Key) -> Heard:
    """Return what `wire` says in answer to `request`, which was signed with `key`."""
    try:
        answer = dns.message.from_wire(wire, keyring=key, request_mac=request.mac)
    except Exception as error:  # noqa: BLE001 - the library raises many kinds for what a network can bring
        return _unverified(request, wire, key, error)
    if not request.is_response(answer):
        return Heard(message=None, verified=False, problem=OTHERS, cure=NOT_OURS)
    return Heard(message=answer, verified=True, rcode=dns.rcode.to_text(answer.rcode()))


def lost(request: dns.message.Message, wire: bytes, key: dns.tsig.Key) -> bool:
    """Whether `wire` says that the server does not know the negotiated `key` any more: a new one may help."""
    if not isinstance(key, ContextKey) or wire[3] & RCODE not in LOSING:
        return False
    return hear(request, wire, key).context_lost


def untold(key: dns.tsig.Key) -> str:
    """Return the cure where a server does not say what is wrong with a signature (PowerDNS never does)."""
    text = UNTOLD_OF_CONTEXT if isinstance(key, ContextKey) else UNTOLD
    return text.format(key=signer_name(key))


def unproved(key: dns.tsig.Key) -> str:
    """Return the cure where an answer proves nothing: it is not signed, or not with our key."""
    text = UNPROVED_OF_CONTEXT if isinstance(key, ContextKey) else UNPROVED
    return text.format(key=signer_name(key))


def hear_unsigned(request: dns.message.Message, wire: bytes) -> Heard:
    """Return what `wire` says in answer to an unsigned `request`: good for reports, never for plans."""
    try:
        answer = dns.message.from_wire(wire, keyring=False)
    except Exception:  # noqa: BLE001 - the library raises many kinds for what a network can bring
        return Heard(
            message=None, verified=False, problem="what came back is not a DNS message", cure=NOT_DNS
        )
    if not request.is_response(answer):
        return Heard(message=None, verified=False, problem=OTHERS, cure=NOT_OURS)
    return Heard(message=answer, verified=False, rcode=dns.rcode.to_text(answer.rcode()))


def _unverified(request: dns.message.Message, wire: bytes, key: dns.tsig.Key, error: Exception) -> Heard:
    heard = hear_unsigned(request, wire)
    answer, rcode = heard.message, heard.rcode
    if answer is None:
        return heard
    signature = _signature(answer)
    if signature is None:
        return replace(heard, problem=f"the answer {rcode} is not signed")
    if signature.mac and signature.mac == request.mac:
        problem = f"{_problem(signature, '', error)}: it is our own message sent back"
        return replace(heard, echo=True, problem=problem)
    told = _told(signature)
    return Heard(
        message=answer,
        verified=False,
        rcode=f"{rcode}+{told}" if told else rcode,
        problem=_problem(signature, told, error),
        cure=_cure(told, key, error),
    )


def _cure(told: str, key: dns.tsig.Key, error: Exception) -> str:
    if isinstance(error, dns.tsig.BadTime):
        return TOLD["BADTIME"]
    cures = TOLD_OF_CONTEXT if isinstance(key, ContextKey) else TOLD
    return cures.get(told, "").format(key=signer_name(key))


def _signature(answer: dns.message.Message) -> TSIG | None:
    found = answer.tsig[0] if answer.tsig else None
    return found if isinstance(found, TSIG) else None


def _told(signature: TSIG) -> str:
    """Return the TSIG error's name; 16 is BADSIG here and BADVERS elsewhere (RFC 8945 section 10.3)."""
    return {16: "BADSIG", 17: "BADKEY", 18: "BADTIME", 22: "BADTRUNC"}.get(
        int(signature.error), f"TSIG-ERROR-{int(signature.error)}" if signature.error else ""
    )


def _problem(signature: TSIG, told: str, error: Exception) -> str:
    if told == "BADTIME":
        return _skew(signature)
    if told:
        return f"the primary rejects the signature: {told}"
    if isinstance(error, dns.tsig.BadTime):
        return "the answer's signature is out of time: one of both clocks is wrong"
    return f"the answer's signature does not verify ({type(error).__name__})"


def _skew(signature: TSIG) -> str:
    """Say by how much the clocks differ: the server's time stands in Other Data (RFC 8945 5.2.3)."""
    if len(signature.other) != 6:  # noqa: PLR2004 - a 48-bit time, as the RFC says
        return "the primary rejects the signature's time: the clocks differ by more than it allows"
    high, low = struct.unpack("!HI", signature.other)
    skew_s = signature.time_signed - ((high << 32) + low)
    side = "ahead of" if skew_s > 0 else "behind"
    return f"this host's clock is {abs(skew_s)} s {side} the primary's"
