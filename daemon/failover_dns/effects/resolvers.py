"""The resolvers that the system uses."""

from __future__ import annotations

import dns.exception
import dns.resolver


def system_resolvers() -> tuple[tuple[str, int], ...]:
    """Return the address and port of each of the system's resolvers, none if it has none; blocks."""
    try:
        found = dns.resolver.Resolver()
    except (dns.exception.DNSException, OSError):
        return ()
    return tuple((str(address), found.port) for address in found.nameservers)
