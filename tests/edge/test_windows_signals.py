"""How Windows stops the daemon, on whatever system this runs."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator

import pytest

from failover_dns.edge.serve import _stop_on_signals


class Stopped:
    """Stands for the service, its manager and its log: all they are asked is to stop and to say so."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.told: list[str] = []

    def stop(self) -> None:
        self.event.set()

    def stopping(self) -> None:
        self.told.append("stopping the service")

    def info(self, event: str, **fields: str) -> None:
        self.told.append(f"{event} {fields['signal']}")


@pytest.fixture(autouse=True)
def handler_kept() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


async def test_ctrl_c_stops_a_loop_that_takes_no_signal_handlers() -> None:
    stopped = Stopped()
    _stop_on_signals(stopped, stopped, stopped, platform="win32")  # type: ignore[arg-type]
    signal.raise_signal(signal.SIGINT)
    async with asyncio.timeout(10):
        await stopped.event.wait()
    assert stopped.told == ["stopping SIGINT", "stopping the service"]
