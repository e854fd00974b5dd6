"""`failover-dns run`: the daemon, until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import os
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from failover_dns.conduct.service import Service
from failover_dns.conduct.walk import Wake, Walk, Why
from failover_dns.edge.control.opening import Witness, control_channel
from failover_dns.edge.daemon import Daemon
from failover_dns.edge.generation import Generation
from failover_dns.edge.logs import STDERR, Logger, Teller, configure
from failover_dns.edge.outlets import Outlets
from failover_dns.edge.settings.load import load
from failover_dns.edge.settings.loaded import Loaded
from failover_dns.edge.supervised import Supervised
from failover_dns.edge.wiring import Works
from failover_dns.effects import clock
from failover_dns.effects.systemd import Systemd
from failover_dns.effects.watch import FileWatcher


def run(arguments: argparse.Namespace) -> int:
    """Run the daemon; 0 when it was stopped in order."""
    place = Path(arguments.config) if arguments.config else None
    loaded = load(place, os.environ)
    log = configure(level=loaded.log.level, form=loaded.log.format)
    faulthandler.enable(STDERR)  # systemd's watchdog sends SIGABRT, and the log then shows where it hung
    return asyncio.run(_serve(loaded, place, log))


async def _serve(loaded: Loaded, place: Path | None, log: Logger) -> int:
    tell = Teller(log)
    witness = Witness()
    supervised = Supervised(Systemd(os.environ, pid=os.getpid()), log, clock=clock.now)

    def told(walk: Walk, wake: Wake) -> None:
        tell(walk, wake)
        supervised(walk, wake)
        witness(walk, wake)

    def began(now: Generation) -> Iterator[asyncio.Task[None]]:
        witness.live.know(now.works.reconcilers, now.works.moves)
        supervised.looks_after(pair.name for pair in now.loaded.pairs)
        log.info("started", pairs=[pair.name for pair in now.loaded.pairs], config=str(now.loaded.path))
        yield asyncio.create_task(_tend(now.watchers, now.service, now.loaded.timings.look_s, log))
        yield asyncio.create_task(_live(now, supervised))

    outlets = Outlets(
        walked=told,
        failed=tell.failed,
        converged=tell.converged,
        written=witness.listeners,
        unrenewed=tell.unrenewed,
    )
    daemon = Daemon(loaded, place, outlets=outlets, began=began)
    _stop_on_signals(daemon, supervised, log)
    async with AsyncExitStack() as stack:
        running = asyncio.create_task(daemon.run())
        stack.callback(running.cancel)
        beginning = asyncio.create_task(daemon.begun.wait())
        await asyncio.wait({running, beginning}, return_when=asyncio.FIRST_COMPLETED)
        beginning.cancel()
        if not running.done():
            working = _Working(daemon, supervised)
            await stack.enter_async_context(control_channel(loaded, working, witness, log=log))
            reloading = asyncio.create_task(supervised.reloads(_reload_on_signal(), daemon.take_in))
            stack.callback(reloading.cancel)
        finished = await running
    log.info("stopped", finished=finished)
    return 0


@dataclass(frozen=True, slots=True)
class _Working:
    """The daemon as the control channel sees it."""

    daemon: Daemon
    supervised: Supervised

    @property
    def works(self) -> Works:
        """What works now."""
        return self.daemon.works

    def wake(self, pairs: Iterable[str], why: Why) -> None:
        """Ask for a walk of each of `pairs`."""
        self.daemon.wake(pairs, why)

    async def reload(self) -> str | None:
        """Take in the configuration as it is now; return why not."""
        return await self.supervised.reload(self.daemon.take_in)


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


async def _live(now: Generation, supervised: Supervised) -> None:
    """Tell the service manager when every pair was looked at once, and from then on of progress."""
    await now.service.first_walks()
    supervised.ready()
    await supervised.beat(now.signs)


def _reload_on_signal(*, platform: str = sys.platform) -> asyncio.Event:
    """Return what SIGHUP sets; Windows has no such signal, and reloads by the control channel."""
    asked = asyncio.Event()
    if platform != "win32":
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, asked.set)
    return asked


def _stop_on_signals(
    daemon: Daemon, supervised: Supervised, log: Logger, *, platform: str = sys.platform
) -> None:
    loop = asyncio.get_running_loop()

    def stop(number: int) -> None:
        log.info("stopping", signal=signal.Signals(number).name)
        supervised.stopping()
        daemon.stop()

    if platform == "win32":
        # No add_signal_handler there; NSSM's Ctrl-C is SIGINT and a closing console SIGBREAK.
        for name in ("SIGINT", "SIGBREAK"):
            number = getattr(signal, name, None)
            if number is not None:
                signal.signal(number, lambda number, _frame: loop.call_soon_threadsafe(stop, number))
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
