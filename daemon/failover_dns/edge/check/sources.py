"""What `check` says of the places where roles are read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import assert_never

from failover_dns.conduct.propose import Proposer
from failover_dns.core.dms import DmsSource
from failover_dns.core.health import HttpSource
from failover_dns.core.holding import HoldingSource
from failover_dns.core.keepalived import KeepalivedSource
from failover_dns.core.model import Observation, Role
from failover_dns.core.sources import FileSource
from failover_dns.edge.findings import Finding
from failover_dns.edge.settings.reads import FailoverLog, FailoverStatus, Reads, What


async def sources(path: Proposer, reads: Iterable[Reads]) -> list[Finding]:
    """Return what each source of the pair says now."""
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
