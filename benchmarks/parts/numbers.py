"""Percentiles, and rows of a table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

WIDTH = 46


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` (0 to 1) of all values do not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def row(name: str, cells: Iterable[float | str]) -> str:
    """Return one line of a table: numbers with two decimals, to the right."""
    texts = (cell if isinstance(cell, str) else f"{cell:.2f}" for cell in cells)
    return name.ljust(WIDTH) + "".join(text.rjust(10) for text in texts)
