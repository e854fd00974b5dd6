"""The state directory's lock: one process at a time reads, changes DNS and writes the change log.

The tasks of one process share it. A process that waits says so by holding a second lock, `<path>.waiting`;
one that has held the lock for longer than its turn then hands it out no more until somebody else has had it.
Both are locks of the operating system: a process that dies holds nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import filelock

from failover_dns.core.errors import FailoverDnsError

RETRY_S = 0.02
TURN_S = 1.0
"""How long a process may keep the lock while another waits."""
GRACE_S = 0.5
"""How long the lock is left free for another process that waits and, being stopped or slow, does not come."""


class LockBusyError(FailoverDnsError):
    """Another process has held the lock for too long."""

    exit_code = 75


class StateLock:
    """A lock that the tasks of this process share, against other processes; for use on one loop."""

    def __init__(self, path: Path, *, turn_s: float = TURN_S) -> None:
        self._path = path
        self._turn_s = turn_s
        self._lock = filelock.FileLock(path, thread_local=False)
        self._queue = filelock.FileLock(path.with_name(f"{path.name}.waiting"), thread_local=False)
        self._holders = 0
        self._waiters = 0
        self._turn_began_s = self._released_s = self._next_try_s = -GRACE_S - turn_s

    @asynccontextmanager
    async def held(self, *, deadline_s: float) -> AsyncIterator[None]:
        """Hold the lock; LockBusyError if it cannot be had within `deadline_s`."""
        if not self._take():
            await self._wait(deadline_s)
        try:
            yield
        finally:
            self._give_back()

    async def _wait(self, deadline_s: float) -> None:
        give_up_s = monotonic() + deadline_s
        self._waiters += 1
        try:
            while (left_s := give_up_s - monotonic()) > 0:
                await asyncio.sleep(min(RETRY_S, left_s))
                if monotonic() >= self._next_try_s and self._take():
                    return
        finally:
            self._waiters -= 1
            if not self._waiters:
                self._leave_queue()
        raise LockBusyError(
            f"{self._path} could not be had within {deadline_s:g} s: another process holds it",
            "wait for a resync that is under way, and see that only one daemon uses this state directory",
        )

    def _take(self) -> bool:
        """Take or share the lock if that is possible now; where not, one next attempt serves all who wait."""
        now_s = monotonic()
        if self._may_take(now_s):
            self._holders += 1
            return True
        self._next_try_s = now_s + RETRY_S / 2
        return False

    def _may_take(self, now_s: float) -> bool:
        if now_s - self._turn_began_s >= self._turn_s:
            if self._others_come_first(now_s):
                return False
            self._turn_began_s = now_s
        if self._holders or self._acquired(self._lock):
            self._leave_queue()
            return True
        if not self._queue.is_locked:
            self._acquired(self._queue)
        return False

    def _others_come_first(self, now_s: float) -> bool:
        """Whether another process waits and has not been left the lock for long enough."""
        if self._queue.is_locked or (not self._holders and now_s - self._released_s >= GRACE_S):
            return False
        if not self._acquired(self._queue):
            return True
        self._queue.release()
        return False

    def _leave_queue(self) -> None:
        if self._queue.is_locked:
            self._queue.release()

    def _acquired(self, lock: filelock.BaseFileLock) -> bool:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock.acquire(blocking=False)
        except filelock.Timeout:
            return False
        except OSError as error:
            what = f"{lock.lock_file} cannot be locked: {error.strerror or error}"
            raise FailoverDnsError(what, "let this account write there, on a local file system") from error
        return True

    def _give_back(self) -> None:
        self._holders -= 1
        if not self._holders:
            self._released_s = monotonic()
            self._lock.release()
