"""One class for each outside thing; no policy."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Run(Protocol):
    """Runs a call that can block off the loop; what `effects.lane.Lane.run` does.

    Effects do not import each other, so they are handed it.
    """

    async def __call__(self, call: Callable[[], T], *, deadline_s: float) -> T:
        """Return what `call` returns; TimeoutError if it does not within `deadline_s`."""
        ...


def me() -> str:
    """Return who this process is to the file system, for messages."""
    uid = getattr(os, "geteuid", None)  # Windows has none
    return f"user {uid()}" if uid else "the service's account"
