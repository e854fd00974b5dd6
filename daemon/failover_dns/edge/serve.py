"""`failover-dns run`: the daemon, until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
from pathlib import Path

from failover_dns.conduct.service import Every, Service, Worker
from failover_dns.conduct.walk import Why
from failover_dns.edge import wiring
from failover_dns.edge.logs import Logger, Teller, configure
from failover_dns.edge.settings.load import load
from failover_dns.edge.settings.loaded import Loaded
from failover_dns.effects import clock
from failover_dns.effects.lane import Lane
from failover_dns.effects.watch import FileWatcher

STOP_MARGIN_S = 5.0
"""Beside the exchanges of the transaction in hand: the disk, and the lock of the state directory."""


def run(arguments: argparse.Namespace) -> int:
    """Run the daemon; 0 when it was stopped in order."""
    loaded = load(arguments.config and Path(arguments.config), os.environ)
    log = configure(level=loaded.log.level, form=loaded.log.format)
    return asyncio.run(_serve(loaded, log))


async def _serve(loaded: Loaded, log: Logger) -> int:
    async with wiring.works(loaded) as works:
        service = _service(loaded, works, log)
        _stop_on_signals(service, log)
        by_file = wiring.pairs_by_file(loaded)
        loop = asyncio.get_running_loop()
        lane = Lane("watching files")
        async with FileWatcher(
            by_file, lambda path: service.wake(by_file[path], Why.SOURCE), loop=loop, run=lane.run
        ) as watcher:
            await works.transactions.abandon(pair.name for pair in loaded.pairs)
            tending = asyncio.create_task(_tend(watcher, service, loaded.timings.look_s, log))
            log.info("started", pairs=[pair.name for pair in loaded.pairs], config=str(loaded.path))
            finished = await service.run()
            tending.cancel()
            await asyncio.gather(tending, return_exceptions=True)
    log.info("stopped", finished=finished)
    return 0


def _service(loaded: Loaded, works: wiring.Works, log: Logger) -> Service:
    tell = Teller(log)
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


async def _tend(watcher: FileWatcher, service: Service, every_s: float, log: Logger) -> None:
    """Say when every pair was looked at once, then see to the watcher for as long as it is needed."""
    await service.first_walks()
    log.info("ready")
    told: tuple[str, ...] = ()
    while True:
        problems = await watcher.check()
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
