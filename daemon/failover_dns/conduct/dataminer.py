"""DataMiner's own files as sources: DMS.xml, FailoverStatus.txt and SLFailover.txt."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

from failover_dns.conduct.observe import File
from failover_dns.core.dms import DmsSource, Good, observe_dms
from failover_dns.core.model import Instant, Observation
from failover_dns.core.roles import Reading
from failover_dns.core.slfailover import Appended, TextSource, observe_failover_log, observe_failover_status


class Log(Protocol):
    """A log that grows (`effects.tail`)."""

    async def read(self) -> Appended:
        """Return the whole lines that were appended since the last reading; never raises."""
        ...


@dataclass(slots=True)
class FromDms:
    """An agent's DMS.xml; a file that is half written leaves the last good reading for a while."""

    source: DmsSource
    file: File
    clock: Callable[[], Instant]
    _good: Good | None = field(default=None, init=False, repr=False)

    async def look(self) -> tuple[Observation, ...]:
        """Return what the file says, read now or lately."""
        glance = await self.file.glance()
        observation, self._good = observe_dms(self.source, glance, self._good, now=self.clock())
        return (observation,)

    def watched(self, wake: Callable[[], None]) -> AbstractAsyncContextManager[None]:  # noqa: ARG002
        """Watch nothing: one watcher serves all files (`effects.files.FileWatcher`)."""
        return nullcontext()


@dataclass(frozen=True, slots=True)
class FromFailoverStatus:
    """An agent's FailoverStatus.txt."""

    source: TextSource
    file: File
    clock: Callable[[], Instant]

    async def look(self) -> tuple[Observation, ...]:
        """Return what the file says, read now."""
        return (observe_failover_status(self.source, await self.file.glance(), now=self.clock()),)

    def watched(self, wake: Callable[[], None]) -> AbstractAsyncContextManager[None]:  # noqa: ARG002
        """Watch nothing: one watcher serves all files (`effects.files.FileWatcher`)."""
        return nullcontext()


@dataclass(slots=True)
class FromFailoverLog:
    """An agent's SLFailover.txt, followed from its end."""

    source: TextSource
    log: Log
    clock: Callable[[], Instant]
    _last: Reading | None = field(default=None, init=False, repr=False)

    async def look(self) -> tuple[Observation, ...]:
        """Return what the last line of the log that tells a status says."""
        appended = await self.log.read()
        observation, self._last = observe_failover_log(self.source, appended, self._last, now=self.clock())
        return (observation,)

    def watched(self, wake: Callable[[], None]) -> AbstractAsyncContextManager[None]:  # noqa: ARG002
        """Watch nothing: one watcher serves all files (`effects.files.FileWatcher`)."""
        return nullcontext()
