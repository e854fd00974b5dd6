"""Serve a primary's zones on loopback over UDP and TCP, with TSIG (RFC 8945): for trying out and for tests.

It is not hardened for a network, so it refuses to listen on any other address.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Self, cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rrset
import dns.tsig
import dns.zone
from dns.message import Message
from dns.rcode import Rcode
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.TSIG import TSIG

from failover_dns.sandbox.zone import EDNS_OCTETS, Primary

MAX_UDP_OCTETS = EDNS_OCTETS  # of an answer; 512 to a client without EDNS (RFC 6891 6.2.3)
MAX_TCP_OCTETS = 65_535  # of a message, by its length field (RFC 1035 4.2.2)
MAX_CONNECTIONS = 64  # at once; one more is closed unanswered
IDLE_S = 10.0  # a connection without a whole message for so long is closed (RFC 7766 6.2.3)
BIND_ATTEMPTS = 8  # to find one port number that is free for both transports
HEADER_OCTETS = 12

_Keys = Mapping[dns.name.Name, dns.tsig.Key]


class NotLoopbackError(ValueError):
    """The sandbox was told to listen where others could reach it."""


class SandboxServer:
    """A primary on one loopback port, over UDP and TCP, for the length of an `async with`.

    Any of the keys may update and transfer every zone; anybody may ask. Port 0 lets the system choose. `clock`
    is what a signature's time is refused by, in seconds since 1970.
    """

    def __init__(  # noqa: PLR0913 - what a server serves, and where
        self,
        zones: Iterable[dns.zone.Zone],
        keys: Iterable[dns.tsig.Key],
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        idle_s: float = IDLE_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not _is_loopback(host):
            raise NotLoopbackError(f"the sandbox listens on loopback addresses only, not on {host!r}")
        self.primary = Primary(zones)
        self.host = host
        self.port = port
        self._keys: _Keys = {key.name: key for key in keys}
        self._idle_s = idle_s
        self._clock = clock
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def __aenter__(self) -> Self:
        self._udp, self._tcp = await self._listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._udp.close()
        self._tcp.close()
        for writer in self._connections.values():
            writer.transport.abort()
        await asyncio.gather(*self._connections)
        await self._tcp.wait_closed()

    async def _listen(
        self, attempts: int = BIND_ATTEMPTS
    ) -> tuple[asyncio.DatagramTransport, asyncio.Server]:
        """Take one port number for both transports; if it is taken for UDP and free to choose, another."""
        loop = asyncio.get_running_loop()
        tcp = await asyncio.start_server(self._serve, self.host, self.port)
        port: int = tcp.sockets[0].getsockname()[1]
        try:
            udp, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self.answers), local_addr=(self.host, port)
            )
        except OSError:
            tcp.close()
            if self.port or attempts == 1:
                raise
            return await self._listen(attempts - 1)
        self.port = port
        return udp, tcp

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's messages, one after the other, until it ends or idles."""
        task = asyncio.current_task()
        if task is None or len(self._connections) >= MAX_CONNECTIONS:
            writer.close()
            return
        self._connections[task] = writer
        try:
            with suppress(TimeoutError, asyncio.IncompleteReadError, ConnectionError):
                while True:
                    async with asyncio.timeout(self._idle_s):
                        await self._answer_next(reader, writer)
        finally:
            del self._connections[task]
            writer.close()

    async def _answer_next(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = int.from_bytes(await reader.readexactly(2))
        wire = await reader.readexactly(length)
        for reply in self.answers(wire, is_stream=True):
            writer.write(len(reply).to_bytes(2) + reply)
        await writer.drain()

    def answers(self, wire: bytes, *, is_stream: bool) -> Sequence[bytes]:
        """Answer one message in its wire form: none if it is no request, several only for a transfer."""
        if len(wire) < HEADER_OCTETS or _is_response(wire):
            return []
        try:
            request, error = _read_request(wire, self._keys)
        except dns.exception.DNSException:
            return [_format_error(wire)]
        if error:
            return [_refuse_signature(request, error, self._keys, self._clock())]
        responses = self._respond(request, is_stream=is_stream)
        return list(_render(responses, MAX_TCP_OCTETS if is_stream else _udp_octets(request)))

    def _respond(self, request: Message, *, is_stream: bool) -> Sequence[Message]:
        if is_stream and _is_transfer(request):
            return self.primary.transfer(request, allowed=request.had_tsig)
        return [self.primary.respond(request, allowed=request.had_tsig)]


class _Datagrams(asyncio.DatagramProtocol):
    """The UDP side: one datagram in, one out."""

    def __init__(self, answers: Callable[..., Sequence[bytes]]) -> None:
        self._answers = answers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to answer."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer where the datagram came from."""
        for reply in self._answers(data, is_stream=False):
            self._transport.sendto(reply, addr)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_response(wire: bytes) -> bool:
    """Say whether QR is set: to answer an answer would never end."""
    return bool(int.from_bytes(wire[2:4]) & dns.flags.QR)


def _is_transfer(request: Message) -> bool:
    asked = [question.rdtype for question in request.question]
    return request.opcode() == dns.opcode.QUERY and asked == [RdataType.AXFR]


def _udp_octets(request: Message) -> int:
    return max(512, min(request.payload, MAX_UDP_OCTETS))


def _read_request(wire: bytes, keys: _Keys) -> tuple[Message, Rcode]:
    """Parse a message, verify its signature if it has one, and say what is wrong with it (RFC 8945 5.2)."""
    try:
        return dns.message.from_wire(wire, keyring=keys), Rcode.NOERROR
    except (dns.message.UnknownTSIGKey, dns.tsig.BadAlgorithm):
        error = Rcode.BADKEY
    except dns.tsig.BadSignature:
        error = Rcode.BADSIG
    except dns.tsig.BadTime:
        error = Rcode.BADTIME
    return dns.message.from_wire(wire, keyring=False), error


def _refuse_signature(request: Message, error: Rcode, keys: _Keys, now_s: float) -> bytes:
    """Answer NOTAUTH: unsigned to a bad key or signature, signed to a bad time (RFC 8945 5.3.2)."""
    response = dns.message.make_response(request)
    response.set_rcode(Rcode.NOTAUTH)
    signature = cast("dns.rrset.RRset", request.tsig)
    theirs = cast("TSIG", signature[0])
    ours = cast("TSIG", theirs.replace(mac=b"", error=error))
    if error == Rcode.BADTIME:
        # RFC 8945 5.2.3: signed as of the client's time, or it would refuse that too; ours goes beside it.
        ours = cast("TSIG", ours.replace(other=int(now_s).to_bytes(6)))
        ours, _ = dns.tsig.sign(  # type: ignore[no-untyped-call]  # dnspython leaves it untyped
            response.to_wire(), keys[signature.name], ours, theirs.time_signed, theirs.mac
        )
    response.tsig = dns.rrset.from_rdata(signature.name, 0, ours)
    return response.to_wire()


def _render(responses: Iterable[Message], max_octets: int) -> Iterator[bytes]:
    """Write messages, signed as one sequence if the request was signed, with TC where they do not fit."""
    context = None
    for response in responses:
        yield response.to_wire(max_size=max_octets, multi=True, tsig_ctx=context, prefer_truncation=True)
        context = response.tsig_ctx


def _format_error(wire: bytes) -> bytes:
    """Answer what cannot be read, from its header alone (RFC 1035 4.1.1)."""
    response = Message(id=int.from_bytes(wire[:2]))
    response.flags = dns.flags.QR
    response.set_opcode(dns.opcode.from_flags(int.from_bytes(wire[2:4])))
    response.set_rcode(Rcode.FORMERR)
    return response.to_wire()
