"""Kerberos on Linux: python-gssapi, with a keytab, a ticket cache or a password.

Tickets got with a keytab go into a cache of their own in a private directory: a file can be thrown away, and
a cache in memory cannot.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path

import gssapi
import gssapi.raw
from gssapi.exceptions import ExpiredContextError, ExpiredCredentialsError
from gssapi.raw.misc import GSSError

from failover_dns.core.kerberos import Credentials, Flag, Trouble, explain
from failover_dns.effects.gss.krb5 import explained

_FLAGS = {
    Flag.MUTUAL: gssapi.RequirementFlag.mutual_authentication,
    Flag.INTEGRITY: gssapi.RequirementFlag.integrity,
    Flag.REPLAY: gssapi.RequirementFlag.replay_detection,
}

_CACHE = "tickets"
_FRESH_CACHE = "tickets-fresh"


class MitMechanism:
    """One account, its credentials, and the tickets that were got with them."""

    def __init__(self, credentials: Credentials, flags: tuple[Flag, ...]) -> None:
        self._given = credentials
        self._flags = flags
        self._by_password: gssapi.Credentials | None = None
        self._half_s = 0.0
        self._directory: tempfile.TemporaryDirectory[str] | None = None

    @property
    def account(self) -> str:
        """The principal, or where it is written down."""
        given = self._given
        return given.principal or str(given.keytab or given.ccache or "the default ticket cache")

    def begin(self, server: str, *, fresh: bool) -> MitContext:
        """Return a context with DNS/`server`; with `fresh` the tickets in hand stay until it is complete."""
        try:
            credentials, keep = self._credentials(fresh=fresh)
            return MitContext(credentials, server, self._flags, self.account, keep)
        except (GSSError, OSError) as error:
            raise explained(error, self.account, server) from error

    def close(self) -> None:
        """Throw the tickets away."""
        self._by_password = None
        if self._directory is not None:
            self._directory.cleanup()
            self._directory = None

    def _credentials(self, *, fresh: bool) -> tuple[gssapi.Credentials, Callable[[], None]]:
        """Return credentials, and what keeps those that are fresh once they have proved good."""
        if self._given.password_file is not None:
            return self._of_password(self._given.password_file, fresh=fresh)
        if self._given.keytab is not None:
            return self._of_keytab(self._given.keytab, fresh=fresh)
        if self._given.ccache is None:
            return self._acquire(None), _nothing
        _require(self._given.ccache)
        return self._acquire({"ccache": str(self._given.ccache)}), _nothing

    def _of_keytab(self, keytab: Path, *, fresh: bool) -> tuple[gssapi.Credentials, Callable[[], None]]:
        """Return what the library gets with a keytab, and renews at half its life, in a cache of our own."""
        _require(keytab)
        self._directory = self._directory or tempfile.TemporaryDirectory(prefix="failover-dns-")
        cache = Path(self._directory.name, _CACHE)
        used = cache.with_name(_FRESH_CACHE) if fresh else cache
        if fresh:
            used.unlink(missing_ok=True)
        credentials = self._acquire({"client_keytab": str(keytab), "ccache": f"FILE:{used}"})
        return credentials, (lambda: _replace(used, cache)) if fresh else _nothing

    def _of_password(self, path: Path, *, fresh: bool) -> tuple[gssapi.Credentials, Callable[[], None]]:
        held = self._by_password
        if held is not None and not fresh and _left_s(held) > self._half_s:
            return held, _nothing
        password = path.read_bytes().removesuffix(b"\n").removesuffix(b"\r")
        name = gssapi.Name(str(self._given.principal), gssapi.NameType.kerberos_principal)
        got = gssapi.raw.acquire_cred_with_password(name, password, mechs=[gssapi.MechType.kerberos])
        credentials = gssapi.Credentials(base=got.creds)
        return credentials, lambda: self._keep(credentials)

    def _keep(self, credentials: gssapi.Credentials) -> None:
        self._by_password = credentials
        self._half_s = _left_s(credentials) / 2

    def _acquire(self, store: dict[bytes | str, bytes | str] | None) -> gssapi.Credentials:
        principal = self._given.principal
        name = None if principal is None else gssapi.Name(principal, gssapi.NameType.kerberos_principal)
        return gssapi.Credentials(name=name, usage="initiate", mechs=[gssapi.MechType.kerberos], store=store)


class MitContext:
    """One security context with one server."""

    def __init__(
        self,
        credentials: gssapi.Credentials,
        server: str,
        flags: tuple[Flag, ...],
        account: str,
        keep: Callable[[], None],
    ) -> None:
        self._keep = keep
        self._server = server
        self._account = account
        self._flags = [_FLAGS[flag] for flag in flags]
        self._context = gssapi.SecurityContext(
            name=gssapi.Name(f"DNS@{server}", gssapi.NameType.hostbased_service),
            creds=credentials,
            flags=sum(self._flags),
            mech=gssapi.MechType.kerberos,
            usage="initiate",
        )

    @property
    def complete(self) -> bool:
        """Whether it can sign and verify."""
        return bool(self._context.complete)

    @property
    def life_s(self) -> float | None:
        """How long it is good for: as long as the ticket."""
        try:
            return float(self._context.lifetime)
        except ExpiredContextError:  # both KDC and server allow for clocks that differ
            return 0.0

    def negotiate(self, token: bytes) -> bytes:
        """Take the server's token and return the next one for it, or nothing."""
        try:
            answer = self._context.step(token or None)
        except GSSError as error:
            raise explained(error, self._account, self._server) from error
        if self._context.complete:
            if not all(flag in self._context.actual_flags for flag in self._flags):
                raise explain(Trouble.NOT_GRANTED, account=self._account, server=self._server)
            self._keep()
        return answer or b""

    def sign(self, octets: bytes) -> bytes:
        """Return the MAC of `octets`."""
        return self._context.get_signature(octets)

    def verify(self, octets: bytes, mac: bytes) -> None:
        """Return if `mac` is the server's over `octets`; raise if it is not."""
        self._context.verify_signature(octets, mac)


def open_mechanism(credentials: Credentials, flags: tuple[Flag, ...]) -> MitMechanism:
    """Return the account's mechanism; nothing is read or asked yet."""
    return MitMechanism(credentials, flags)


def _require(path: Path) -> None:
    """Raise OSError if the file cannot be read: the library says something else then."""
    with path.open("rb"):
        pass


def _nothing() -> None:
    """Keep what is kept."""


def _replace(fresh: Path, cache: Path) -> None:
    with contextlib.suppress(FileNotFoundError):  # closed meanwhile
        fresh.replace(cache)


def _left_s(credentials: gssapi.Credentials) -> float:
    try:
        return credentials.lifetime
    except ExpiredCredentialsError:
        return 0.0
