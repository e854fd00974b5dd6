"""The log's one writer in this process: appends that arrive during a write go together into the next."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from failover_dns.core.changelog import Entry
from failover_dns.core.errors import JournalError
from failover_dns.core.model import Instant
from failover_dns.effects import Run
from failover_dns.effects.changelog.disk import CURE, File

T = TypeVar("T")

MAX_WAITING = 10_000
"""How many appends may wait for the disk."""
MAX_BYTES = 10 * 1024 * 1024
DEADLINE_S = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class _Append:
    """One call of `append` that waits for the disk."""

    entries: tuple[Entry, ...]
    wall_s: float
    done: asyncio.Future[tuple[int, ...]]


class ChangeLog:
    """Appends to the change log in `directory`; a directory that is missing is created for its owner only."""

    def __init__(  # noqa: PLR0913 - the outside world and its limits, each with a default where there is one
        self,
        directory: Path,
        *,
        clock: Callable[[], Instant],
        run: Run,
        max_bytes: int = MAX_BYTES,
        keep: int = 20,
        deadline_s: float = DEADLINE_S,
        rename: Callable[[Path, Path], object] = os.replace,
    ) -> None:
        self._file = File(directory, max_bytes=max_bytes, keep=keep, rename=rename)
        self._clock = clock
        self._run_in_lane = run
        self._deadline_s = deadline_s
        self._waiting: list[_Append] = []
        self._flusher: asyncio.Task[None] | None = None
        self._entered = False

    async def __aenter__(self) -> Self:
        """Open the log, cut off a torn last line; JournalError if it cannot be written."""
        wall_s = self._clock().wall_s
        await self._run(lambda: self._file.write([((), wall_s)]))
        self._entered = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self._entered = False
        if self._flusher is not None:
            await self._flusher
        with suppress(JournalError):
            await self._run(self._file.close)

    @property
    def waiting(self) -> int:
        """How many appends wait for the disk."""
        return len(self._waiting)

    async def append(self, *entries: Entry) -> tuple[int, ...]:
        """Return the sequence numbers once the entries are on the disk; JournalError if they cannot be.

        After an error none of them is in the log, unless the disk did not answer in time: then they may be.
        """
        if not self._entered:
            raise JournalError(f"{self._file.path} is not open", "this is a defect: report it")
        if len(self._waiting) >= MAX_WAITING:
            raise JournalError(f"{len(self._waiting)} writes wait for {self._file.path}", CURE)
        waiting = _Append(entries, self._clock().wall_s, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush())
        return await waiting.done

    async def _flush(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting, []
                await self._write(_still_waiting(group))
        finally:
            self._flusher = None

    async def _write(self, group: Sequence[_Append]) -> None:
        batch = [(waiting.entries, waiting.wall_s) for waiting in group]
        try:
            numbers = await self._run(lambda: self._file.write(batch))
        except asyncio.CancelledError:
            for waiting in (*group, *self._waiting):
                waiting.done.cancel()
            self._waiting = []
            raise
        except Exception as error:  # noqa: BLE001 - handed to those who wait, whatever it is
            for waiting in _still_waiting(group):
                waiting.done.set_exception(error)
        else:
            for waiting, seqs in zip(group, numbers, strict=True):
                if not waiting.done.done():
                    waiting.done.set_result(seqs)

    async def _run(self, call: Callable[[], T]) -> T:
        try:
            return await self._run_in_lane(call, deadline_s=self._deadline_s)
        except TimeoutError as error:
            raise JournalError(f"{self._file.path} could not be written: {error}", CURE) from error


def _still_waiting(group: Sequence[_Append]) -> list[_Append]:
    return [waiting for waiting in group if not waiting.done.done()]
