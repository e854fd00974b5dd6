"""One way to follow a status file, as the measuring process sees it: a file it replaces, a log it reads."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from benchmarks.parts.inotify import MODIFY, Inotify

PATIENCE_S = 20.0
"""A switch that takes longer ends the run."""

ZONES = frozenset({"forward", "reverse"})

Outcome = Callable[[bytes], str | None]
"""Says of a log's line which zone's outcome it is: "forward", "reverse", or None if it is none."""


class Side:
    """A status file that names the online agent, and the log that tells what became of a switch."""

    def __init__(self, name: str, agents: tuple[str, str], status: Path, log: Path, outcome: Outcome) -> None:
        self.name = name
        self.agents = agents
        self.online = agents[0]
        self.switches = 0
        self._status = status
        self._next = status.with_name(f".{status.name}.tmp")
        self._outcome = outcome
        self._log = log.open("rb", buffering=0)
        self._log.seek(0, os.SEEK_END)
        self._grown = Inotify(log, MODIFY)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self._grown.__exit__(*details)
        self._log.close()

    def prepare(self) -> None:
        """Write the status file's next content beside it."""
        self._next.write_text(f"{self._other()}\n")

    def run(self) -> float:
        """Replace the status file; return the seconds until both zones' outcomes are in the log."""
        self._log.read()  # what came after the last outcome
        began_s = time.perf_counter()
        self._next.replace(self._status)
        ended_s = self._both_zones(began_s + PATIENCE_S)
        self.online = self._other()
        self.switches += 1
        return ended_s - began_s

    def _other(self) -> str:
        return self.agents[self.online == self.agents[0]]

    def _both_zones(self, deadline_s: float) -> float:
        """Return when the log was read that had both; looking into the lines is not the side's time."""
        seen, text = set[str | None](), b""
        while (left_s := deadline_s - time.perf_counter()) > 0:
            self._grown.wait(left_s)
            text += self._log.read()
            read_s = time.perf_counter()
            *lines, text = text.split(b"\n")
            seen |= set(map(self._outcome, lines))
            if seen >= ZONES:
                return read_s
        raise TimeoutError(f"{self.name}: no outcome of both zones within {PATIENCE_S:g} s")
