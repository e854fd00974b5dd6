"""`failover-dns run`: the daemon, until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from failover_dns.conduct.service import Every, Service, Worker
from failover_dns.conduct.walk import Why
from failover_dns.edge import adapters, wiring
from failover_dns.edge.logs import Logger, Teller, configure
from failover_dns.edge.settings.load import load
from failover_dns.edge.settings.loaded import Loaded
from failover_dns.effects import clock
from failover_dns.effects.lane import Lane
from failover_dns.effects.notify import NotifyListener
from failover_dns.effects.watch import FileWatcher, native_observer, polling_observer
from failover_dns.wire.keys import tsig_key

STOP_MARGIN_S = 5.0
"""Beside the exchanges of the transaction in hand: the disk, and the lock of the state directory."""


def run(arguments: argparse.Namespace) -> int:
    """Run the daemon; 0 when it was stopped in order."""
    loaded = load(arguments.config and Path(arguments.config), os.environ)
    log = configure(level=loaded.log.level, form=loaded.log.format)
    return asyncio.run(_serve(loaded, log))


async def _serve(loaded: Loaded, log: Logger) -> int:
    tell = Teller(log)
    async with wiring.works(loaded, converged=tell.converged) as works, AsyncExitStack() as stack:
        service = _service(loaded, works, tell)
        await _listen(loaded, service, stack)
        _stop_on_signals(service, log)
        await _watch_sources(works, service, stack)
        watchers = await asyncio.gather(
            *(stack.enter_async_context(_watcher(watch, service)) for watch in adapters.watches(loaded))
        )
        await works.transactions.abandon(pair.name for pair in loaded.pairs)
        tending = asyncio.create_task(_tend(watchers, service, loaded.timings.look_s, log))
        log.info("started", pairs=[pair.name for pair in loaded.pairs], config=str(loaded.path))
        finished = await service.run()
        tending.cancel()
        await asyncio.gather(tending, return_exceptions=True)
    log.info("stopped", finished=finished)
    return 0


async def _watch_sources(works: wiring.Works, service: Service, stack: AsyncExitStack) -> None:
    """Let each source that watches by itself wake its pair."""
    for proposer in works.proposers:
        wake = partial(service.wake, (proposer.pair.name,), Why.SOURCE)
        for source in proposer.sources:
            await stack.enter_async_context(source.watched(wake))


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
    keys = [*(zone.key for zone in loaded.zones), *([loaded.discovery] if loaded.discovery else [])]
    known = [tsig_key(key.name, key.secret.get_secret_value(), key.algorithm) for key in keys]
    listener = NotifyListener(
        loaded.notify.listen,
        service.notified,
        keys={key.name: key for key in known},
        allowed=loaded.notify.allowed,
    )
    await stack.enter_async_context(listener)


def _service(loaded: Loaded, works: wiring.Works, tell: Teller) -> Service:
    workers = [
        Worker(
            reconciler,
            clock=clock.now,
            every=Every(look_s=loaded.timings.look_s, audit_s=loaded.timings.audit_s),
            rng=random.Random(),  # noqa: S311 - spreads timers, guards no secret
            tell=tell,
        )
        for reconciler in works.reconcilers
    ]
    # One exchange to send, one to read back; a walk that plans anew more often is cut off and recovers.
    return Service(workers, stop_s=2 * loaded.timings.deadline_s + STOP_MARGIN_S)


async def _tend(watchers: Sequence[FileWatcher], service: Service, every_s: float, log: Logger) -> None:
    """Say when every pair was looked at once, then see to the watchers for as long as they are needed."""
    await service.first_walks()
    log.info("ready")
    told: tuple[str, ...] = ()
    while True:
        found = await asyncio.gather(*(watcher.check() for watcher in watchers))
        problems = tuple(problem for problems in found for problem in problems)
        if problems != told:
            for problem in problems:
                log.warning("watching_hindered", what=problem, cure="sources are still read every look_s")
        told = problems
        await asyncio.sleep(every_s)


def _stop_on_signals(service: Service, log: Logger, *, platform: str = sys.platform) -> None:
    loop = asyncio.get_running_loop()

    def stop(number: int) -> None:
        log.info("stopping", signal=signal.Signals(number).name)
        service.stop()

    if platform == "win32":
        # No add_signal_handler there; NSSM's Ctrl-C is SIGINT and a closing console SIGBREAK.
        for name in ("SIGINT", "SIGBREAK"):
            number = getattr(signal, name, None)
            if number is not None:
                signal.signal(number, lambda number, _frame: loop.call_soon_threadsafe(stop, number))
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
