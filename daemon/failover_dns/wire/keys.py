"""TSIG keys (RFC 8945) as the messages use them."""

from __future__ import annotations

import dns.name
import dns.tsig

ALGORITHMS = {
    "hmac-sha256": dns.tsig.HMAC_SHA256,
    "hmac-sha384": dns.tsig.HMAC_SHA384,
    "hmac-sha512": dns.tsig.HMAC_SHA512,
}
"""The algorithms of RFC 8945 section 6 that are not too weak to offer."""


def tsig_key(name: str, secret: bytes, algorithm: str) -> dns.tsig.Key:
    """Return the key; beware that the library's `repr` of it shows the secret."""
    return dns.tsig.Key(dns.name.from_text(name), secret, ALGORITHMS[algorithm])
