"""The daemon at work: wake-ups and timers become walks, one task for each pair, until it is told to stop.

A wake-up carries no data. Those that come while a walk is under way are one more walk after it. A pair waits
only for itself, and a walk that ends by a defect of ours is tried again, later each time, while the others go on.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from failover_dns.conduct.backoff import OURSELVES, Backoff
from failover_dns.conduct.reconcile import Reconciler
from failover_dns.conduct.walk import Wake, Walk, Why
from failover_dns.core.model import Instant
from failover_dns.core.outcome import Outcome

DEPTH = (Why.LOOK, Why.SETTLED, Why.SOURCE, Why.AUDIT, Why.RETRY, Why.NOTIFY, Why.START, Why.RESYNC)
"""Which of two wake-ups is kept when both wait: the one that looks deeper."""

NEWS = frozenset({Why.SOURCE, Why.RESYNC})
"""What may change the decision: a walk that waits for a slow primary then waits no longer."""

JITTER = 0.1
"""Timers vary by this share, so that many pairs and many daemons do not ask all at once."""


class Tell(Protocol):
    """Where walks are told of: the log (`edge.logs`)."""

    def __call__(self, walk: Walk, wake: Wake) -> None:
        """Tell of one walk."""
        ...


class Fail(Protocol):
    """Where a walk is told of that ended by a defect of ours: loudly, with its traceback."""

    def __call__(self, pair: str, error: Exception, *, again_in_s: float) -> None:
        """Tell of one; the walk is tried again in so many seconds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Every:
    """How often a pair is looked at although nothing woke it: its sources, and DNS itself (seconds)."""

    look_s: float
    audit_s: float


class Worker:
    """One pair's walks, one at a time; without `fail`, which is told of defects, one ends `run`."""

    def __init__(  # noqa: PLR0913 - whoever is told of walks and defects, and what makes time
        self,
        reconciler: Reconciler,
        *,
        clock: Callable[[], Instant],
        every: Every,
        rng: random.Random,
        tell: Tell,
        fail: Fail | None = None,
    ) -> None:
        self.reconciler = reconciler
        self.first_walk = asyncio.Event()
        self.last_walk: Instant | None = None
        self._clock = clock
        self._every = every
        self._rng = rng
        self._tell = tell
        self._fail = fail
        self._defects = Backoff(rng)
        self._waiting: Wake | None = None
        self._woken = asyncio.Event()
        self._hurry = asyncio.Event()
        self._stopping = False
        self._landing: asyncio.Task[None] | None = None

    def wake(self, why: Why) -> None:
        """Ask for a walk; one that waits already takes this one in."""
        waiting = self._waiting
        if waiting is None or DEPTH.index(why) > DEPTH.index(waiting.why):
            self._waiting = Wake(why=why, at=waiting.at if waiting else self._clock())
        if why in NEWS and not self._stopping:
            self._hurry.set()  # who stops waits for what is in hand
        self._woken.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Walk whenever woken or due, until `stopping`; the walk in hand is finished."""
        timers = {Why.AUDIT: self._after(self._every.audit_s), Why.LOOK: self._after(self._every.look_s)}
        self.wake(Why.START)
        while not stopping.is_set():
            wake = await self._next(timers)
            if stopping.is_set():
                break
            try:
                walk = await self.reconciler.walk(wake, hurry=self._hurry)
                self._tell(walk, wake)
            except Exception as error:  # noqa: BLE001 - a defect of ours in this pair is not to end the others
                timers = self._after_defect(error)
            else:
                self._set(timers, walk, wake)
                self._expect()
            self.last_walk = self._clock()
            self.first_walk.set()
        if self.reconciler.in_flight:
            await asyncio.wait(self.reconciler.in_flight)

    def _set(self, timers: dict[Why, float], walk: Walk, wake: Wake) -> None:
        """Set the timers anew after a walk."""
        self._defects.succeed(OURSELVES)
        timers.pop(Why.START, None)
        timers[Why.LOOK] = self._after(self._every.look_s)
        if wake.why in {Why.AUDIT, Why.NOTIFY, Why.START, Why.RESYNC} or Why.AUDIT not in timers:
            timers[Why.AUDIT] = self._after(self._every.audit_s)
        again = Why.RETRY if walk.plan or walk.problems else Why.SETTLED
        timers.pop(Why.RETRY, None)
        timers.pop(Why.SETTLED, None)
        if walk.again_in_s is not None:
            timers[again] = self._clock().mono_s + walk.again_in_s

    def _after_defect(self, error: Exception) -> dict[Why, float]:
        """Tell of a defect; return the timers until a walk succeeds: one, which starts from nothing that was read.

        News wakes the pair all the same: what a source says now may be what can be dealt with.
        """
        if self._fail is None:
            raise error
        now_s = self._clock().mono_s
        wait_s = self._defects.fail(OURSELVES, None, now_s=now_s)
        self._fail(self.reconciler.pair.name, error, again_in_s=wait_s)
        return {Why.START: now_s + wait_s}

    def _expect(self) -> None:
        """Look again as soon as one of the outcomes is there that the last walk did not wait for."""
        if self._landing is not None:
            self._landing.cancel()
        tasks = self.reconciler.in_flight
        self._landing = asyncio.create_task(self._land(tasks)) if tasks else None

    async def _land(self, tasks: Sequence[asyncio.Task[Outcome]]) -> None:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        self.wake(Why.RETRY)

    def stop(self) -> None:
        """Let `run` see that it is to stop."""
        self._stopping = True
        self._hurry.clear()
        self._woken.set()

    async def _next(self, timers: dict[Why, float]) -> Wake:
        why, due_s = min(timers.items(), key=lambda timer: timer[1])
        try:
            async with asyncio.timeout(max(0.0, due_s - self._clock().mono_s)):
                await self._woken.wait()
        except TimeoutError:
            self.wake(why)
        self._woken.clear()
        self._hurry.clear()
        wake, self._waiting = self._waiting, None
        return wake or Wake(why=Why.LOOK, at=self._clock())

    def _after(self, delay_s: float) -> float:
        return self._clock().mono_s + delay_s * self._rng.uniform(1 - JITTER, 1 + JITTER)


class Service:
    """All pairs' workers."""

    def __init__(self, workers: Sequence[Worker], *, stop_s: float) -> None:
        self._workers = {worker.reconciler.pair.name: worker for worker in workers}
        self._stopping = asyncio.Event()
        self._stop_s = stop_s

    def wake(self, pairs: Iterable[str], why: Why) -> None:
        """Ask for a walk of each of `pairs`."""
        for pair in pairs:
            self._workers[pair].wake(why)

    def notified(self, zone: str) -> None:
        """Ask for a walk of each pair that has records in `zone`, since it may have changed."""
        for worker in self._workers.values():
            if zone in worker.reconciler.zones:
                worker.wake(Why.NOTIFY)

    def stop(self) -> None:
        """Finish the walks in hand and end; `run` returns within `stop_s`."""
        self._stopping.set()
        for worker in self._workers.values():
            worker.stop()

    async def first_walks(self) -> None:
        """Return when every pair has been looked at once."""
        await asyncio.gather(*(worker.first_walk.wait() for worker in self._workers.values()))

    async def run(self) -> bool:
        """Work until stopped; return whether every walk in hand was finished in time."""
        tasks = [asyncio.create_task(worker.run(self._stopping)) for worker in self._workers.values()]
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
            self.stop()
            finished, late = await asyncio.wait(tasks, timeout=self._stop_s)
        finally:
            for task in (*tasks, stopping):
                task.cancel()
            await asyncio.gather(*tasks, stopping, return_exceptions=True)
        for task in (done | finished) - {stopping}:
            task.result()
        return not late
