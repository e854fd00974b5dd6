"""What is configured to be read becomes sources that can be looked at; what can be shared is shared.

Files of one directory share a lane, since they hang together; all endpoints share a client, all instances of
a keepalived one ear at its FIFO.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self, assert_never

from failover_dns.conduct.combine import Combined
from failover_dns.conduct.dataminer import FromDms, FromFailoverLog, FromFailoverStatus
from failover_dns.conduct.holding import FromAddresses
from failover_dns.conduct.keepalived import Ear, FromKeepalived
from failover_dns.conduct.observe import FromFile, Source
from failover_dns.conduct.poll import FromHttp
from failover_dns.core import dms
from failover_dns.core.dms import DmsSource
from failover_dns.core.health import HttpSource
from failover_dns.core.holding import HoldingSource
from failover_dns.core.keepalived import KeepalivedSource
from failover_dns.core.sources import FileSource
from failover_dns.edge.settings.loaded import Loaded
from failover_dns.edge.settings.reads import FailoverLog, FailoverStatus, InFile, Reads, What
from failover_dns.effects import Run, clock
from failover_dns.effects.addresses import Addresses
from failover_dns.effects.fifo import Fifo
from failover_dns.effects.files import StatusFile
from failover_dns.effects.health import HttpClient
from failover_dns.effects.lane import Lane
from failover_dns.effects.tail import Tail, WholeFile

Sources = Callable[[str], tuple[Source, ...]]
"""Returns the sources of the pair of that name."""


@asynccontextmanager
async def opened(loaded: Loaded) -> AsyncIterator[Sources]:
    """Open what all pairs' sources are read with; none is watched."""
    async with Attendance() as attendance:
        await attendance.take(loaded.sources)
        yield attendance.of


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attended:
    """A pair's sources, how they are read, and what ends watching them."""

    reads: tuple[Reads, ...]
    sources: tuple[Source, ...]
    watched: AsyncExitStack


class Attendance:
    """All pairs' sources; those of a pair stay open for as long as it is read in the same way.

    With `wake` each source that watches by itself is watched, and `wake` is called with its pair's name.
    """

    def __init__(self, wake: Callable[[str], None] | None = None) -> None:
        self._wake = wake
        self._stack = AsyncExitStack()
        self._attended: dict[str, _Attended] = {}
        self._former: dict[str, list[_Attended]] = {}

    async def __aenter__(self) -> Self:
        """Open what sources are read with."""
        self._http = await self._stack.enter_async_context(HttpClient(lane=Lane))
        self._adapters = _Adapters(self._http)
        self._stack.callback(self._adapters.close)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Watch nothing any more."""
        await self.take({})
        await self.let_go()
        await self._stack.aclose()

    async def take(self, sources: Mapping[str, tuple[Reads, ...]]) -> None:
        """Attend to these pairs; the others, and what is read in another way now, stay open until `let_go`.

        What is open already goes on undisturbed, so that to take the same again undoes what was taken meanwhile.
        """
        for pair, attended in self._attended.items():
            self._former.setdefault(pair, []).append(attended)
        self._attended = {}
        for pair, reads in sources.items():
            self._attended[pair] = self._still_open(pair, reads) or await self._attend(pair, reads)

    async def let_go(self) -> None:
        """End what was taken before and is not attended to any more; certificates are read anew for what is."""
        self._http.reload()
        while self._former:
            _, former = self._former.popitem()
            for attended in former:
                await attended.watched.aclose()

    def of(self, pair: str) -> tuple[Source, ...]:
        """Return the pair's sources."""
        return self._attended[pair].sources

    def _still_open(self, pair: str, reads: tuple[Reads, ...]) -> _Attended | None:
        former = self._former.get(pair, [])
        found = next((attended for attended in former if attended.reads == reads), None)
        if found is not None:
            former.remove(found)
        return found

    async def _attend(self, pair: str, reads: tuple[Reads, ...]) -> _Attended:
        sources = tuple(map(self._adapters.source, reads))
        async with AsyncExitStack() as stack:
            for source in sources if self._wake else ():
                await stack.enter_async_context(source.watched(partial(self._woken, pair)))
            return _Attended(reads=reads, sources=sources, watched=stack.pop_all())

    def _woken(self, pair: str) -> None:
        if self._wake is not None:
            self._wake(pair)


class _Adapters:
    """Makes sources, and keeps what they share."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http
        self._lanes: dict[str, Lane] = {}
        self._ears: dict[str, Ear] = {}

    def source(self, reads: Reads) -> Source:
        """Return the one source that an agent's, or a pair's, amount to."""
        found = [self._adapter(source.what) for source in reads.sources]
        if reads.agent is None or len(found) == 1:
            return found[0]
        return Combined(reads.agent, found, reads.combine, clock=clock.now)

    def close(self) -> None:
        """Let the lanes end."""
        for lane in self._lanes.values():
            lane.close()

    def _adapter(self, what: What) -> Source:
        match what:
            case HttpSource():
                rng = random.Random()  # noqa: S311 - spreads polls, guards no secret
                return FromHttp(what, self._http, clock.now, rng)
            case KeepalivedSource():
                return FromKeepalived(what, self._ear(what.fifo), clock.now)
            case HoldingSource():
                return FromAddresses(what, Addresses(run=self._lane("own addresses").run), clock.now)
            case _:
                return self._in_file(what, self._lane(f"files in {Path(what.path).parent}").run)

    def _in_file(self, what: InFile, run: Run) -> Source:
        match what:
            case FileSource():
                return FromFile(what, StatusFile(what.path, run=run), clock.now)
            case DmsSource():
                file = WholeFile(what.path, run=run, limit_bytes=dms.MAX_BYTES)
                return FromDms(what, file, clock.now)
            case FailoverLog():
                return FromFailoverLog(what.text, Tail(what.path, run=run), clock.now)
            case FailoverStatus():
                return FromFailoverStatus(what.text, StatusFile(what.path, run=run), clock.now)
            case _:
                assert_never(what)

    def _ear(self, path: str) -> Ear:
        return self._ears.setdefault(path, Ear(Fifo(path), clock=clock.now))

    def _lane(self, name: str) -> Lane:
        return self._lanes.setdefault(name, Lane(name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Files to watch together, each with its pairs; `poll_s` if they are on a share that is looked at."""

    name: str
    pairs: Mapping[str, tuple[str, ...]]
    poll_s: float | None = None


def watches(loaded: Loaded) -> tuple[Watch, ...]:
    """Return what is to be watched: the files that tell of changes together, each share by itself."""
    found: dict[tuple[str, float | None], dict[str, tuple[str, ...]]] = {}
    for pair, poll_s, path in _files(loaded):
        name = "watching files" if poll_s is None else f"watching {Path(path).parent}"
        below = found.setdefault((name, poll_s), {})
        below[path] = (*below.get(path, ()), pair)
    return tuple(Watch(name=name, poll_s=poll_s, pairs=pairs) for (name, poll_s), pairs in found.items())


def _files(loaded: Loaded) -> Iterable[tuple[str, float | None, str]]:
    for pair in loaded.pairs:
        for reads in loaded.sources[pair.name]:
            for source in reads.sources:
                if isinstance(source.what, InFile):
                    yield pair.name, source.poll_s, source.what.path
