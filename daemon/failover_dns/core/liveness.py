"""Whether the daemon makes progress, so that its service manager may restart one that does not.

A process that runs is no proof, and neither is a loop that turns: what counts is that each pair's walks, which
look at its sources, come to an end in time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from failover_dns.core.model import Instant

LOOK_JITTER = 1.25
"""The next look comes after `look_s` and at most this many times that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """When something last made progress, and how long it may take until it does again."""

    what: str
    last: Instant
    allowed_s: float


def overdue(signs: Iterable[Sign], *, now: Instant) -> tuple[str, ...]:
    """Return in words what has made no progress for longer than it may."""
    return tuple(
        f"{sign.what}: nothing for {_age_s(sign, now):.0f} s, and {sign.allowed_s:.0f} s are the most it may take"
        for sign in signs
        if _age_s(sign, now) > sign.allowed_s
    )


def allowed_s(*, look_s: float, exchanges: int, deadline_s: float, besides_s: float) -> float:
    """Return how far apart two walks of a pair may end: the look that is due, and the longest walk.

    A walk may wait for so many `exchanges` one after the other, each for `deadline_s`, and `besides_s` for all
    else, such as sources and disk. Too short a time would restart a daemon whose primaries are merely slow.
    """
    return look_s * LOOK_JITTER + exchanges * deadline_s + besides_s


def _age_s(sign: Sign, now: Instant) -> float:
    return now.mono_s - sign.last.mono_s
