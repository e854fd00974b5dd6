"""All that is measured takes turns, so that whatever else the machine does meanwhile falls on everything."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

BLOCK = 20
"""How many times one thing runs before the next has its turn."""

PAUSE_S = (0.005, 0.015)
"""Before each run, so that it finds everything at rest."""

WARM_UP = 2

QUIET_ROUNDS = 5
QUIET_S = 5.5
"""Longer than the daemon keeps an idle connection; in real life hours pass between two switches."""


class Runnable(Protocol):
    """Something to measure."""

    @property
    def name(self) -> str:
        """What it is called in the output."""
        ...

    def prepare(self) -> None:
        """Do what is not to be measured."""
        ...

    def run(self) -> float:
        """Return the seconds that it took."""
        ...


@dataclass(slots=True)
class Times:
    """What the runs of one thing took in ms, and the processor time that a process used in its turns."""

    of: Runnable
    cpu_ms: Callable[[], float] = lambda: 0.0
    taken: list[float] = field(default_factory=list)
    after_quiet: list[float] = field(default_factory=list)
    used_cpu_ms: float = 0.0


def take_turns(everything: Sequence[Times], count: int) -> None:
    """Run each thing so many times, block by block, in an order that goes round."""
    for times in everything:
        for _ in range(WARM_UP):
            run_once(times.of)
    for number, begin in enumerate(range(0, count, BLOCK)):
        for times in _from(number, everything):
            before_ms = times.cpu_ms()
            times.taken += [run_once(times.of) for _ in range(min(BLOCK, count - begin))]
            times.used_cpu_ms += times.cpu_ms() - before_ms


def run_after_quiet(everything: Sequence[Times]) -> None:
    """Run each thing once after some seconds in which nothing happened, and that several times."""
    for number in range(QUIET_ROUNDS):
        time.sleep(QUIET_S)
        for times in _from(number, everything):
            times.after_quiet.append(run_once(times.of))


def run_once(thing: Runnable) -> float:
    """Run one thing, at rest; return what it took in ms."""
    thing.prepare()
    time.sleep(random.uniform(*PAUSE_S))  # noqa: S311 - spreads pauses, guards no secret
    return thing.run() * 1000


def _from(number: int, everything: Sequence[Times]) -> list[Times]:
    first = number % len(everything)
    return [*everything[first:], *everything[:first]]
