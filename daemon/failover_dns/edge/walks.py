"""`failover-dns plan`, and a `resync` without a daemon: the main path, once, in this process."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from failover_dns.conduct.fencing import Insist
from failover_dns.conduct.walk import Wake, Walk, Why
from failover_dns.edge import wiring
from failover_dns.edge.settings.load import load
from failover_dns.edge.settings.loaded import Loaded
from failover_dns.edge.told import show
from failover_dns.edge.walked import document
from failover_dns.edge.words import OK, PENDING, WRONG
from failover_dns.effects import clock


def plan(arguments: argparse.Namespace) -> int:
    """Show what would change; 2 if anything would, 1 if it could not be found out or must not be done."""
    walks = asyncio.run(_plan(_loaded(arguments)))
    for walk in walks:
        show(document(walk), as_json=arguments.json)
    if any(walk.problems or walk.refusals for walk in walks):
        return WRONG
    return PENDING if any(walk.plan and walk.plan.changes for walk in walks) else OK


def walk_here(arguments: argparse.Namespace) -> Sequence[Mapping[str, Any]]:
    """Walk the path of each pair now and return what came of it."""
    insist = Insist(supersede=arguments.supersede, mend=arguments.mend_fence)
    return [document(walk) for walk in asyncio.run(_resync(_loaded(arguments), insist))]


def _loaded(arguments: argparse.Namespace) -> Loaded:
    loaded = wiring.chosen(load(arguments.config and Path(arguments.config), os.environ), arguments.pairs)
    # An operator who asks now does not wait for a decision to settle.
    return replace(loaded, pairs=tuple(replace(pair, settle_s=0.0) for pair in loaded.pairs))


async def _plan(loaded: Loaded) -> Sequence[Walk]:
    async with wiring.previews(loaded) as paths:
        return await asyncio.gather(*(path.preview() for path in paths))


async def _resync(loaded: Loaded, insist: Insist) -> Sequence[Walk]:
    async with wiring.works(loaded, insist=insist) as works:
        wake = Wake(why=Why.RESYNC, at=clock.now())
        return await asyncio.gather(*(reconciler.walk(wake) for reconciler in works.reconcilers))
