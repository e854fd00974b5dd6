"""Whether the usual reverse names lead into the classless zones that are configured (RFC 2317).

The CNAMEs that do it stand in the parent zone, which is often the provider's: where it is not configured, a
resolver is asked.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import AsyncExitStack

import dns.flags

from failover_dns.conduct.zone import Zone
from failover_dns.core.errors import FailoverDnsError, ReadError
from failover_dns.core.model import Key, RRset, Type, reverse_name, zone_of
from failover_dns.edge.findings import Finding
from failover_dns.edge.servers import Servers
from failover_dns.edge.settings.loaded import Loaded
from failover_dns.effects.primary import Primary
from failover_dns.wire.query import ask, read_unsigned


async def delegations(loaded: Loaded, zones: Mapping[str, Zone]) -> AsyncGenerator[Finding, None]:
    """Return for each pointer in a classless zone whether the usual reverse name leads to it."""
    for pair in loaded.pairs:
        for ip, pointer in pair.pointers.items():
            usual = reverse_name(ip)
            what = f"pair {pair.name}: the pointer of {ip} is at {pointer}"
            try:
                alias = await _alias(usual, loaded, zones)
            except FailoverDnsError as error:
                yield Finding(
                    ok=False,
                    what=f"{what}; not checked if {usual} leads there: {error.what}",
                    cure=error.cure,
                )
            else:
                yield _judged(what, usual, pointer, alias)


def _judged(what: str, usual: str, pointer: str, alias: RRset) -> Finding:
    if pointer in alias.values:
        return Finding(ok=True, what=f"{what}, where {usual} leads")
    leads = " and ".join(map(str, alias.values))
    return Finding(
        ok=False,
        what=f"{what}, and {usual} {f'leads to {leads}' if leads else 'has no CNAME'}",
        cure=f"let whoever has the parent zone add {usual} CNAME {pointer}, or correct reverse_of",
    )


async def _alias(usual: str, loaded: Loaded, zones: Mapping[str, Zone]) -> RRset:
    """Return the CNAME at `usual`; ReadError if nobody tells."""
    key = Key(usual, Type.CNAME)
    zone = zone_of(usual, frozenset(zones))
    if zone is not None:
        _, found = await zones[zone].read([Key(usual, Type.PTR)])
        return found.get(key, RRset(key=key))
    async with AsyncExitStack() as stack:
        return await _resolved(key, await Servers(stack).resolvers(loaded), loaded.timings.deadline_s)


async def _resolved(key: Key, resolvers: Iterable[Primary], deadline_s: float) -> RRset:
    problem = ReadError("no resolver is known", "name one in resolvers")
    query = ask(key)
    query.flags |= dns.flags.RD
    for resolver in resolvers:
        try:
            return read_unsigned(key, query, await resolver.exchange(query.to_wire(), deadline_s=deadline_s))
        except FailoverDnsError as error:
            problem = ReadError(error.what, error.cure or f"look at {resolver}, or name another in resolvers")
    raise problem
