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
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stuck: asyncio.Future[Any] | None = None

    async def run(self, call: Callable[[], T], *, deadline_s: float) -> T:
        """Return what `call` returns; StuckError if it or the one before it takes over `deadline_s`."""
        if self._stuck is not None and not self._stuck.done():
            raise StuckError(f"{self._name}: an earlier call has still not returned")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._start()
        self._calls.put(lambda: _carry_out(call, loop, future))
        future.add_done_callback(_take_in)
        try:
            # Not wait_for: in Python 3.11 it forgets a cancellation that comes together with the answer.
            async with asyncio.timeout(deadline_s):
                return await asyncio.shield(future)
        except TimeoutError:
            if future.done():
                return future.result()  # it ended with the deadline, or the time-out is its own
            self._stuck = future
            raise StuckError(f"{self._name}: no answer within {deadline_s:g} s") from None

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Let the thread end after the calls that it has; does not wait for them."""
        if self._thread is not None:
            self._calls.put(_end)
            self._thread = None

    def _work(self) -> None:
        while True:
            call = self._calls.get()
            if call is _end:
                return
            call()


def _take_in(future: asyncio.Future[Any]) -> None:
    """Look at the error of a call whose caller may be gone, so that nobody is warned of it."""
    if not future.cancelled():
        future.exception()


def _end() -> None:
    """Stand for the end of a lane in its queue."""


def _carry_out(call: Callable[[], T], loop: asyncio.AbstractEventLoop, future: asyncio.Future[T]) -> None:
    try:
        result = call()
    except Exception as error:  # noqa: BLE001 - handed to the caller, whatever it is
        _hand_over(loop, future.set_exception, error, future)
    else:
        _hand_over(loop, future.set_result, result, future)


def _hand_over(
    loop: asyncio.AbstractEventLoop, settle: Callable[[Any], None], value: Any, future: asyncio.Future[T]
) -> None:
    try:
        loop.call_soon_threadsafe(lambda: None if future.done() else settle(value))
    except RuntimeError:
        return  # the loop is closed: nobody waits any more
