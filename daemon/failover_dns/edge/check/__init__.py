"""`failover-dns check`: is everything there that a switch will need? Changes nothing.

Each line says ok, or what is wrong and what to do. The grant is proved name by name with a signed update after
which the records are as before: the primary checks the permission all the same.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import asdict
from pathlib import Path

from failover_dns.edge import wiring
from failover_dns.edge.check.registration import registrations
from failover_dns.edge.check.sources import sources
from failover_dns.edge.check.zones import zones
from failover_dns.edge.classless import delegations
from failover_dns.edge.findings import Finding
from failover_dns.edge.settings.load import load
from failover_dns.edge.settings.loaded import Loaded
from failover_dns.edge.words import OK, WRONG


def check(arguments: argparse.Namespace) -> int:
    """Check everything; 1 if anything is wrong."""
    loaded = load(arguments.config and Path(arguments.config), os.environ)
    return asyncio.run(_check(loaded, as_json=arguments.json))


async def _check(loaded: Loaded, *, as_json: bool) -> int:
    wrong = False
    async with aclosing(_findings(loaded)) as findings:
        async for finding in findings:
            wrong |= not finding.ok
            print(json.dumps(asdict(finding)) if as_json else finding, flush=True)  # noqa: T201
    return WRONG if wrong else OK


async def _findings(loaded: Loaded) -> AsyncGenerator[Finding, None]:
    yield Finding(ok=True, what=f"configuration {loaded.path}: {len(loaded.pairs)} pairs")
    yield _state_dir(loaded.state_dir)
    async with wiring.previews(loaded) as paths:
        for path in paths:
            for finding in await sources(path, loaded.sources[path.pair.name]):
                yield finding
        for finding in _unfenced(loaded):
            yield finding
        for finding in registrations(loaded, sys.platform):
            yield finding
        book = paths[0].zones
        for asked in (delegations(loaded, book), zones(loaded, book)):
            async with aclosing(asked) as findings:
                async for finding in findings:
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
