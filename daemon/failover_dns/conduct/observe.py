"""Looking at a pair's sources: what each shows becomes one observation for each agent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from failover_dns.core.decide import Seen
from failover_dns.core.model import Instant, Observation
from failover_dns.core.sources import FileSource, Glance, observe_file


class File(Protocol):
    """A status file (`effects.files`)."""

    async def glance(self) -> Glance:
        """Return what is in the file; never raises."""
        ...


class Source(Protocol):
    """Anything that a role can be read from.

    `look` gives the level; what comes in between is only a reason to look again.
    """

    async def look(self) -> Iterable[Observation]:
        """Return one observation for each agent that the source speaks of, read now or lately; never raises.

        Outside of `watched` it reads by itself, once; inside, what was read in the background may serve.
        """
        ...

    def watched(self, wake: Callable[[], None]) -> AbstractAsyncContextManager[None]:
        """Watch in the background, and call `wake` on the loop whenever a look may show something new."""
        ...


@dataclass(frozen=True, slots=True)
class FromFile:
    """A status file as a source."""

    source: FileSource
    file: File
    clock: Callable[[], Instant]

    async def look(self) -> tuple[Observation, ...]:
        """Return what the file says, read now."""
        return observe_file(self.source, await self.file.glance(), now=self.clock())

    def watched(self, wake: Callable[[], None]) -> AbstractAsyncContextManager[None]:  # noqa: ARG002
        """Watch nothing: one watcher serves all files (`effects.watch.FileWatcher`)."""
        return nullcontext()


async def observe(sources: Iterable[Source]) -> Seen:
    """Look at all sources side by side; the configuration sees to one observation for each agent."""
    looks = await asyncio.gather(*(source.look() for source in sources))
    return {observation.agent: observation for look in looks for observation in look}
