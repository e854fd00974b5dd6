"""An event loop whose time passes only when nothing else is left to do: no waiting, no sockets, no threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

BEGIN_S = 1000.0


class NothingLeftError(RuntimeError):
    """Every task waits for something that will never happen."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Jumps to the next timer where another loop would wait for it; `turns` counts its rounds."""

    def __init__(self) -> None:
        super().__init__()
        self._now_s = BEGIN_S
        self._clock_resolution = 1e-9
        self._selector = self
        self.turns = 0
        self._due: list[tuple[int, Callable[[], None]]] = []

    def time(self) -> float:
        return self._now_s

    def after_turns(self, turns: int, call: Callable[[], None]) -> None:
        """Call between two rounds, when every task stands at an await."""
        self._due.append((self.turns + turns, call))

    def select(self, timeout_s: float | None) -> list[Any]:
        """Let time pass, in the place of a selector."""
        if timeout_s is None:
            raise NothingLeftError
        self._now_s += timeout_s
        return []

    def _process_events(self, _: list[Any]) -> None:
        """Take in no events: there are none."""

    def _write_to_self(self) -> None:
        """Wake nobody: there are no threads."""

    def _run_once(self) -> None:
        super()._run_once()  # type: ignore[misc]  # not in typeshed
        self.turns += 1
        if self._due:
            now = [call for turn, call in self._due if turn <= self.turns]
            self._due = [due for due in self._due if due[0] > self.turns]
            for call in now:
                call()
