"""What the control channel answers to each question and order.

Questions are answered from what is known (`live`) or from the change log, beside the loop where that takes a while.
Orders wake the pairs that they concern; they take no other way than events do.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol

from failover_dns.conduct.fencing import Insist
from failover_dns.conduct.walk import Walk, Why
from failover_dns.core.errors import JournalError
from failover_dns.core.model import Instant
from failover_dns.core.moment import rfc3339
from failover_dns.edge.control import bodies, shapes
from failover_dns.edge.control.gate import RefusedError
from failover_dns.edge.control.live import Live
from failover_dns.edge.control.metrics import Metrics, Moment
from failover_dns.edge.control.pages import Wanted, page
from failover_dns.edge.control.picture import Facts, facts, picture
from failover_dns.edge.ordering import Order, carry_out, freezing, releasing, thawing
from failover_dns.edge.walked import document
from failover_dns.edge.wiring import Works
from failover_dns.effects import Run
from failover_dns.effects.changelog import NAME
from failover_dns.effects.orders import OrdersFile

READ_S = 10.0
"""For what is read from the disk or rendered, beside the loop."""

RESYNC_S = 300.0
"""How long a resync is waited for: a walk that plans anew with several silent primaries takes minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What does not change while the daemon runs."""

    version: str
    writer: str
    state_dir: Path


class Working(Protocol):
    """The daemon at work, under the configuration that it has now."""

    @property
    def works(self) -> Works:
        """What works now; FailoverDnsError while a configuration is taken in."""
        ...

    def wake(self, pairs: Iterable[str], why: Why) -> None:
        """Ask for a walk of each of `pairs`."""
        ...

    async def reload(self) -> str | None:
        """Take in the configuration as it is now; return why not."""
        ...


class Api:
    """The answers, one method for each question or order."""

    def __init__(  # noqa: PLR0913 - all that the daemon can be asked about, each by its name
        self,
        about: About,
        live: Live,
        metrics: Metrics,
        *,
        working: Working,
        run: Run,
        clock: Callable[[], Instant],
    ) -> None:
        self._about = about
        self._live = live
        self._metrics = metrics
        self._working = working
        self._run = run
        self._clock = clock
        self._orders = OrdersFile(about.state_dir)
        self._ordering = asyncio.Lock()

    async def status(self) -> bytes:
        """Return how the daemon and all pairs are, encoded."""
        daemon = shapes.Daemon(
            version=self._about.version,
            writer=self._about.writer,
            pid=os.getpid(),
            started=rfc3339(self._live.started.wall_s),
            ready=not self._live.unseen,
            state_dir=str(self._about.state_dir),
        )
        pairs = self._pairs()

        def told() -> bytes:
            return shapes.encoded(shapes.Status(daemon=daemon, pairs=tuple(map(picture, pairs))))

        return await self._run(told, deadline_s=READ_S)

    def pair(self, name: str) -> shapes.PairStatus:
        """Return how one pair is."""
        [known] = self._named([name])
        return picture(facts(self._live, known, now=self._clock()))

    async def changes(self, wanted: Wanted) -> bytes:
        """Return a page of the change log, encoded."""
        return await self._run(lambda: shapes.encoded(page(self._about.state_dir, wanted)), deadline_s=READ_S)

    async def ready(self) -> shapes.Health:
        """Return that the first look at every pair is done and the change log can be written; else refuse."""
        unseen = self._live.unseen
        if unseen:
            raise _unavailable(f"not looked at yet: {', '.join(unseen)}", "wait: their primaries may be slow")
        for name in self._live.reconcilers:
            last = self._live.last(name)
            for problem in last.walk.problems if last else ():
                if isinstance(problem, JournalError):
                    raise _unavailable(problem.what, problem.cure)
        if not await self._run(lambda: _writable(self._about.state_dir), deadline_s=READ_S):
            what = f"the change log in {self._about.state_dir} cannot be written"
            raise _unavailable(what, "let the daemon's account write there, on a disk with space")
        return shapes.Health(status="ready")

    async def metrics(self) -> bytes:
        """Return everything that is counted, in Prometheus' text format."""
        works = self._working.works
        moment = Moment(
            pairs=self._pairs(),
            queues={
                "change_log": works.journal.file.waiting,
                "open_intents": works.transactions.under_way,
                "followed_zones": works.transactions.followed,
            },
            ready=not self._live.unseen,
        )
        return await self._run(lambda: self._metrics.text(moment), deadline_s=READ_S)

    def resync(self, asked: bodies.ResyncOrder) -> AsyncIterator[Mapping[str, Any]]:
        """Have pairs looked at now; return what yields the walk of each as it ends."""
        names = self._named(asked.pairs)
        insist = Insist(supersede=asked.supersede, mend=asked.mend_fence)
        for name in names:
            self._live.reconcilers[name].insist(insist)
        walks = {self._live.next_resync(name): name for name in names}
        self._working.wake(names, Why.RESYNC)
        return _as_they_end(walks)

    async def freeze(self, asked: bodies.FreezeOrder) -> shapes.OrderedPairs:
        """Freeze pairs."""
        names, now_s = self._named(asked.pairs), self._clock().wall_s
        return await self._order(
            freezing(names, by=asked.by, reason=asked.reason, now_s=now_s, for_s=asked.for_s)
        )

    async def thaw(self, asked: bodies.ThawOrder) -> shapes.OrderedPairs:
        """Thaw pairs."""
        names, now_s = self._named(asked.pairs), self._clock().wall_s
        return await self._order(thawing(names, by=asked.by, reason=asked.reason, now_s=now_s))

    async def release(self, asked: bodies.ReleaseOrder) -> shapes.OrderedPairs:
        """End the damping of pairs."""
        names, now_s = self._named(asked.pairs), self._clock().wall_s
        penalties = {name: round(self._live.reconcilers[name].penalty, 3) for name in names}
        return await self._order(releasing(names, by=asked.by, now_s=now_s, penalty=lambda: penalties))

    async def reload(self) -> shapes.Reloaded:
        """Read the configuration anew; refuse with the reason if it cannot be taken in."""
        async with self._ordering:
            refusal = await self._working.reload()
        if refusal is not None:
            raise RefusedError(HTTPStatus.CONFLICT, refusal, "mend it and reload; nothing has changed")
        return shapes.Reloaded(reloaded=True)

    async def _order(self, order: Order) -> shapes.OrderedPairs:
        async with self._ordering:
            journal = self._working.works.journal
            found = await carry_out(
                order, file=self._orders, log=journal.log, lock=journal.lock, run=self._run
            )
        self._working.wake(order.pairs, Why.LOOK)
        return shapes.OrderedPairs(pairs=found)

    def _pairs(self) -> tuple[Facts, ...]:
        now = self._clock()
        return tuple(facts(self._live, name, now=now) for name in sorted(self._live.reconcilers))

    def _named(self, names: Collection[str]) -> list[str]:
        """Return the pairs of these names, all if there are none, each once."""
        known = self._live.reconcilers
        unknown = [name for name in names if name not in known]
        if unknown:
            what = f"no pair is called {unknown[0]}"
            raise RefusedError(HTTPStatus.NOT_FOUND, what, f"the pairs are: {', '.join(sorted(known))}")
        return list(dict.fromkeys(names or sorted(known)))


async def _as_they_end(walks: Mapping[asyncio.Future[Walk], str]) -> AsyncIterator[Mapping[str, Any]]:
    until_s = asyncio.get_running_loop().time() + RESYNC_S
    waiting = set(walks)
    while waiting:
        left_s = until_s - asyncio.get_running_loop().time()
        done, waiting = await asyncio.wait(
            waiting, timeout=max(0.0, left_s), return_when=asyncio.FIRST_COMPLETED
        )
        if not done:
            break
        for walk in sorted(done, key=walks.__getitem__):
            yield document(walk.result())
    for name in sorted(walks[walk] for walk in waiting):
        what = f"not done within {RESYNC_S:g} s; the daemon goes on with it, see failover-dns status"
        yield asdict(shapes.Unfinished(pair=name, unfinished=what))


def _unavailable(what: str, cure: str) -> RefusedError:
    return RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, what, cure)


def _writable(directory: Path) -> bool:
    log = directory / NAME
    return os.access(log if log.exists() else directory, os.W_OK) and shutil.disk_usage(directory).free > 0
