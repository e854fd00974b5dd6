"""When a zone that failed is due again: later each time, with jitter, and nobody else waits for it."""

from __future__ import annotations

import random
from collections.abc import Container, Iterable
from dataclasses import dataclass

from failover_dns.core.model import Change

FIRST_S = 1.0
MOST_S = 300.0

OURSELVES = ""
"""What stands for the zone where the failure was our own, such as a change log that cannot be written."""


@dataclass(frozen=True, slots=True)
class _Failed:
    change: Change | None
    delay_s: float
    until_s: float


class Backoff:
    """For each zone of one pair: what failed there, and when it may be tried again (monotonic seconds)."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._failed: dict[str, _Failed] = {}

    def fail(self, zone: str, change: Change | None, *, now_s: float) -> float:
        """Note that `change` failed, or that `zone` could not be read, and return how long it is to wait.

        The same again waits twice as long.
        """
        before = self._failed.get(zone)
        again = before is not None and before.change == change
        delay_s = min(MOST_S, before.delay_s * 2) if before and again else FIRST_S
        wait_s = delay_s * self._rng.uniform(0.75, 1.25)
        self._failed[zone] = _Failed(change, delay_s, now_s + wait_s)
        return wait_s

    def succeed(self, zone: str) -> None:
        """Forget what failed at `zone`."""
        self._failed.pop(zone, None)

    def keep(self, zones: Container[str]) -> None:
        """Forget what failed at any other zone: nothing lies there any more."""
        self._failed = {zone: failed for zone, failed in self._failed.items() if zone in zones}

    def unreadable(self, *, now_s: float) -> frozenset[str]:
        """Return the zones that could not be read and are not due to be asked again."""
        waiting = self._waiting(now_s)
        return frozenset(zone for zone in waiting if self._failed[zone].change is None)

    def due(self, changes: Iterable[Change], *, now_s: float) -> tuple[Change, ...]:
        """Return those of `changes` that may be sent now: not what has just failed."""
        waiting = self._waiting(now_s)
        return tuple(c for c in changes if c.zone not in waiting or self._failed[c.zone].change != c)

    def next_in_s(self, *, now_s: float) -> float | None:
        """Return how long until the next zone is due, None if nothing failed."""
        if not self._failed:
            return None
        return max(0.0, min(failed.until_s for failed in self._failed.values()) - now_s)

    def _waiting(self, now_s: float) -> frozenset[str]:
        return frozenset(zone for zone, failed in self._failed.items() if failed.until_s > now_s)
