"""Signing by a security context (GSS-TSIG, RFC 3645), whatever library is behind it."""

from __future__ import annotations

from typing import Protocol

import dns.name
import dns.tsig

from failover_dns.core.kerberos import NegotiationError

LENGTH_OCTETS = 2


class Mac(Protocol):
    """A security context that is complete: what it does to octets, both ways."""

    def sign(self, octets: bytes) -> bytes:
        """Return the MAC of `octets`."""
        ...

    def verify(self, octets: bytes, mac: bytes) -> None:
        """Return if `mac` is the peer's over `octets`; raise whatever the library does if it is not."""
        ...


class ContextKey(dns.tsig.Key):
    """A TSIG key that signs by a security context; `account` is who that makes us."""

    def __init__(self, name: dns.name.Name, context: Mac, account: str) -> None:
        super().__init__(name, _Signing(context, account), dns.tsig.GSS_TSIG)  # type: ignore[arg-type]
        self.account = account


def signer_name(key: dns.tsig.Key) -> str:
    """Return what an operator knows a signer by: its account, or a TSIG key's name."""
    return key.account if isinstance(key, ContextKey) else key.name.to_text()


class _Signing:
    """A context as dnspython calls it; a verify that returns has verified, so it must raise."""

    def __init__(self, context: Mac, account: str) -> None:
        self._context = context
        self._account = account

    def get_signature(self, octets: bytes) -> bytes:
        try:
            return self._context.sign(octets)
        except Exception as error:
            what = f"the security context of {self._account} does not sign: {error}"
            raise NegotiationError(
                what, "it is negotiated anew; if that goes on, see the KDC's log"
            ) from error

    def verify_signature(self, octets: bytes, mac: bytes) -> None:
        try:
            self._context.verify(octets, mac)
        except Exception:  # noqa: BLE001 - each library has its own
            # Samba before 4.22 leaves out the length that RFC 8945 5.4.1 puts before the request's MAC. What is
            # left begins with that MAC, so it can only be an answer to this request.
            self._context.verify(octets[LENGTH_OCTETS:], mac)
