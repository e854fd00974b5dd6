"""keepalived as a source: one ear for each FIFO, shared by all instances that are told of in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from failover_dns.core.keepalived import Heard, KeepalivedSource, Piece, hear, observe_keepalived
from failover_dns.core.model import Instant, Observation


class Pipe(Protocol):
    """A FIFO (`effects.fifo`)."""

    @property
    def problem(self) -> str | None:
        """Why it is not open."""
        ...

    def open(self, hear: Callable[[Piece], None]) -> None:
        """Call `hear` with whatever comes; never raises, and does nothing to one that is open."""
        ...

    def close(self) -> None:
        """Listen no longer."""
        ...


class Ear:
    """Listens to one FIFO for as long as any source needs it, and remembers what was said."""

    def __init__(self, fifo: Pipe, *, clock: Callable[[], Instant]) -> None:
        self._fifo = fifo
        self._clock = clock
        self._wakes: list[Callable[[], None]] = []
        self.heard = Heard()

    @property
    def problem(self) -> str | None:
        """Why nothing can be heard."""
        return self._fifo.problem

    def listen(self) -> None:
        """Open the FIFO if somebody needs it and it is not open."""
        if self._wakes:
            self._fifo.open(self._hear)

    @asynccontextmanager
    async def waking(self, wake: Callable[[], None]) -> AsyncIterator[None]:
        """Call `wake` whenever something new was heard."""
        self._wakes.append(wake)
        self.listen()
        try:
            yield
        finally:
            self._wakes.remove(wake)
            if not self._wakes:
                self._fifo.close()
                self.heard = Heard()

    def _hear(self, piece: Piece) -> None:
        before, self.heard = self.heard, hear(self.heard, piece, now=self._clock())
        if (before.states, before.doubt) != (self.heard.states, self.heard.doubt):
            for wake in tuple(self._wakes):
                wake()


@dataclass(frozen=True, slots=True)
class FromKeepalived:
    """One VRRP instance of this host's keepalived.

    Outside of `watched` it knows nothing: reading the FIFO would take the lines from the daemon that runs.
    """

    source: KeepalivedSource
    ear: Ear
    clock: Callable[[], Instant]

    async def look(self) -> tuple[Observation, ...]:
        """Return what keepalived last said of the instance."""
        self.ear.listen()
        return (observe_keepalived(self.source, self.ear.heard, self.ear.problem, now=self.clock()),)

    def watched(self, wake: Callable[[], None]) -> AbstractAsyncContextManager[None]:
        """Listen, and call `wake` when keepalived has spoken."""
        return self.ear.waking(wake)
