"""`failover-dns watch`: what each source says and what would be decided, live. DNS is left alone."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from failover_dns.conduct.propose import Proposer
from failover_dns.conduct.walk import Walk
from failover_dns.core.model import Observation
from failover_dns.edge import wiring
from failover_dns.edge.settings.load import load
from failover_dns.edge.settings.loaded import Loaded
from failover_dns.edge.told import decided
from failover_dns.edge.walked import decision_document
from failover_dns.edge.words import OK
from failover_dns.effects import clock


def watch(arguments: argparse.Namespace) -> int:
    """Show each pair whenever something about it changes, until Ctrl-C."""
    loaded = wiring.chosen(load(arguments.config and Path(arguments.config), os.environ), arguments.pairs)
    if not arguments.json:
        print("watching; Ctrl-C ends it, and DNS is not touched", file=sys.stderr)  # noqa: T201
    asyncio.run(_watch(loaded, as_json=arguments.json))
    return OK


async def _watch(loaded: Loaded, *, as_json: bool) -> None:
    async with wiring.previews(loaded) as paths, asyncio.TaskGroup() as group:
        for path in paths:
            group.create_task(_follow(path, loaded.timings.look_s, as_json=as_json))


async def _follow(path: Proposer, look_s: float, *, as_json: bool) -> None:
    woken = asyncio.Event()
    shown: object = None
    async with AsyncExitStack() as stack:
        for source in path.sources:
            await stack.enter_async_context(source.watched(woken.set))
        while True:
            walk = await path.decide()
            gist = (walk.decision, [(s.role, s.source, s.since_s) for s in walk.seen.values()])
            if gist != shown:
                shown = gist
                _print(walk, as_json=as_json)
            try:
                async with asyncio.timeout(look_s):
                    await woken.wait()
            except TimeoutError:
                continue
            woken.clear()


def _print(walk: Walk, *, as_json: bool) -> None:
    text = json.dumps(_document(walk)) if as_json else "\n".join(_lines(walk))
    print(text, flush=True)  # noqa: T201 - a command's output


def _lines(walk: Walk) -> Iterator[str]:
    yield f"{_time()}  pair {walk.pair}: {decided(decision_document(walk))}"
    for agent, seen in walk.seen.items():
        yield f"  {agent}  {seen.role}  {_age(seen)}  {seen.source}: {seen.reason}"


def _document(walk: Walk) -> dict[str, Any]:
    return {"time": _time(), **decision_document(walk)}


def _time() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _age(seen: Observation) -> str:
    return f"read {max(0.0, clock.now().mono_s - seen.read.mono_s):.1f} s ago"
