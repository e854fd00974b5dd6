"""What `switch` found, as tables."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from benchmarks.parts.numbers import percentile, row
from benchmarks.parts.turns import QUIET_S, Times

GOAL = (">= 3", ">= 2")
"""How many times as long as the daemon the usual hook takes, in the median and at p99."""


def times_table(sides: Sequence[Times]) -> Iterable[str]:
    """Tell how long switches took."""
    yield "ms from replacing the status file until both zones' outcomes are in the log"
    yield row("", ["median", "p90", "p99", "max", "rested *"])
    for times in sides:
        shares = [percentile(times.taken, share) for share in (0.5, 0.9, 0.99, 1)]
        yield row(times.of.name, [*shares, statistics.median(times.after_quiet)])
    count = len(sides[0].after_quiet)
    yield f"* the median of {count} switches, each after {QUIET_S} s in which nothing happened"


def ratios_table(peers: Sequence[Times], ours: Times) -> Iterable[str]:
    """Tell how many times as long as ours theirs took."""
    yield "how many times as long as the daemon"
    yield row("", ["median", "p99", "rested *"])
    for times in peers:
        median, p99 = (percentile(times.taken, s) / percentile(ours.taken, s) for s in (0.5, 0.99))
        rested = statistics.median(times.after_quiet) / statistics.median(ours.after_quiet)
        yield row(times.of.name, [median, p99, rested])
    yield row("goal, beside the first of them", GOAL)


def floor_table(floors: Sequence[Times], ours: Times) -> Iterable[str]:
    """Tell what could not be done without, and what the daemon needs on top of it."""
    medians = {times.of.name: percentile(times.taken, 0.5) for times in floors}
    whole = sum(medians.values())
    yield "floor, taking turns with the sides, medians in ms"
    for name, median_ms in medians.items():
        yield row(name, [median_ms])
    yield row("sum", [whole])
    yield row("the daemon's median above it", [percentile(ours.taken, 0.5) - whole])
    yield row("the daemon's processor time for one switch", [ours.used_cpu_ms / len(ours.taken)])
