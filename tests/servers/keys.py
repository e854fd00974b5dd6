"""TSIG keys made anew for each server, so that only the one that was started can answer to them."""

from __future__ import annotations

import secrets

import dns.tsig

SECRET_OCTETS = {"hmac-sha256": 32, "hmac-sha384": 48, "hmac-sha512": 64}


def make_keys() -> dict[str, dns.tsig.Key]:
    """Return one key for each algorithm, by the algorithm's name."""
    return {
        algorithm: dns.tsig.Key(f"{algorithm}.key.", secrets.token_bytes(octets), algorithm)
        for algorithm, octets in SECRET_OCTETS.items()
    }
