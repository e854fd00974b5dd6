"""Kerberos as an administrator meets it: credentials, how long a security context serves, what went wrong.

The libraries and servers say it in numbers of their own; each adapter maps those to a `Trouble`, and its
words stand here, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from failover_dns.core.errors import FailoverDnsError, UnsentError

SERVES = 0.9
"""The part of its life after which a context is not begun to be used: clocks and answers take time."""


class Flag(StrEnum):
    """What a security context is asked for (RFC 2743 1.2)."""

    MUTUAL = "mutual"
    INTEGRITY = "integrity"
    REPLAY = "replay"


FLAGS = (Flag.MUTUAL, Flag.INTEGRITY)
"""What `nsupdate` asks for. Sequence is not to be had: messages go over several connections, in no order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Where an account's Kerberos credentials are; all None on Windows, for the service's own account."""

    principal: str | None = None
    keytab: Path | None = None
    ccache: Path | None = None
    password_file: Path | None = None

    def __post_init__(self) -> None:
        if sum(source is not None for source in (self.keytab, self.ccache, self.password_file)) > 1:
            raise ValueError("one of keytab, ccache and password_file")
        if self.password_file is not None and self.principal is None:
            raise ValueError("a password needs the principal that it is of")


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """When a context was made, by the monotonic clock, and how long it is good for."""

    since_s: float
    life_s: float

    def due(self, now_s: float) -> bool:
        """Whether half of it is over: time for another, while this one is still good."""
        return now_s - self.since_s >= self.life_s / 2

    def over(self, now_s: float) -> bool:
        """Whether it is not to be used any more."""
        return now_s - self.since_s >= self.life_s * SERVES


class NegotiationError(UnsentError):
    """There is no security context with a primary, so it was sent nothing that could be acted on."""


class LibraryError(FailoverDnsError):
    """The library for Kerberos is not installed, or not usable here."""

    exit_code = 78


class Trouble(StrEnum):
    """Why there is no security context."""

    SERVER_UNKNOWN = "server_unknown"
    CLIENT_UNKNOWN = "client_unknown"
    WRONG_SECRET = "wrong_secret"  # noqa: S105 - a word for a problem
    PASSWORD_EXPIRED = "password_expired"  # noqa: S105 - the same
    LOCKED = "locked"
    KDC_UNREACHABLE = "kdc_unreachable"
    KDC_SILENT = "kdc_silent"
    REALM_UNKNOWN = "realm_unknown"
    CLOCK = "clock"
    TICKET_EXPIRED = "ticket_expired"
    NO_CREDENTIALS = "no_credentials"
    ENCRYPTION = "encryption"
    SERVER_KEY = "server_key"
    NOT_GRANTED = "not_granted"
    OTHER = "other"


_WORDS = {
    Trouble.SERVER_UNKNOWN: (
        "the KDC does not know DNS/{server}: is this the server's own name?",
        "name the primary as its host is called in the domain, not by an address or an alias",
    ),
    Trouble.CLIENT_UNKNOWN: (
        "the KDC does not know the account {account}",
        "check `principal` and its realm, or export the keytab anew",
    ),
    Trouble.WRONG_SECRET: (
        "the KDC does not accept the keytab or password of {account}",
        "export the keytab anew, or write the account's current password: it was changed",
    ),
    Trouble.PASSWORD_EXPIRED: (
        "the password of {account} has expired",
        "set it anew, and for a service account let it never expire",
    ),
    Trouble.LOCKED: (
        "the KDC does not let {account} in: the account is disabled, locked or expired",
        "enable it in the directory",
    ),
    Trouble.KDC_UNREACHABLE: (
        "no KDC can be reached",
        "check krb5.conf, the domain's SRV records, and the firewall for port 88 (TCP and UDP)",
    ),
    Trouble.KDC_SILENT: (
        "the KDC gave no answer in time",
        "check that a domain controller is up, and the firewall for port 88 (TCP and UDP)",
    ),
    Trouble.REALM_UNKNOWN: (
        "the realm is not known here",
        "write it into krb5.conf: default_realm, [realms] or [domain_realm]",
    ),
    Trouble.CLOCK: (
        "the clocks of this host and of the KDC or the primary are too far apart for Kerberos",
        "set both clocks (NTP): Kerberos allows five minutes",
    ),
    Trouble.TICKET_EXPIRED: (
        "the Kerberos ticket of {account} has expired",
        "renew the ticket cache (kinit, k5start), or give a keytab instead of `ccache`",
    ),
    Trouble.NO_CREDENTIALS: (
        "there are no Kerberos credentials for {account}",
        "check that keytab or ccache exists, holds this principal and can be read by the daemon's user",
    ),
    Trouble.ENCRYPTION: (
        "{account}, the KDC and the primary have no type of encryption in common",
        "give the account AES keys: set its password anew and export the keytab again",
    ),
    Trouble.SERVER_KEY: (
        "the primary cannot decrypt the ticket for DNS/{server}: another account has that name, or its key",
        "look for a second account with that service principal (setspn -Q DNS/{server}), or an old keytab",
    ),
    Trouble.NOT_GRANTED: (
        "the security context with {server} does not give what was asked of it",
        "ask for less in `flags`, or see what the primary supports",
    ),
    Trouble.OTHER: ("Kerberos fails", "see the KDC's log and the primary's"),
}


def explain(trouble: Trouble, *, account: str, server: str, said: str = "") -> NegotiationError:
    """Return the error in an administrator's words; `said` is what the library or the server called it."""
    what, cure = (text.format(account=account, server=server) for text in _WORDS[trouble])
    where = f"signing in to {server}: {what}"
    return NegotiationError(f"{where} ({said})" if said else where, cure)
