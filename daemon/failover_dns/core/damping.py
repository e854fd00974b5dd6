"""A pair that moves too often is held for a while: flap damping, after RFC 2439.

Each move in DNS adds 1 to the pair's penalty, which halves every `half_life_s` (the figure of merit and its decay,
RFC 2439 4.2). A move that would bring it above `limit` is held (the cutoff threshold), until the penalty has fallen
to `reuse` (the reuse threshold) or `max_hold_s` has passed since the hold began (the maximum hold-down time). Then
whatever is the truth is published; what is held is late, never lost.

A route is withdrawn while it is damped. A pair stays as it is: there is no third state that would be safer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from failover_dns.core.model import Instant

AT_ONCE_S = 0.001
"""A hold that would end this soon has ended: the time that is waited for it is not exact."""
HALF_LIVES = 10
"""After so many, a move counts less than a thousandth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Damping:
    """How much flapping is too much; `limit` and `reuse` are penalties, and a move is 1."""

    half_life_s: float = 300.0
    limit: float = 5.0
    reuse: float = 2.0
    max_hold_s: float = 900.0

    def __post_init__(self) -> None:
        if self.half_life_s <= 0 or self.max_hold_s <= 0:
            raise ValueError("a half-life and a longest hold are longer than 0 s")
        if not 0 < self.reuse <= self.limit - 1:
            raise ValueError(
                "reuse is more than 0, and a move (1) less than limit: else a hold ends in a hold"
            )

    @property
    def memory_s(self) -> float:
        """How long ago a move may be and still count."""
        return HALF_LIVES * self.half_life_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaps:
    """What one pair's moves leave behind: the penalty at an instant, and since when a hold lasts, if one does.

    Both times are monotonic seconds.
    """

    penalty: float = 0.0
    at_s: float = 0.0
    held_since_s: float | None = None


def penalty(flaps: Flaps, damping: Damping, now_s: float) -> float:
    """Return what is left of the penalty by now."""
    return flaps.penalty * 2 ** (-max(0.0, now_s - flaps.at_s) / damping.half_life_s)


def moved(flaps: Flaps, damping: Damping, now_s: float) -> Flaps:
    """Return the memory after a move; it ends a hold."""
    return Flaps(penalty=penalty(flaps, damping, now_s) + 1, at_s=now_s)


def damp(flaps: Flaps, damping: Damping, now_s: float) -> tuple[Flaps, float | None]:
    """Return the memory after a move was wanted, and None if it may go, else in how many seconds it may.

    A hold that has ended leaves a penalty of at most `reuse`, so that the move may be tried until it succeeds.
    """
    left = penalty(flaps, damping, now_s)
    since_s = flaps.held_since_s
    if since_s is None:
        if left + 1 <= damping.limit:
            return flaps, None
        since_s = now_s
    wait_s = min(_decay_s(left, damping), damping.max_hold_s - (now_s - since_s))
    if wait_s > AT_ONCE_S:
        return replace(flaps, held_since_s=since_s), wait_s
    return Flaps(penalty=min(left, damping.reuse), at_s=now_s), None


def release(flaps: Flaps) -> Flaps:
    """Return the memory after an operator ended the damping: no hold, and no move counts any more."""
    return replace(flaps, penalty=0.0, held_since_s=None)


def recall(times: Iterable[float], now: Instant, damping: Damping) -> Flaps:
    """Return the memory after moves at these times (seconds since 1970), on the clocks of `now`.

    Whether the pair was held is not known: it is again if the next move would be one too many.
    """
    ages_s = (max(0.0, now.wall_s - wall_s) for wall_s in times)
    return Flaps(penalty=math.fsum(2 ** (-age_s / damping.half_life_s) for age_s in ages_s), at_s=now.mono_s)


def _decay_s(left: float, damping: Damping) -> float:
    """Return how long it takes until `left` has fallen to `reuse`."""
    return damping.half_life_s * math.log2(left / damping.reuse) if left > damping.reuse else 0.0
