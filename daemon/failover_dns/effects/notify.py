"""Listening for DNS NOTIFY on one port, over UDP and TCP (RFC 1996, RFC 7766).

What comes is a hint to look again and may get lost: whoever listens also looks from time to time. Therefore a
flood may make hints wait or be dropped, but never keep the loop from its other work.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from errno import EADDRINUSE, EADDRNOTAVAIL
from ipaddress import IPv6Address, ip_address
from types import TracebackType
from typing import Self, cast

from failover_dns.core.errors import FailoverDnsError
from failover_dns.core.model import Address
from failover_dns.wire.notify import MAX_OCTETS, Allowed, Ignored, Keys, Reason, hear_notify

PORT_ATTEMPTS = 8
"""To find one port number that is free for both transports, where the system may choose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What others can make this process do: `wire.notify` bounds each message, this all of them."""

    tick_s: float = 1.0
    """A zone is told at most once a tick: the first hint at once, all later ones together at its end."""

    messages: int = 250
    """Read in a tick, for 0.03 to 0.4 ms each; what comes beyond is dropped, and senders repeat it.

    So it also bounds how many zones are remembered, and told in a tick.
    """

    connections: int = 16
    """Over TCP at once; one more is closed unanswered."""

    idle_s: float = 5.0
    """A connection without a whole message, or that does not take its answer, is closed after so long."""


class NotifyListener:
    """Calls `heard(zone)` on the loop when a NOTIFY says that a zone has changed, inside its `async with`.

    `listen` is one of this host's addresses, best the one that masters send to, since a host with several may
    answer from another and not be understood; and a port, or 0 for one that the system chooses. A zone can be
    any name: who listens knows which are its own. `heard` must not raise. `ignored` counts what was no hint.
    """

    def __init__(
        self,
        listen: tuple[Address, int],
        heard: Callable[[str], None],
        *,
        keys: Keys,
        allowed: Allowed,
        bounds: Bounds | None = None,
    ) -> None:
        self._address, self.port = listen
        self._keys = keys
        self._allowed = allowed
        self._bounds = bounds or Bounds()
        self._hints = _Hints(heard, self._bounds)
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._open = False
        self.ignored: Counter[Reason] = Counter()

    def __str__(self) -> str:
        return f"{self._address}#{self.port}"

    @property
    def dropped(self) -> int:
        """How many messages were not read, since there were too many in a tick."""
        return self._hints.dropped

    async def __aenter__(self) -> Self:
        self._open = True
        try:
            await self._listen(PORT_ATTEMPTS)
        except OSError as error:
            raise _deaf(error, str(self), self.port) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        self._hints.close()
        self._tcp.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._udp.close()
        await self._tcp.wait_closed()

    async def _listen(self, attempts: int) -> None:
        """Take one port number for both transports; if it is taken for TCP and free to choose, another."""
        loop = asyncio.get_running_loop()
        host = str(self._address)
        transport, self._udp = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self._answer), local_addr=(host, self.port)
        )
        port: int = transport.get_extra_info("sockname")[1]
        try:
            self._tcp = await asyncio.start_server(self._connected, host, port, limit=MAX_OCTETS)
        except BaseException as error:
            await self._udp.close()
            if self.port or attempts == 1 or not isinstance(error, OSError):
                raise
            await self._listen(attempts - 1)
        else:
            self.port = port

    def _answer(self, wire: bytes, host: str) -> bytes | None:
        """Pass on what a message hints at; return what to answer."""
        if not self._hints.admit():
            return None
        found = hear_notify(wire, _peer(host), keys=self._keys, allowed=self._allowed)
        if isinstance(found, Ignored):
            self.ignored[found.reason] += 1
        else:
            self._hints.tell(found.zone)
        return found.answer

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open or len(self._connections) >= self._bounds.connections:
            writer.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._connections[task] = writer
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Give up a connection; to close it would wait for as long as the other side does not read."""
        writer = self._connections.pop(
            task
        )  # kept, since Python 3.13 warns of one that is dropped while open
        writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's messages, one after the other, until one has no answer or it idles."""
        answered = True
        with suppress(TimeoutError, asyncio.IncompleteReadError, OSError):
            while answered:
                async with asyncio.timeout(self._bounds.idle_s):
                    answered = await self._answer_next(reader, writer)

    async def _answer_next(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        octets = int.from_bytes(await reader.readexactly(2))
        if octets > MAX_OCTETS:
            self.ignored[Reason.TOO_LONG] += 1
            return False
        answer = self._answer(await reader.readexactly(octets), writer.get_extra_info("peername")[0])
        if answer is None:
            return False
        writer.write(len(answer).to_bytes(2) + answer)
        await writer.drain()
        return True


class _Hints:
    """Tells each zone at most once a tick, and counts what comes in one."""

    def __init__(self, heard: Callable[[str], None], bounds: Bounds) -> None:
        self._heard = heard
        self._bounds = bounds
        self._messages = 0
        self._told: set[str] = set()
        self._again: set[str] = set()
        self._ticking: asyncio.TimerHandle | None = None
        self.dropped = 0

    def close(self) -> None:
        """Tell nothing more."""
        if self._ticking is not None:
            self._ticking.cancel()

    def admit(self) -> bool:
        """Return whether one more message may be read in this tick."""
        if self._ticking is None:
            self._ticking = asyncio.get_running_loop().call_later(self._bounds.tick_s, self._tick)
        self._messages += 1
        if self._messages > self._bounds.messages:
            self.dropped += 1
            return False
        return True

    def tell(self, zone: str) -> None:
        """Tell that the zone has changed, or remember to at the tick's end."""
        if zone in self._told:
            self._again.add(zone)
        else:
            self._told.add(zone)
            self._heard(zone)

    def _tick(self) -> None:
        self._ticking = None
        self._messages = 0
        self._told, self._again = self._again, set()
        if self._told:
            self._ticking = asyncio.get_running_loop().call_later(self._bounds.tick_s, self._tick)
        for zone in sorted(self._told):
            self._heard(zone)


class _Datagrams(asyncio.DatagramProtocol):
    """The UDP side: one datagram in, at most one out."""

    def __init__(self, answer: Callable[[bytes, str], bytes | None]) -> None:
        self._answer = answer
        self._closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to answer."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer where the datagram came from; nobody can be reached at port 0, so it is forged."""
        answer = self._answer(data, addr[0]) if addr[1] else None
        if answer is not None:
            self._transport.sendto(answer, addr)

    def connection_lost(self, exc: Exception | None) -> None:
        """Say that the port is free again."""
        self._closed.set_result(exc)

    async def close(self) -> None:
        """Free the port."""
        self._transport.close()
        await self._closed


def _peer(host: str) -> Address:
    """Return the sender's address; IPv4 ones come as IPv6 to a listener at `::` (RFC 4291 2.5.5.2)."""
    address = ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _deaf(error: OSError, where: str, port: int) -> FailoverDnsError:
    elsewhere = (
        f"listen on another port than {port} and name it to the masters, "
        "in BIND as also-notify { <this host's address> port <number>; }"
    )
    match error:
        case PermissionError():
            why = "not permitted"
            cure = f"set AmbientCapabilities=CAP_NET_BIND_SERVICE in the systemd unit, or {elsewhere}"
        case OSError(errno=code) if code == EADDRINUSE:
            why, cure = "another program listens there, a DNS server perhaps", elsewhere
        case OSError(errno=code) if code == EADDRNOTAVAIL:
            why, cure = "this host does not have that address", "listen on one that it has"
        case _:
            why, cure = str(error.strerror or error), "correct address and port in the configuration"
    return FailoverDnsError(f"cannot listen for NOTIFY on {where}: {why}", cure)
