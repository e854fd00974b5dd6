"""`failover-dns check`: is everything there that a switch will need? Changes nothing.

Each line says ok, or what is wrong and what to do. The grant is proved name by name with a signed update that
removes a value which is not there: the primary checks the permission, and the records stay as they are.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import assert_never

from failover_dns.conduct.discover import ZoneBook
from failover_dns.conduct.propose import Proposer
from failover_dns.conduct.zone import Sitting
from failover_dns.core.dms import DmsSource
from failover_dns.core.errors import FailoverDnsError
from failover_dns.core.fence import fence_key
from failover_dns.core.health import HttpSource
from failover_dns.core.holding import HoldingSource
from failover_dns.core.keepalived import KeepalivedSource
from failover_dns.core.model import Key, Observation, Role, zone_of
from failover_dns.core.outcome import Said
from failover_dns.core.plan import writable_keys
from failover_dns.core.sources import FileSource
from failover_dns.edge import wiring
from failover_dns.edge.classless import delegations
from failover_dns.edge.findings import Finding
from failover_dns.edge.settings.load import load
from failover_dns.edge.settings.loaded import Loaded
from failover_dns.edge.settings.reads import FailoverLog, FailoverStatus, Reads, What
from failover_dns.edge.words import OK, WRONG
from failover_dns.effects.addresses import Interfaces, carriers, interfaces_up, registration

POWERSHELL_S = 30.0
"""It takes seconds to start on a machine that has just booted."""


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
            for finding in await _sources(path, loaded.sources[path.pair.name]):
                yield finding
        for finding in _unfenced(loaded):
            yield finding
        for finding in registrations(loaded, sys.platform):
            yield finding
        zones = paths[0].zones
        async for finding in delegations(loaded, zones):
            yield finding
        async for finding in _zones(loaded, zones):
            yield finding


def _unfenced(loaded: Loaded) -> Iterator[Finding]:
    for pair in loaded.pairs:
        if not pair.fence:
            yield Finding(
                ok=True,
                what=f"pair {pair.name}: fence = false, so run one daemon only: nothing keeps a second one, or a late "
                "message of this one, from undoing a newer decision",
            )


def _state_dir(directory: Path) -> Finding:
    existing = next(parent for parent in (directory, *directory.parents) if parent.exists())
    if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
        return Finding(ok=True, what=f"state directory {directory}")
    return Finding(
        ok=False,
        what=f"state directory {directory}: this account cannot write in {existing}",
        cure="run the check under the daemon's account, or let that account write there",
    )


async def _sources(path: Proposer, reads: Iterable[Reads]) -> list[Finding]:
    walk = await path.decide()
    whats = {found.agent: [source.what for source in found.sources] for found in reads}
    findings = [
        _source(path.pair.name, seen, whats.get(agent) or whats[None]) for agent, seen in walk.seen.items()
    ]
    asked = [what for found in whats.values() for what in found if isinstance(what, HttpSource)]
    return findings + [
        Finding(ok=True, what=f"pair {path.pair.name}: {what.label} is asked, though {warning}")
        for what in asked
        for warning in what.warnings
    ]


def _source(pair: str, seen: Observation, whats: Sequence[What]) -> Finding:
    what = f"pair {pair}: {seen.agent} is {seen.role} by {seen.source}: {seen.reason}"
    if seen.role is not Role.UNKNOWN:
        return Finding(ok=True, what=what)
    if any(isinstance(one, KeepalivedSource) for one in whats):
        return Finding(ok=True, what=f"{what}: its log tells more")
    cures = dict.fromkeys(map(_cure, whats))
    return Finding(ok=False, what=what, cure=f"{', '.join(cures)}; until then this agent moves nothing")


def _cure(what: What) -> str:
    match what:
        case FileSource():
            return "have the agent's script write it, or write it with `failover-dns report`"
        case HttpSource():
            return "ask it with `curl -v` from this host"
        case DmsSource():
            return "open it under the daemon's account and look at its Failover"
        case FailoverLog() | FailoverStatus():
            return "wait for what the next switch writes into it, or put a DMS.xml before it"
        case HoldingSource():
            return "give the agent another source beside its addresses"
        case KeepalivedSource():
            return "look at what the running daemon logs"
        case _:
            assert_never(what)


def registrations(
    loaded: Loaded,
    platform: str,
    *,
    run: Callable[[Sequence[str]], str] | None = None,
    interfaces: Callable[[], Interfaces] = interfaces_up,
) -> Iterator[Finding]:
    """Return the interfaces with a virtual IP whose addresses Windows registers by itself."""
    if platform != "win32":
        return
    moving = {ip for pair in loaded.pairs for ip in pair.virtual_ips}
    carrying = carriers(moving, interfaces())
    if carrying:
        for found in registration(run or _printed, platform, carrying):
            yield Finding(ok=False, what=found.what, cure=found.cure)


def _printed(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command of the system's
            command, capture_output=True, text=True, check=True, timeout=POWERSHELL_S
        )
    except subprocess.SubprocessError as error:
        raise OSError(str(error)) from error
    return done.stdout


async def _zones(loaded: Loaded, book: ZoneBook) -> AsyncIterator[Finding]:
    """Check every zone that is configured or needed, at each of its primaries."""
    keys = [key for pair in loaded.pairs for key in writable_keys(pair)]
    found, unfound = await book.at(key.name for key in keys)
    for error in unfound.values():
        yield Finding(ok=False, what=error.what, cure=error.cure)
    wanted: dict[str | None, list[Key]] = {}
    for key in keys:
        wanted.setdefault(zone_of(key.name, frozenset(found)), []).append(key)
    for pair in loaded.pairs:
        touched = {zone_of(key.name, frozenset(found)) for key in writable_keys(pair)} if pair.fence else set()
        for where in touched - {None}:
            wanted[where].append(fence_key(pair.name, str(where)))
    for name, zone in {**book, **found}.items():
        try:
            sittings = await zone.located()
        except FailoverDnsError as error:
            yield Finding(ok=False, what=f"zone {name}: {error.what}", cure=error.cure)
            continue
        for sitting in sittings:
            for finding in await _primary(sitting, wanted.get(name, ())):
                yield finding


async def _primary(sitting: Sitting, wanted: Sequence[Key]) -> list[Finding]:
    where = f"zone {sitting.zone} at {sitting.primary}"
    answer = await sitting.prove(())
    if answer.said is not Said.DONE:
        what = f"{where}: {answer.rcode or ''} {answer.what}".replace(":  ", ": ")
        return [Finding(ok=False, what=what, cure=answer.cure)]
    findings = [Finding(ok=True, what=f"{where}: {sitting.signer.name} is accepted")]
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
