"""A thread of its own for calls that can block for long: a file share, a disk, a Kerberos library.

The thread is a daemon thread, so that a call which never returns cannot hold up the exit, and each thing that
can hang has its own, so that it holds up nobody else. Nothing waits in the lane behind a call that hangs: a
call that is asked for meanwhile fails at once.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


class StuckError(TimeoutError):
    """A call in this lane has not returned within its deadline, and may never.

    It is a TimeoutError so that effects which are handed a lane's `run` can tell it without importing it.
    """


class Lane:
    """Runs blocking calls one after the other, off the loop."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._unfinished: dict[asyncio.Future[Any], float] = {}

    async def run(self, call: Callable[[], T], *, deadline_s: float) -> T:
        """Return what `call` returns; StuckError if it or the one before it takes over `deadline_s`."""
        loop = asyncio.get_running_loop()
        # Also those whose callers are gone: else calls that are given up in time would pile up behind one that hangs.
        if any(until <= loop.time() for until in self._unfinished.values()):
            raise StuckError(f"{self._name}: an earlier call has still not returned")
        future: asyncio.Future[T] = loop.create_future()
        self._unfinished[future] = loop.time() + deadline_s
        self._start()
        asked = _Call(call, loop, future)
        self._calls.put(asked)
        future.add_done_callback(self._take_in)
        try:
            # Not wait_for: in Python 3.11 it forgets a cancellation that comes together with the answer.
            async with asyncio.timeout(deadline_s):
                return await asyncio.shield(future)
        except TimeoutError:
            if future.done():
                return future.result()  # it ended with the deadline, or the time-out is its own
            raise StuckError(f"{self._name}: no answer within {deadline_s:g} s") from None
        finally:
            asked.wanted = False

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Let the thread end after the calls that it has; does not wait for them."""
        if self._thread is not None:
            self._calls.put(None)
            self._thread = None

    def _take_in(self, future: asyncio.Future[Any]) -> None:
        """Look at the error of a call whose caller may be gone, so that nobody is warned of it."""
        del self._unfinished[future]
        if not future.cancelled():
            future.exception()

    def _work(self) -> None:
        while (asked := self._calls.get()) is not None:
            asked.carry_out()


@dataclass(slots=True)
class _Call:
    """A call, and whether anybody still waits for what it returns: if not, it is not begun."""

    call: Callable[[], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    wanted: bool = True

    def carry_out(self) -> None:
        try:
            result = self.call() if self.wanted else None
        except Exception as error:  # noqa: BLE001 - handed to the caller, whatever it is
            _hand_over(self.loop, self.future.set_exception, error, self.future)
        else:
            _hand_over(self.loop, self.future.set_result, result, self.future)


def _hand_over(
    loop: asyncio.AbstractEventLoop, settle: Callable[[Any], None], value: Any, future: asyncio.Future[T]
) -> None:
    try:
        loop.call_soon_threadsafe(lambda: None if future.done() else settle(value))
    except RuntimeError:
        return  # the loop is closed: nobody waits any more
