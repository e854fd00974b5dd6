"""The clocks of simulated hosts: one monotonic time for all, a wall clock for each that may be wrong and may jump.

Signatures carry the time of whoever signs or verifies (RFC 8945 5.2.3), so the library that makes them is given a
clock that shows the time of the host that is acting.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import dns.message

from failover_dns.core.model import Instant

EPOCH_S = 1_772_323_200
"""2026-03-01, when the simulated world's wall clocks stood at what its loop calls zero."""

ACTING: ContextVar[Callable[[], float]] = ContextVar("ACTING", default=time.time)
"""The wall clock of the host whose code runs."""


@dataclass(slots=True)
class Clock:
    """Both clocks of one host; `skew_s` is by how much its wall clock is wrong."""

    now_s: Callable[[], float]
    skew_s: float = 0.0

    def __call__(self) -> Instant:
        mono_s = self.now_s()
        return Instant(mono_s=mono_s, wall_s=EPOCH_S + mono_s + self.skew_s)

    def wall(self) -> float:
        return EPOCH_S + self.now_s() + self.skew_s


class _OfWhoeverActs:
    @staticmethod
    def time() -> float:
        return ACTING.get()()


@contextmanager
def signatures_by_simulated_time() -> Iterator[None]:
    """Let the library sign and verify by the acting host's clock, in this process, until the block ends."""
    before = vars(dns.message)["time"]
    vars(dns.message)["time"] = _OfWhoeverActs
    try:
        yield
    finally:
        vars(dns.message)["time"] = before
