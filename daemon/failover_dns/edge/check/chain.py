"""How far a Kerberos account comes with a primary, step by step: the first that fails says what to do, and ends it."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator

from failover_dns.conduct.signing import Negotiated
from failover_dns.conduct.zone import Sitting
from failover_dns.core.errors import FailoverDnsError, ReadError
from failover_dns.edge.findings import Finding
from failover_dns.effects import clock
from failover_dns.effects.lane import Lane
from failover_dns.wire.clock import TOLERANCE_S, ask_clock, read_clock

NO_HOSTS = ("", "localhost", "localhost.localdomain", "invalid")
"""What stands in place of a server's name in SOAs that nobody thought about."""


async def chain(sitting: Sitting, signer: Negotiated) -> AsyncGenerator[Finding, None]:
    """Return a finding for each step, up to a security context with the primary or the step that fails."""
    for step in (_name, _clock, _ticket, _context):
        try:
            said = await step(sitting, signer)
        except FailoverDnsError as error:
            yield Finding(ok=False, what=f"{sitting.primary}: {error.what}", cure=error.cure)
            return
        yield Finding(ok=True, what=f"{sitting.primary}: {said}")


async def _name(sitting: Sitting, signer: Negotiated) -> str:
    host = str(sitting.primary).rpartition("#")[0]
    address = await _look_up(host, sitting.deadline_s)
    name = await _server(sitting, signer)
    if name in NO_HOSTS:
        what = f"the SOA of zone {sitting.zone} calls the server {name or '.'}, which is no host's name"
        raise ReadError(what, "write the server's own name into the SOA: a ticket is for that name")
    return f"it is {address}, and calls itself {name}"


async def _clock(sitting: Sitting, signer: Negotiated) -> str:  # noqa: ARG001 - a step like the others
    query = ask_clock(sitting.zone)
    answer = await sitting.primary.exchange(query.to_wire(), deadline_s=sitting.deadline_s)
    told_s = read_clock(query, answer)
    if told_s is None:
        return "it does not tell strangers what its clock shows"
    ahead_s = round(clock.now().wall_s - told_s)
    if abs(ahead_s) <= TOLERANCE_S:
        return f"its clock and this host's differ by {abs(ahead_s)} s"
    side = "ahead of" if ahead_s > 0 else "behind"
    what = f"this host's clock is {abs(ahead_s)} s {side} the primary's"
    raise ReadError(what, "set both clocks (NTP): Kerberos allows five minutes")


async def _ticket(sitting: Sitting, signer: Negotiated) -> str:
    name = await _server(sitting, signer)
    await signer.ticket(name, deadline_s=sitting.deadline_s)
    return f"{signer.name} has a ticket for DNS/{name}"


async def _context(sitting: Sitting, signer: Negotiated) -> str:
    await signer.key(sitting.primary, sitting.zone, deadline_s=sitting.deadline_s)
    return f"{signer.name} has a security context (TKEY)"


async def _server(sitting: Sitting, signer: Negotiated) -> str:
    name = await signer.server_name(sitting.primary, sitting.zone, deadline_s=sitting.deadline_s)
    return name.rstrip(".").lower()


async def _look_up(host: str, deadline_s: float) -> str:
    """Return the address of the primary; ReadError if its name has none here."""
    lane = Lane(f"look-up of {host}")
    cure = "let this host's resolvers know the name, or write the primary's address into primaries"
    try:
        found = await lane.run(lambda: socket.getaddrinfo(host, None), deadline_s=deadline_s)
    except (OSError, TimeoutError, UnicodeError) as error:
        raise ReadError(f"the name {host} is not known to this host: {error}", cure) from error
    finally:
        lane.close()
    return str(found[0][4][0])
