"""The daemon under one configuration, from when it is taken in until it ends or another is.

What reads the sources outlives it (`adapters.Attendance`), and so does what is remembered of each pair.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from failover_dns.conduct.combine import Combined
from failover_dns.conduct.observe import Source
from failover_dns.conduct.poll import FromHttp
from failover_dns.conduct.reconcile import MAX_PLANS
from failover_dns.conduct.remembered import Remembered
from failover_dns.conduct.service import Every, Service, Worker
from failover_dns.conduct.walk import Why
from failover_dns.core.liveness import Sign, allowed_s
from failover_dns.edge import adapters, wiring
from failover_dns.edge.outlets import Outlets
from failover_dns.edge.settings.keys import TsigKey
from failover_dns.edge.settings.loaded import Loaded
from failover_dns.effects import clock
from failover_dns.effects.lane import Lane
from failover_dns.effects.notify import NotifyListener
from failover_dns.effects.watch import FileWatcher, native_observer, polling_observer
from failover_dns.wire.keys import tsig_key

STOP_MARGIN_S = 5.0
"""Beside the exchanges of the transaction in hand: the disk, and the lock of the state directory."""

EXCHANGES = 3
"""With each primary, for each plan of a walk: to read, to send, to read back."""

BESIDES_S = 120.0
"""Beside the exchanges of a walk: a health endpoint's first answer, the lock, the disk, the zones' whereabouts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A configuration, and all that works by it."""

    loaded: Loaded
    works: wiring.Works
    service: Service
    workers: tuple[Worker, ...]
    watchers: tuple[FileWatcher, ...]
    names: frozenset[str]

    @property
    def remembered(self) -> Mapping[str, Remembered]:
        """What each pair is to hand on, by its name."""
        return {worker.reconciler.pair.name: worker.reconciler.remembered for worker in self.workers}

    def signs(self) -> Iterator[Sign]:
        """Return when each pair was last walked, and within what time it is to be again."""
        loaded = self.loaded
        primaries = max((len(zone.primaries) for zone in loaded.zones), default=1) or 1
        allowed = allowed_s(
            look_s=loaded.timings.look_s,
            exchanges=MAX_PLANS * EXCHANGES * primaries,
            deadline_s=loaded.timings.deadline_s,
            besides_s=BESIDES_S,
        )
        for worker in self.workers:
            if worker.last_walk is not None:
                what = f"pair {worker.reconciler.pair.name}"
                yield Sign(what=what, last=worker.last_walk, allowed_s=allowed)
        yield from polls(source for proposer in self.works.proposers for source in proposer.sources)


def polls(sources: Iterable[Source]) -> Iterator[Sign]:
    """Return when each endpoint was last asked in the background, and within what time it is to be again."""
    for source in sources:
        match source:
            case Combined():
                yield from polls(source.sources)
            case FromHttp(last_poll=last) if last is not None:
                what = f"polling {source.source.label}"
                yield Sign(what=what, last=last, allowed_s=source.pace_s + BESIDES_S)
            case _:
                continue


@asynccontextmanager
async def generation(
    loaded: Loaded,
    attendance: adapters.Attendance,
    remembered: Mapping[str, Remembered],
    outlets: Outlets,
) -> AsyncIterator[Generation]:
    """Open all that works by `loaded`; `remembered` has the pairs that go on as they were.

    Raises FailoverDnsError or OSError for what it cannot open; the sources of those before are then open yet.
    """
    await attendance.take(loaded.sources)
    opened = wiring.works(loaded, sources=attendance.of, remembered=remembered, outlets=outlets)
    async with opened as works, AsyncExitStack() as stack:
        workers = tuple(_workers(loaded, works, outlets))
        # One exchange to send, one to read back; a walk that plans anew more often is cut off and recovers.
        service = Service(workers, stop_s=2 * loaded.timings.deadline_s + STOP_MARGIN_S)
        await _listen(loaded, service, stack)
        watchers = await asyncio.gather(
            *(stack.enter_async_context(_watcher(watch, service)) for watch in adapters.watches(loaded))
        )
        await works.transactions.abandon(pair.name for pair in loaded.pairs)
        await attendance.let_go()
        yield Generation(
            loaded=loaded,
            works=works,
            service=service,
            workers=workers,
            watchers=tuple(watchers),
            names=frozenset(pair.name for pair in loaded.pairs),
        )


def _workers(loaded: Loaded, works: wiring.Works, outlets: Outlets) -> Iterator[Worker]:
    for reconciler in works.reconcilers:
        yield Worker(
            reconciler,
            clock=clock.now,
            every=Every(look_s=loaded.timings.look_s, audit_s=loaded.timings.audit_s),
            rng=random.Random(),  # noqa: S311 - spreads timers, guards no secret
            tell=outlets.walked,
            fail=outlets.failed,
        )


def _watcher(watch: adapters.Watch, service: Service) -> FileWatcher:
    poll_s = watch.poll_s
    return FileWatcher(
        watch.pairs,
        lambda path: service.wake(watch.pairs[path], Why.SOURCE),
        loop=asyncio.get_running_loop(),
        run=Lane(watch.name).run,
        observer=native_observer if poll_s is None else partial(polling_observer, poll_s),
    )


async def _listen(loaded: Loaded, service: Service, stack: AsyncExitStack) -> None:
    """Hear from the zones' servers that something changed, where the configuration says so."""
    if loaded.notify is None:
        return
    signers = [*(zone.signer for zone in loaded.zones), loaded.discovery]
    keys = [signer for signer in signers if isinstance(signer, TsigKey)]  # nobody negotiates for a NOTIFY
    known = [tsig_key(key.name, key.secret.get_secret_value(), key.algorithm) for key in keys]
    listener = NotifyListener(
        loaded.notify.listen,
        service.notified,
        keys={key.name: key for key in known},
        allowed=loaded.notify.allowed,
    )
    await stack.enter_async_context(listener)
