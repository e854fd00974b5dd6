"""The daemon: one generation after another, until it is told to stop.

A reload checks the new configuration whole, lets the walks in hand end, and goes on with what is new; the pairs that
did not change keep their sources and what is remembered of them. What cannot be taken in changes nothing.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from failover_dns.conduct.remembered import Remembered
from failover_dns.conduct.walk import Why
from failover_dns.core.errors import FailoverDnsError
from failover_dns.edge.adapters import Attendance
from failover_dns.edge.generation import Generation, generation
from failover_dns.edge.outlets import Outlets
from failover_dns.edge.settings.load import load
from failover_dns.edge.settings.loaded import Loaded
from failover_dns.edge.wiring import Works
from failover_dns.effects.lane import Lane

FIXED = ("state_dir", "control", "log")
"""What a daemon cannot change while it runs: others find it by them, and its lock and log are there."""

READ_S = 30.0
"""For the configuration and its secrets, which may lie on a share; the pairs go on meanwhile."""


class Daemon:
    """All pairs' work; `began` is called with each generation, and what it returns ends with it."""

    def __init__(
        self,
        loaded: Loaded,
        place: Path | None,
        *,
        outlets: Outlets,
        began: Callable[[Generation], Iterable[asyncio.Task[None]]],
    ) -> None:
        self._loaded = loaded
        self._place = place
        self._outlets = outlets
        self._began = began
        self.begun = asyncio.Event()
        self._now: Generation | None = None
        self._next: Loaded | None = None
        self._before: Loaded | None = None
        self._refusal: str | None = None
        self._taken: asyncio.Future[str | None] | None = None
        self._stopping = False

    @property
    def works(self) -> Works:
        """What works now; FailoverDnsError while a configuration is taken in."""
        if self._now is None:
            raise FailoverDnsError("the daemon takes in a configuration", "try again in a second")
        return self._now.works

    def wake(self, pairs: Iterable[str], why: Why) -> None:
        """Ask for a walk of each of `pairs`; between two generations they are walked anyway."""
        if self._now is not None:
            self._now.service.wake(self._now.names.intersection(pairs), why)

    def stop(self) -> None:
        """Finish the walks in hand and end."""
        self._stopping = True
        if self._now is not None:
            self._now.service.stop()

    async def take_in(self) -> str | None:
        """Take in the configuration as it is now; return why not, and then nothing has changed."""
        lane = Lane("configuration")
        try:
            found = await lane.run(lambda: load(self._place, os.environ), deadline_s=READ_S)
        except (FailoverDnsError, TimeoutError) as error:
            return str(error)
        finally:
            lane.close()
        fixed = [name for name in FIXED if getattr(found, name) != getattr(self._loaded, name)]
        if fixed:
            return f"{' and '.join(fixed)} cannot change while the daemon runs; restart it"
        if self._stopping or self._now is None:
            return "the daemon is starting or stopping; try again"
        self._next, self._taken = found, asyncio.get_running_loop().create_future()
        self._now.service.stop()
        return await self._taken

    async def run(self) -> bool:
        """Work until stopped; return whether every walk in hand was finished in time."""
        try:
            return await self._run()
        finally:
            self._answer("the daemon is stopping")

    async def _run(self) -> bool:
        remembered: Mapping[str, Remembered] = {}
        by = self._loaded
        async with Attendance(lambda pair: self.wake((pair,), Why.SOURCE)) as attendance:
            while True:
                handed_on = _unchanged(remembered, by, self._loaded)
                try:
                    async with generation(self._loaded, attendance, handed_on, self._outlets) as now:
                        finished = await self._work(now)
                        remembered, by = now.remembered, now.loaded
                except (FailoverDnsError, OSError) as error:
                    if self._before is None:
                        raise
                    self._loaded, self._before, self._refusal = self._before, None, str(error)
                    continue
                if self._next is None or self._stopping:
                    return finished
                self._before, self._loaded, self._next = self._loaded, self._next, None

    async def _work(self, now: Generation) -> bool:
        """Work by this configuration until it is to end; from now on there is no way back to the one before."""
        self._now, self._before = now, None
        beside = tuple(self._began(now))
        self.begun.set()
        self._answer(self._refusal)
        if self._stopping:
            now.service.stop()
        try:
            return await now.service.run()
        finally:
            self._now = None
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    def _answer(self, refusal: str | None) -> None:
        """Tell who asked for a reload what became of it."""
        self._refusal = None
        if self._taken is not None and not self._taken.done():
            self._taken.set_result(refusal)


def _unchanged(remembered: Mapping[str, Remembered], before: Loaded, now: Loaded) -> Mapping[str, Remembered]:
    earlier = {pair.name: pair for pair in before.pairs}
    same = {pair.name for pair in now.pairs if earlier.get(pair.name) == pair}
    return {pair: past for pair, past in remembered.items() if pair in same}
