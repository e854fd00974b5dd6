"""Health endpoints as sources: polled in the background, counted, and told of only when a role changes.

Each source has one timer while it waits and one task while it asks, so that thousands cost little and one
that hangs delays nobody else. An endpoint in doubt is asked again soon; one that is known, at its interval.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from failover_dns.core.health import (
    HttpAnswer,
    HttpSource,
    aged,
    count,
    judge,
    not_counted,
    observe_http,
    observed,
)
from failover_dns.core.model import Instant, Observation, Role
from failover_dns.core.roles import Reading

JITTER = 0.1
"""Intervals vary by this share, so that many sources and many daemons do not ask all at once."""


TICK_S = 0.02
"""Polls begin at multiples of this: thousands a second then share wake-ups of the loop, which cost most."""


class Http(Protocol):
    """What asks endpoints (`effects.health`)."""

    async def get(self, source: HttpSource) -> HttpAnswer:
        """Return what the endpoint answers, or what is wrong; never raises, and ends within `timeout_s`."""
        ...


@dataclass(slots=True)
class FromHttp:
    """A health endpoint as a source."""

    source: HttpSource
    http: Http
    clock: Callable[[], Instant]
    rng: random.Random
    polling: Polling | None = field(default=None, init=False)

    @property
    def last_poll(self) -> Instant | None:
        """When the last poll in the background came to its end; None before the first, and outside of `watched`."""
        return self.polling.last_poll if self.polling is not None else None

    @property
    def pace_s(self) -> float:
        """How far apart two polls may end."""
        source = self.source
        return max(source.interval_s * (1 + JITTER), source.doubtful_s) + source.timeout_s + TICK_S

    async def look(self) -> tuple[Observation, ...]:
        """Return what the last poll found; outside of `watched`, ask once, without counting."""
        if self.polling is not None:
            return await self.polling.look()
        asked = self.clock()
        return observe_http(self.source, await self.http.get(self.source), now=asked)

    @asynccontextmanager
    async def watched(self, wake: Callable[[], None]) -> AsyncIterator[None]:
        """Poll in the background, and call `wake` when a role, or since when it holds, has changed."""
        self.polling = Polling(self.source, self.http, self.clock, self.rng, wake)
        try:
            yield
        finally:
            polling, self.polling = self.polling, None
            await polling.close()


class Polling:
    """The polls of one source, one after the other, until it is closed.

    `late_s` is how much later than due the last one began: it tells of too much work in this process.
    """

    def __init__(
        self,
        source: HttpSource,
        http: Http,
        clock: Callable[[], Instant],
        rng: random.Random,
        wake: Callable[[], None],
    ) -> None:
        self.late_s = 0.0
        self.last_poll: Instant | None = None
        self._source = source
        self._http = http
        self._clock = clock
        self._rng = rng
        self._wake = wake
        self._counts = dict.fromkeys(source.agents, not_counted(clock()))
        self._told = self._worth_telling()
        self._polled = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle
        self._wait_until(self._loop.time() + rng.uniform(0, source.interval_s))

    async def look(self) -> tuple[Observation, ...]:
        """Return what the last poll found; before the first, have it now."""
        if not self._polled.is_set():
            if self._task is None:
                self._timer.cancel()
                self._due = self._loop.time()
                self._start()
            await self._polled.wait()
        return self._observations()

    async def close(self) -> None:
        """Ask no more; looks that wait return."""
        self._timer.cancel()
        self._polled.set()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._timer.cancel()  # the one that the last poll left

    def _start(self) -> None:
        self.late_s = max(0.0, self._loop.time() - self._due)
        self._task = self._loop.create_task(self._poll())

    async def _poll(self) -> None:
        asked, began = self._clock(), self._loop.time()
        try:
            self._take(await self._http.get(self._source), asked)
        finally:
            self._schedule(began)

    def _take(self, answer: HttpAnswer, asked: Instant) -> None:
        for agent, reading in judge(self._source, answer).items():
            self._counts[agent] = count(self._counts[agent], reading, self._source, now=asked)
        self.last_poll = self._clock()
        self._polled.set()
        worth_telling = self._worth_telling()
        if worth_telling != self._told:
            self._told = worth_telling
            self._wake()

    def _schedule(self, began: float) -> None:
        source = self._source
        due = self._loop.time() + source.doubtful_s
        # In a process that is late, time-outs may be its own doing, and asking sooner would make more of them.
        overloaded = self.late_s > source.timeout_s / 2
        if overloaded or all(counts.settled for counts in self._counts.values()):
            due = max(due, began + source.interval_s * self._rng.uniform(1 - JITTER, 1 + JITTER))
        self._wait_until(due)

    def _wait_until(self, due: float) -> None:
        self._due = math.ceil(due / TICK_S) * TICK_S
        self._timer = self._loop.call_at(self._due, self._start)

    def _observations(self) -> tuple[Observation, ...]:
        return tuple(
            observed(self._source, agent, reading, read=self._counts[agent].read)
            for agent, reading in self._readings().items()
        )

    def _readings(self) -> dict[str, Reading]:
        now_s = self._clock().mono_s
        return {
            agent: aged(counts.shows, now_s - counts.read.mono_s, self._source)
            for agent, counts in self._counts.items()
        }

    def _worth_telling(self) -> list[tuple[Role, float | None]]:
        """Return what a decision may depend on; reasons and times alone are no news."""
        return [(reading.role, reading.since_s) for reading in self._readings().values()]
