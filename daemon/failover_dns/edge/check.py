"""`failover-dns check`: is everything there that a switch will need? Changes nothing.

Each line says ok, or what is wrong and what to do. The grant is proved name by name with a signed update that
removes a value which is not there: the primary checks the permission, and the records stay as they are.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from failover_dns.conduct.propose import Proposer
from failover_dns.conduct.zone import Sitting
from failover_dns.core.errors import FailoverDnsError
from failover_dns.core.model import Key, Role
from failover_dns.core.outcome import Said
from failover_dns.core.plan import writable_keys, zone_for
from failover_dns.edge import wiring
from failover_dns.edge.settings.load import load
from failover_dns.edge.settings.loaded import Loaded
from failover_dns.edge.words import OK, WRONG


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was checked."""

    ok: bool
    what: str
    cure: str = ""

    def __str__(self) -> str:
        return f"{'ok   ' if self.ok else 'WRONG'}  {self.what}" + (f"; {self.cure}" if self.cure else "")


def check(arguments: argparse.Namespace) -> int:
    """Check everything; 1 if anything is wrong."""
    loaded = load(arguments.config and Path(arguments.config), os.environ)
    return asyncio.run(_check(loaded, as_json=arguments.json))


async def _check(loaded: Loaded, *, as_json: bool) -> int:
    wrong = False
    async for finding in _findings(loaded):
        wrong |= not finding.ok
        print(json.dumps(asdict(finding)) if as_json else finding, flush=True)  # noqa: T201
    return WRONG if wrong else OK


async def _findings(loaded: Loaded) -> AsyncIterator[Finding]:
    yield Finding(ok=True, what=f"configuration {loaded.path}: {len(loaded.pairs)} pairs")
    yield _state_dir(loaded.state_dir)
    async with wiring.previews(loaded) as paths:
        for path in paths:
            for finding in await _sources(path):
                yield finding
        zones = paths[0].zones
        wanted = _keys_by_zone(loaded, zones)
        for name, zone in zones.items():
            for sitting in zone.sittings:
                for finding in await _primary(sitting, wanted.get(name, ())):
                    yield finding


def _state_dir(directory: Path) -> Finding:
    existing = next(parent for parent in (directory, *directory.parents) if parent.exists())
    if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
        return Finding(ok=True, what=f"state directory {directory}")
    return Finding(
        ok=False,
        what=f"state directory {directory}: this account cannot write in {existing}",
        cure="run the check under the daemon's account, or let that account write there",
    )


async def _sources(path: Proposer) -> Iterator[Finding]:
    walk = await path.decide()
    return (
        Finding(
            ok=seen.role is not Role.UNKNOWN,
            what=f"pair {path.pair.name}: {agent} is {seen.role} by {seen.source}: {seen.reason}",
            cure="while it is UNKNOWN this agent moves nothing" if seen.role is Role.UNKNOWN else "",
        )
        for agent, seen in walk.seen.items()
    )


def _keys_by_zone(loaded: Loaded, zones: Iterable[str]) -> dict[str, tuple[Key, ...]]:
    found: dict[str, tuple[Key, ...]] = {}
    for pair in loaded.pairs:
        for key in writable_keys(pair):
            zone = zone_for(key.name, frozenset(zones))
            found[zone] = (*found.get(zone, ()), key)
    return found


async def _primary(sitting: Sitting, wanted: tuple[Key, ...]) -> list[Finding]:
    where = f"zone {sitting.zone} at {sitting.primary}"
    answer = await sitting.prove(())
    if answer.said is not Said.DONE:
        what = f"{where}: {answer.rcode or ''} {answer.what}".replace(":  ", ": ")
        return [Finding(ok=False, what=what, cure=answer.cure)]
    findings = [Finding(ok=True, what=f"{where}: key {sitting.key.name} is accepted")]
    try:
        records = await sitting.read(wanted)
    except FailoverDnsError as error:
        return [*findings, Finding(ok=False, what=f"{where}: {error.what}", cure=error.cure)]
    for key in wanted:
        answer = await sitting.prove_grant(records[key])
        granted = answer.said is Said.DONE
        what = f"{where}: {key.name} {key.type} may be changed"
        if not granted:
            what = f"{where}: {key.name} {key.type} may not be changed: {answer.rcode or ''} {answer.what}"
        findings.append(Finding(ok=granted, what=what, cure=answer.cure))
    return findings
