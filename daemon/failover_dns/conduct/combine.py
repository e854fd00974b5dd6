"""Several sources of one agent as one source."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol, runtime_checkable

from failover_dns.conduct.observe import Source
from failover_dns.core.combine import How, Part, combine
from failover_dns.core.model import Instant, Observation, Role


@runtime_checkable
class Evidence(Protocol):
    """A source that may be mere evidence (`conduct.holding`)."""

    @property
    def evidence(self) -> bool:
        """Whether it may only confirm what another source claims."""
        ...

    async def attest(self) -> Iterable[Observation]:
        """Return what it says for or against another source."""
        ...


class Combined:
    """The sources of `agent`, in the order of preference; a pair's source may be among them."""

    def __init__(
        self, agent: str, sources: Sequence[Source], how: How, *, clock: Callable[[], Instant]
    ) -> None:
        self._agent = agent
        self.sources = tuple(sources)
        self._how = how
        self._clock = clock

    async def look(self) -> tuple[Observation, ...]:
        """Look at all of them side by side, and return the one observation that they amount to."""
        parts = await asyncio.gather(*(self._part(source) for source in self.sources))
        return (combine(self._agent, self._how, parts, now=self._clock()),)

    @asynccontextmanager
    async def watched(self, wake: Callable[[], None]) -> AsyncIterator[None]:
        """Watch all of them."""
        async with AsyncExitStack() as stack:
            for source in self.sources:
                await stack.enter_async_context(source.watched(wake))
            yield

    async def _part(self, source: Source) -> Part:
        if isinstance(source, Evidence):
            return Part(observation=self._own(await source.attest()), evidence=source.evidence)
        return Part(observation=self._own(await source.look()))

    def _own(self, observations: Iterable[Observation]) -> Observation:
        for observation in observations:
            if observation.agent == self._agent:
                return observation
        return Observation(
            agent=self._agent,
            role=Role.UNKNOWN,
            read=self._clock(),
            source="a source",
            reason="it says nothing of this agent",
        )
