"""What the Kerberos library of MIT says in numbers, as a `Trouble`."""

from __future__ import annotations

from gssapi.exceptions import ExpiredCredentialsError, MissingCredentialsError
from gssapi.raw.misc import GSSError

from failover_dns.core.kerberos import NegotiationError, Trouble, explain

_BASE = -1765328384
"""Where the numbers of krb5's errors begin; up to 127 they are the protocol's (RFC 4120 7.5.9)."""

_TROUBLES = {
    1: Trouble.LOCKED,  # the account has expired
    6: Trouble.CLIENT_UNKNOWN,
    7: Trouble.SERVER_UNKNOWN,
    14: Trouble.ENCRYPTION,
    18: Trouble.LOCKED,
    23: Trouble.PASSWORD_EXPIRED,
    24: Trouble.WRONG_SECRET,
    31: Trouble.WRONG_SECRET,
    32: Trouble.TICKET_EXPIRED,
    33: Trouble.CLOCK,
    37: Trouble.CLOCK,
    41: Trouble.SERVER_KEY,
    136: Trouble.REALM_UNKNOWN,  # krb5.conf cannot be read
    141: Trouble.NO_CREDENTIALS,  # no matching credential in the cache
    154: Trouble.REALM_UNKNOWN,
    156: Trouble.KDC_UNREACHABLE,
    181: Trouble.NO_CREDENTIALS,  # the keytab lacks the principal
    194: Trouble.NO_CREDENTIALS,  # the cache's file may not be read
    195: Trouble.NO_CREDENTIALS,  # the cache's file is missing
    220: Trouble.REALM_UNKNOWN,
    224: Trouble.REALM_UNKNOWN,  # krb5.conf names none
}


def explained(error: Exception, account: str, server: str) -> NegotiationError:
    """Return the error in an administrator's words, whatever it was."""
    return explain(_trouble(error), account=account, server=server, said=_said(error))


def _trouble(error: Exception) -> Trouble:
    if isinstance(error, OSError | MissingCredentialsError):
        fallback = Trouble.NO_CREDENTIALS
    elif isinstance(error, ExpiredCredentialsError):
        fallback = Trouble.TICKET_EXPIRED
    else:
        fallback = Trouble.OTHER
    code = int(getattr(error, "min_code", 0))
    signed = code - (1 << 32) if code >= 1 << 31 else code
    return _TROUBLES.get(signed - _BASE, fallback)


def _said(error: Exception) -> str:
    if not isinstance(error, GSSError):
        return str(error)
    return " ".join(error.get_all_statuses(error.min_code, False)) or str(error)
