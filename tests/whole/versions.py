"""Every version that a zone went through, as its primary's journal tells by IXFR (RFC 1995)."""

from __future__ import annotations

from collections.abc import Iterator

import dns.query
import dns.rrset
from dns.rdatatype import SOA

from tests.servers.client import TIMEOUT_S, DnsServer

KEPT_WHOLE = "notify no; max-journal-size 64m; max-ixfr-ratio unlimited;"
"""BIND's options to tell of all versions: by itself it forgets old ones, and sends the whole zone instead."""


def versions(server: DnsServer, zone: str, *, since: int, records: set[str]) -> Iterator[set[str]]:
    """Yield the records of each version after `since`, whose records are given, without the SOA."""
    _newest, *answers = _answers(server, zone, since)
    adds = False
    current = set(records)
    for rrset in answers[1:]:
        if rrset.rdtype != SOA:
            texts = {f"{rrset.name} {rrset.ttl} {rdata.rdtype.name} {rdata}" for rdata in rrset}
            assert current.isdisjoint(texts) if adds else current >= texts
            current = current | texts if adds else current - texts
            continue
        if adds:
            yield current
        adds = not adds


def _answers(server: DnsServer, zone: str, since: int) -> list[dns.rrset.RRset]:
    messages = dns.query.xfr(
        server.host,
        zone,
        "IXFR",
        port=server.port,
        serial=since,
        keyring={server.key.name: server.key},
        keyalgorithm=server.key.algorithm,
        relativize=False,
        timeout=TIMEOUT_S,
    )
    return [rrset for message in messages for rrset in message.answer]
