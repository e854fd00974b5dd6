"""Exchanging messages with one primary over TCP (RFC 1035 4.2.2, RFC 7766).

A connection carries one exchange at a time and is kept for the next. TCP, since an update is worth a
handshake and UDP answers can be forged by whoever guesses an id.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import struct
from types import TracebackType
from typing import Self

from failover_dns.core.errors import SilentError, UnsentError
from failover_dns.effects import Run

MAX_CONNECTIONS = 4
"""To one primary at once: BIND answers no update beyond its update-quota of 100 and drops it in silence."""

MAX_IDLE_S = 5.0
"""A firewall may forget an idle connection in silence; a switch must not learn that by its deadline."""


class Primary:
    """One server: its connections, and exchanges of whole messages within a deadline."""

    def __init__(self, host: str, port: int, *, run: Run) -> None:
        self._host = host
        self._port = port
        self._run = run
        self._idle: list[_Connection] = []
        self._places = asyncio.Semaphore(MAX_CONNECTIONS)

    def __str__(self) -> str:
        return f"{self._host}#{self._port}"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._idle:
            self._idle.pop().close()

    async def exchange(self, wire: bytes, *, deadline_s: float) -> bytes:
        """Return the answer to `wire`.

        Raises UnsentError if nothing was sent, SilentError if the message went out and no whole answer came
        back within `deadline_s`, which counts from this call.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + deadline_s
        try:
            async with asyncio.timeout_at(until):
                await self._places.acquire()
        except TimeoutError:
            raise UnsentError(f"{self}: its connections are all in use", "see what it is slow at") from None
        try:
            connection = await self._connection(until)
            answer = await connection.exchange(wire, until=until, of=str(self))
            self._idle.append(connection)
            return answer
        finally:
            self._places.release()

    async def _connection(self, until: float) -> _Connection:
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            if connection.usable(now):
                return connection
            connection.close()
        try:
            async with asyncio.timeout_at(until):
                reader, writer = await asyncio.open_connection(*await self._address(until - now))
        except TimeoutError:
            raise UnsentError(f"{self} does not take a connection", "check address and firewall") from None
        except Exception as error:  # a resolver or a socket: whatever it was, nothing was sent
            raise UnsentError(f"{self} cannot be reached: {error}", "is the server running there?") from error
        return _Connection(reader, writer)

    async def _address(self, deadline_s: float) -> tuple[str, int]:
        """Return the address to connect to; a name is looked up in a thread that may hang alone."""
        with contextlib.suppress(ValueError):
            return str(ipaddress.ip_address(self._host)), self._port
        found = await self._run(
            lambda: socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM), deadline_s=deadline_s
        )
        return str(found[0][4][0]), self._port


class _Connection:
    """One TCP connection that carries one exchange at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._used = asyncio.get_running_loop().time()

    def usable(self, now: float) -> bool:
        return now - self._used < MAX_IDLE_S and not self._reader.at_eof() and not self._writer.is_closing()

    async def exchange(self, wire: bytes, *, until: float, of: str) -> bytes:
        try:
            async with asyncio.timeout_at(until):
                self._writer.write(struct.pack("!H", len(wire)) + wire)
                await self._writer.drain()
                (size,) = struct.unpack("!H", await self._reader.readexactly(2))
                answer = await self._reader.readexactly(size)
        except TimeoutError:
            self.close()
            raise SilentError(f"{of} gave no answer in time", "its log says whether it got one") from None
        except (asyncio.IncompleteReadError, OSError) as error:
            self.close()
            raise SilentError(
                f"{of} broke the connection before its answer was whole",
                "its log says why, or that of a firewall between",
            ) from error
        except BaseException:
            self.close()
            raise
        self._used = asyncio.get_running_loop().time()
        if answer[:2] != wire[:2]:  # another message's id: whatever comes next would be one off, too
            self.close()
        self._acknowledge()
        return answer

    def _acknowledge(self) -> None:
        """Acknowledge at once: a delayed acknowledgement holds the server's next answer for 40 ms (Linux)."""
        quickack = getattr(socket, "TCP_QUICKACK", None)
        raw = self._writer.get_extra_info("socket")
        if quickack is not None and raw is not None:
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.IPPROTO_TCP, quickack, 1)

    def close(self) -> None:
        self._writer.transport.abort()
