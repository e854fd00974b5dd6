"""Kerberos by the library of the platform: the seam that the signer sees, and who stands behind it.

python-gssapi on Linux, SSPI through pyspnego on Windows. Neither is imported before it is needed: both are
extras.
"""

from __future__ import annotations

import importlib
from typing import Protocol, cast

from failover_dns.core.kerberos import Credentials, Flag, LibraryError
from failover_dns.wire.context import Mac


class Context(Mac, Protocol):
    """A security context with one server, from its first token on. Only `negotiate` can block."""

    @property
    def complete(self) -> bool:
        """Whether it can sign and verify."""
        ...

    @property
    def life_s(self) -> float | None:
        """How long it is good for, once complete; None if the library does not say."""
        ...

    def negotiate(self, token: bytes) -> bytes:
        """Take the server's token, empty at first, and return the next one for it, or nothing."""
        ...


class Mechanism(Protocol):
    """An account's way into Kerberos. Its methods can block, and raise NegotiationError."""

    @property
    def account(self) -> str:
        """Who this is, for logs and messages."""
        ...

    def begin(self, server: str, *, fresh: bool) -> Context:
        """Return a context with DNS/`server`; `fresh` throws away the tickets that there are."""
        ...

    def close(self) -> None:
        """Throw away what was kept."""
        ...


def open_mechanism(credentials: Credentials, flags: tuple[Flag, ...], *, platform: str) -> Mechanism:
    """Return the mechanism of `platform` (as `sys.platform`); LibraryError if its library is missing."""
    name = "sspi" if platform == "win32" else "mit"
    try:
        module = importlib.import_module(f"{__name__}.{name}")
    except ImportError as error:
        raise LibraryError(
            f"the library for Kerberos cannot be loaded: {error}",
            "install it: pip install 'failover-dns[gss]' (on Linux with libkrb5-dev and gcc, or python3-gssapi)",
        ) from error
    return cast("Mechanism", module.open_mechanism(credentials, flags))
