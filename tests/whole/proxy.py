"""A TCP proxy before a primary that stops messages where it is told to: there a daemon can be killed.

It can also make the way a rough one, where messages are late and connections break.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from enum import Enum, auto

import dns.message
import dns.opcode


class Hold(Enum):
    """Where messages are stopped."""

    READ = auto()
    """A question, before the primary gets it."""
    CONNECTION = auto()
    """A new connection, before anything is read from it."""
    UPDATE = auto()
    """An update, before the primary gets it."""
    ANSWER = auto()
    """An update's answer, before the daemon gets it."""
    READ_BACK = auto()
    """A question that follows an update's answer."""


class Proxy:
    """Forwards messages to a primary; those that `hold` names wait until it is lifted."""

    def __init__(self, host: str, port: int) -> None:
        self.port = 0
        self.held: asyncio.Queue[str] = asyncio.Queue()
        """The name that each message held is about, in the order in which they came."""
        self.rough: Callable[[], Awaitable[None]] | None = None
        """What each message meets on its way: it may take its time, or raise OSError to break the connection."""
        self.signers: set[str] = set()
        """The names of the keys that the messages so far were signed with."""
        self._upstream = (host, port)
        self._hold: Hold | None = None
        self._zone: str | None = None
        self._released = asyncio.Event()
        self._updated = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    def hold(self, where: Hold, *, zone: str | None = None) -> None:
        """Stop messages from now on; with `zone` only updates of that zone."""
        self._hold, self._zone = where, zone
        self._released.clear()
        self._updated = False
        if where is Hold.CONNECTION:
            self.drop_connections()

    def release(self) -> None:
        """Let everything pass."""
        self._hold = None
        self._released.set()

    def drop_connections(self) -> None:
        """Close what is open, so that the daemon has to connect anew."""
        for writer in self._writers:
            writer.transport.abort()

    async def wait_held(self, count: int) -> None:
        """Return once `count` messages are held, or were."""
        async with asyncio.timeout(20):
            for _ in range(count):
                await self.held.get()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        self._writers.add(writer)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: self._writers.discard(writer))

    async def close(self) -> None:
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream: asyncio.StreamWriter | None = None
        try:
            with suppress(asyncio.IncompleteReadError, OSError):
                await self._wait(Hold.CONNECTION, "connection")
                answers, upstream = await asyncio.open_connection(*self._upstream)
                while True:
                    await self._exchange(reader, writer, answers, upstream)
        finally:
            writer.transport.abort()
            if upstream is not None:
                upstream.transport.abort()

    async def _exchange(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        upstream: asyncio.StreamWriter,
    ) -> None:
        request = await _receive(reader)
        message = dns.message.from_wire(request, keyring=False)
        self.signers.add(str(message.keyname))
        name = message.question[0].name.to_text()
        opcode = dns.opcode.from_flags(int.from_bytes(request[2:4]))
        is_update = opcode == dns.opcode.UPDATE and int.from_bytes(request[8:10]) > 0
        if is_update:
            await self._wait(Hold.UPDATE, name)
        else:
            await self._wait(Hold.READ_BACK if self._updated else Hold.READ, name)
        _send(upstream, request)
        answer = await _receive(answers)
        if is_update:
            await self._wait(Hold.ANSWER, name)
            self._updated = True
        _send(writer, answer)

    async def _wait(self, where: Hold, name: str) -> None:
        if self._hold is where and self._zone in {None, name}:
            self.held.put_nowait(name)
            await self._released.wait()
        if self.rough is not None:
            await self.rough()


async def _receive(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(int.from_bytes(await reader.readexactly(2)))


def _send(writer: asyncio.StreamWriter, message: bytes) -> None:
    writer.write(len(message).to_bytes(2) + message)


@asynccontextmanager
async def proxy_to(host: str, port: int) -> AsyncIterator[Proxy]:
    proxy = Proxy(host, port)
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
