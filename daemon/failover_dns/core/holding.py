"""Whether the host that runs the daemon holds a pair's virtual IPs: evidence of its role, and not proof.

An agent without the address cannot be online yet, or no longer. One with it need not be: keepalived killed
hard leaves the address in place, and a script may add it before the agent is ready. So holding only confirms
what another source claims (`core.combine`), unless the operator says that it is to be trusted.

Also here, what Windows says about registering those addresses in DNS by itself.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from failover_dns.core.model import Address, Instant, Observation, Role
from failover_dns.core.roles import Reading, shown, unknown

UNTRUSTED = "which is evidence and not proof: combine it with another source, or set trust = true"


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingSource:
    """The agent that runs the daemon and its pair's virtual IPs; `trust` lets holding them be a claim."""

    agent: str
    addresses: tuple[Address, ...]
    trust: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The addresses of this host's interfaces that are up, or a problem."""

    addresses: frozenset[Address] = frozenset()
    problem: str | None = None


def observe_holding(source: HoldingSource, held: Held, *, now: Instant) -> Observation:
    """Return what the agent's addresses alone say of its role: ONLINE only if they are trusted."""
    reading = _read(source, held)
    if reading.role is Role.ONLINE and not source.trust:
        reading = unknown(f"{reading.reason}, {UNTRUSTED}")
    return _observation(source, reading, now)


def attest(source: HoldingSource, held: Held, *, now: Instant) -> Observation:
    """Return what the agent's addresses say, as evidence for or against another source: ONLINE is "held"."""
    return _observation(source, _read(source, held), now)


def _observation(source: HoldingSource, reading: Reading, now: Instant) -> Observation:
    return Observation(
        agent=source.agent, role=reading.role, read=now, source="own addresses", reason=reading.reason
    )


def _read(source: HoldingSource, held: Held) -> Reading:
    if held.problem is not None:
        return unknown(held.problem)
    present = [address for address in source.addresses if address in held.addresses]
    missing = [address for address in source.addresses if address not in held.addresses]
    if not present:
        return Reading(role=Role.OFFLINE, reason=f"the host does not hold {_listed(missing)}")
    if missing:
        return unknown(f"the host holds {_listed(present)} and not {_listed(missing)}")
    return Reading(role=Role.ONLINE, reason=f"the host holds {_listed(present)}")


def _listed(addresses: Collection[Address]) -> str:
    return ", ".join(map(str, addresses)) or "any virtual IP"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registers:
    """An interface whose addresses Windows registers in DNS, or what hindered looking (`interface` is "")."""

    interface: str
    what: str
    cure: str


def read_registration(text: str, interfaces: Collection[str] | None = None) -> tuple[Registers, ...]:
    """Return who registers by the JSON of `Get-DnsClient`; only of `interfaces`, by alias, unless None."""
    try:
        found = json.loads(text.removeprefix("\ufeff")) if text.strip("\ufeff \r\n") else []
    except (ValueError, RecursionError):
        return (unreadable("what Get-DnsClient printed is not JSON"),)
    rows = found if isinstance(found, list) else [found]
    wanted = None if interfaces is None else {alias.casefold() for alias in interfaces}
    aliases = sorted(filter(None, map(_registering, rows)))
    return tuple(_registers(alias) for alias in aliases if wanted is None or alias.casefold() in wanted)


def unreadable(what: str) -> Registers:
    """Return that it could not be told whether Windows registers."""
    return Registers(
        interface="",
        what=f"it is not known whether Windows registers addresses in DNS: {what}",
        cure="run Get-DnsClient on the host and look at RegisterThisConnectionsAddress",
    )


def _registering(row: Any) -> str | None:
    if isinstance(row, dict) and row.get("RegisterThisConnectionsAddress") is True:
        alias = row.get("InterfaceAlias")
        return alias if isinstance(alias, str) else None
    return None


def _registers(alias: str) -> Registers:
    return Registers(
        interface=alias,
        what=f"Windows registers the addresses of {shown(alias)} in DNS by itself",
        cure="it puts stale records back; stop it with config/dataminer/Set-DnsRegistration.ps1 -Apply",
    )
