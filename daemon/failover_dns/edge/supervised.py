"""The daemon under a service manager: when it is ready, how it does, that it makes progress, that it reloads.

Without systemd nothing of it is told, and SIGHUP still reloads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from failover_dns.conduct.walk import Wake, Walk
from failover_dns.core.decide import Hold, Move
from failover_dns.core.liveness import Sign, overdue
from failover_dns.core.model import Instant
from failover_dns.edge.logs import Logger

SHOWN = 5
"""So many pairs are named in the status; with more, those with problems come first."""

BEATS = 3
"""Signs of life in the time that systemd waits for one, so that one may be late."""

Reload = Callable[[], Awaitable[str | None]]
"""Takes in the configuration as it is now; returns why not, and then nothing has changed."""


class Manager(Protocol):
    """The service manager (`effects.systemd`)."""

    watchdog_s: float | None

    def tell(self, *lines: str) -> bool:
        """Send one message."""
        ...

    def reloading(self) -> bool:
        """Say that the configuration is being read anew."""
        ...


class Supervised:
    """What the manager is told; also hears of every walk, as the log does."""

    def __init__(self, manager: Manager, log: Logger, *, clock: Callable[[], Instant]) -> None:
        self._manager = manager
        self._log = log
        self._clock = clock
        self._found: dict[str, tuple[bool, str]] = {}
        self._status = ""
        self._reloading = asyncio.Lock()
        self._is_ready = False

    def __call__(self, walk: Walk, wake: Wake) -> None:  # noqa: ARG002 - whoever is told of walks gets both
        """Take in what a walk found, and tell when that is news."""
        self._found[walk.pair] = (_troubled(walk), _gist(walk))
        text = status(self._found)
        if text != self._status and self._manager.tell(f"STATUS={text}"):
            self._status = text

    def ready(self) -> None:
        """Tell that every pair was looked at once; of a reload it is told when that has ended."""
        if not self._is_ready:
            self._is_ready = self._manager.tell("READY=1")

    def stopping(self) -> None:
        """Tell that the changes in hand are being finished."""
        self._manager.tell("STOPPING=1")

    async def beat(self, signs: Callable[[], Iterable[Sign]]) -> None:
        """Give signs of life for as long as all that there are `signs` of makes progress."""
        if self._manager.watchdog_s is None:
            return
        told: tuple[str, ...] = ()
        while True:
            late = overdue(signs(), now=self._clock())
            if not late:
                self._manager.tell("WATCHDOG=1")
            elif not told:
                self._log.critical(
                    "no_progress", what=late, cure="the service manager will restart the daemon"
                )
            told = late
            await asyncio.sleep(self._manager.watchdog_s / BEATS)

    async def reloads(self, asked: asyncio.Event, reload: Reload) -> None:
        """Reload whenever `asked`; what is asked meanwhile is one more reload after it."""
        while True:
            await asked.wait()
            asked.clear()
            await self.reload(reload)

    async def reload(self, reload: Reload) -> str | None:
        """Reload, one at a time; return why the configuration was not taken in."""
        async with self._reloading:
            self._manager.reloading()
            try:
                refusal = await reload()
            finally:
                self._manager.tell("READY=1")
        if refusal is None:
            self._log.info("reloaded")
        else:
            self._log.error("reload_refused", why=refusal, cure="mend it and reload; nothing has changed")
        return refusal

    def looks_after(self, pairs: Iterable[str]) -> None:
        """Tell of these pairs and no others."""
        kept = set(pairs)
        self._found = {pair: found for pair, found in self._found.items() if pair in kept}


def status(found: dict[str, tuple[bool, str]]) -> str:
    """Return one line on all pairs, of which is known whether there are problems, and what is published."""
    troubled = sum(trouble for trouble, _ in found.values())
    rest = len(found) - SHOWN
    return "; ".join(
        [
            f"{len(found)} pair{'s' * (len(found) != 1)}, {troubled or 'none'} with problems",
            *(text for _, text in sorted(found.values(), key=lambda one: not one[0])[:SHOWN]),
            *([f"{rest} more"] if rest > 0 else []),
        ]
    )


def _gist(walk: Walk) -> str:
    match walk.decision:
        case Move(to=to):
            return f"{walk.pair} is at {to}"
        case Hold(reason=reason):
            return f"{walk.pair} is held: {reason}"


def _troubled(walk: Walk) -> bool:
    match walk.decision:
        case Move() if not walk.in_order:
            return True
        case Move(reason=reason) | Hold(reason=reason):
            return reason.alerts or bool(walk.problems or walk.refusals or walk.returning)
