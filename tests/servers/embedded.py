"""Run the embedded primary on a loop and thread of its own, so that any test can ask it as it asks BIND."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

from failover_dns.sandbox.server import SandboxServer
from failover_dns.sandbox.zone import load
from tests.servers.client import DnsServer
from tests.servers.keys import make_keys
from tests.servers.zones import ZONES

DEADLINE_S = 5.0
T = TypeVar("T")


@contextmanager
def running_embedded(zones: Mapping[str, str] = ZONES) -> Iterator[DnsServer]:
    """Serve these zones (origin -> master file text) until the block ends."""
    keys = make_keys()
    loaded = [load(origin, text) for origin, text in zones.items()]
    with on_own_loop(SandboxServer(loaded, keys.values())) as server:
        yield DnsServer(host=server.host, port=server.port, keys=keys, kind="embedded")


@contextmanager
def on_own_loop(manager: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """Enter an async context manager from synchronous code, and leave it there too."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        entered = asyncio.run_coroutine_threadsafe(_enter(manager), loop).result(DEADLINE_S)
        try:
            yield entered
        finally:
            asyncio.run_coroutine_threadsafe(_leave(manager), loop).result(DEADLINE_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _enter(manager: AbstractAsyncContextManager[T]) -> T:
    return await manager.__aenter__()


async def _leave(manager: AbstractAsyncContextManager[T]) -> None:
    await manager.__aexit__(None, None, None)
