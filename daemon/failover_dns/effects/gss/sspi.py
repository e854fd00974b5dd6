"""Kerberos on Windows: SSPI through pyspnego, with the service's own account."""

from __future__ import annotations

import getpass

import spnego
import spnego.exceptions

from failover_dns.core.kerberos import Credentials, Flag, LibraryError, NegotiationError, Trouble, explain

_FLAGS = {
    Flag.MUTUAL: spnego.ContextReq.mutual_auth,
    Flag.INTEGRITY: spnego.ContextReq.integrity,
    Flag.REPLAY: spnego.ContextReq.replay_detect,
}

_TROUBLES = {
    0x80090303: Trouble.SERVER_UNKNOWN,  # SEC_E_TARGET_UNKNOWN
    0x8009030C: Trouble.WRONG_SECRET,  # SEC_E_LOGON_DENIED
    0x8009030E: Trouble.NO_CREDENTIALS,  # SEC_E_NO_CREDENTIALS
    0x80090311: Trouble.KDC_UNREACHABLE,  # SEC_E_NO_AUTHENTICATING_AUTHORITY
    0x80090317: Trouble.TICKET_EXPIRED,  # SEC_E_CONTEXT_EXPIRED
    0x80090322: Trouble.SERVER_KEY,  # SEC_E_WRONG_PRINCIPAL
    0x80090324: Trouble.CLOCK,  # SEC_E_TIME_SKEW
    0x80090331: Trouble.ENCRYPTION,  # SEC_E_ALGORITHM_MISMATCH
    0x80090342: Trouble.ENCRYPTION,  # SEC_E_KDC_UNKNOWN_ETYPE
}


class SspiMechanism:
    """The account that this process runs as; Windows keeps and renews its tickets."""

    def __init__(self, flags: tuple[Flag, ...]) -> None:
        self._wanted = spnego.ContextReq.none
        for flag in flags:
            self._wanted |= _FLAGS[flag]

    @property
    def account(self) -> str:
        """The user of this process; a service's own account shows as the computer's."""
        return getpass.getuser()

    def begin(self, server: str, *, fresh: bool) -> SspiContext:  # noqa: ARG002 - Windows renews its own tickets
        """Return a context with DNS/`server`."""
        try:
            # Not "negotiate": that falls back to NTLM in silence, which no DNS server takes.
            proxy = spnego.client(
                hostname=server, service="DNS", protocol="kerberos", context_req=self._wanted
            )
        except (spnego.exceptions.SpnegoError, ImportError) as error:
            raise _explained(error, self.account, server) from error
        return SspiContext(proxy, server, self._wanted, self.account)

    def close(self) -> None:
        """Keep nothing: the tickets are the account's."""


class SspiContext:
    """One security context with one server."""

    life_s = None
    """Windows is not asked: TKEY says how long the server keeps it."""

    def __init__(
        self, proxy: spnego.ContextProxy, server: str, wanted: spnego.ContextReq, account: str
    ) -> None:
        self._proxy = proxy
        self._server = server
        self._wanted = wanted
        self._account = account

    @property
    def complete(self) -> bool:
        """Whether it can sign and verify."""
        return self._proxy.complete

    def negotiate(self, token: bytes) -> bytes:
        """Take the server's token and return the next one for it, or nothing."""
        try:
            answer = self._proxy.step(token or None)
        except spnego.exceptions.SpnegoError as error:
            raise _explained(error, self._account, self._server) from error
        if self._proxy.complete and self._wanted & ~self._proxy.context_attr:
            raise explain(Trouble.NOT_GRANTED, account=self._account, server=self._server)
        return answer or b""

    def sign(self, octets: bytes) -> bytes:
        """Return the MAC of `octets`."""
        return self._proxy.sign(octets)

    def verify(self, octets: bytes, mac: bytes) -> None:
        """Return if `mac` is the server's over `octets`; raise if it is not."""
        self._proxy.verify(octets, mac)


def open_mechanism(credentials: Credentials, flags: tuple[Flag, ...]) -> SspiMechanism:
    """Return the mechanism of the service's own account; LibraryError if another one is asked for."""
    if credentials != Credentials():
        raise LibraryError(
            "on Windows updates are signed by the service's own account",
            "remove keytab, ccache, principal and password, and run the service as the account that has the grants",
        )
    return SspiMechanism(flags)


def _explained(error: Exception, account: str, server: str) -> NegotiationError:
    base = getattr(error, "base_error", None)
    code = int(getattr(base, "winerror", None) or 0) & 0xFFFFFFFF
    trouble = _TROUBLES.get(code, Trouble.OTHER)
    return explain(trouble, account=account, server=server, said=str(base or error))
