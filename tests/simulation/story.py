"""What happened, line by line, for a person who looks at a failure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.simulation.loop import BEGIN_S


@dataclass(slots=True)
class Story:
    """The lines so far, each with the seconds since the beginning."""

    now_s: Callable[[], float]
    lines: list[str] = field(default_factory=list)

    def tell(self, text: str) -> None:
        self.lines.append(f"{self.now_s() - BEGIN_S:10.3f}  {text}")
