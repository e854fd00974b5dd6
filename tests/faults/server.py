"""A primary that misbehaves where it is told to, in front of the embedded primary's zones.

It runs on the test's own loop, so that a test can look at its zones between any two steps. It writes down
every message that it gets. Time passes only when every message in flight is held back (`Haste`).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import Self, cast

import dns.message
import dns.name
import dns.opcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig
import dns.update
import dns.zone

from failover_dns.core.model import Change, Key, RRset
from failover_dns.sandbox.server import SandboxServer
from failover_dns.sandbox.zone import load
from failover_dns.wire.records import to_rrset
from tests.conduct.world import Forward, is_update
from tests.servers.client import DnsServer
from tests.servers.zones import ZONES
from tests.wire.answers import KEY


class HastyLoop(asyncio.SelectorEventLoop):
    """A loop whose clock can be put forward: a deadline passes without anybody waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead_s = 0.0

    def time(self) -> float:
        return super().time() + self.ahead_s


class Haste:
    """Puts the clock forward as soon as everything that was asked is held back: nothing else can happen."""

    def __init__(self, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self._flying: set[bytes] = set()
        self._held: set[bytes] = set()

    async def count(self, wire: bytes, forward: Forward) -> bytes:
        """Treat a message by counting it for as long as it is in flight."""
        self._flying.add(wire)
        try:
            return await forward(wire)
        finally:
            self._flying.discard(wire)
            self._held.discard(wire)
            self._hurry()

    def hold(self, wire: bytes) -> None:
        """Note that the message will not be answered in time."""
        self._held.add(wire)
        self._hurry()

    def _hurry(self) -> None:
        if self._held and self._held == self._flying:
            advance(self._deadline_s)


def advance(by_s: float) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, HastyLoop)
    loop.ahead_s += by_s


class Moment(Enum):
    """What a message is to the daemon."""

    READ = auto()
    """A question before any update of its zone."""
    UPDATE = auto()
    READ_BACK = auto()
    """A question after an update of its zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message as it came."""

    wire: bytes
    zone: str
    moment: Moment

    @property
    def asked(self) -> tuple[str, str]:
        """The name and type in its first section."""
        question = dns.message.from_wire(self.wire, keyring=False).question[0]
        return question.name.to_text(), dns.rdatatype.to_text(question.rdtype)

    def update(self) -> dns.update.UpdateMessage:
        """Return the update, its signature verified."""
        return cast("dns.update.UpdateMessage", dns.message.from_wire(self.wire, keyring=KEY))

    def is_to_change(self) -> bool:
        """Return whether it is an update, and of more than prerequisites: those only ask."""
        return self.moment is Moment.UPDATE and bool(self.update().update)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One message and the ways to treat it."""

    server: Faulty
    wire: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def done(self) -> bytes:
        """Do what the message asks for and return the answer that a good server gives."""
        [reply] = self.server.sandbox.answers(self.wire, is_stream=True)
        return reply

    def say(self, *replies: bytes) -> None:
        for reply in replies:
            self.writer.write(len(reply).to_bytes(2) + reply)

    async def cut(self, octets: bytes = b"") -> None:
        """Send these octets as they are and end the connection."""
        self.writer.write(octets)
        self.writer.close()
        await self.writer.wait_closed()

    async def keep_silent(self) -> None:
        """Say nothing until the client gives up."""
        self.server.haste.hold(self.wire)
        await self.reader.read()

    async def is_given_up(self) -> bool:
        """Return whether the client closed the connection, as far as it has come to that."""
        with suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                return await self.reader.read() == b""
        return False


Fault = Callable[[Call], Awaitable[None]]


class Faulty:
    """The primary; for the length of an `async with`."""

    def __init__(self, haste: Haste) -> None:
        self.haste = haste
        self.sandbox = SandboxServer([load(origin, text) for origin, text in ZONES.items()], [KEY])
        self.truth = self.sandbox
        self.received: list[Received] = []
        self._faults: dict[tuple[Moment, str], Fault] = {}
        self._updated: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._place = _take_port(0)
        self._listener: asyncio.Server | None = None

    @property
    def seen_by_client(self) -> DnsServer:
        """The server as `world` wants it; its blocking ways to ask must not be used on this loop."""
        port: int = self._place.getsockname()[1]
        return DnsServer(host="127.0.0.1", port=port, keys={"hmac-sha256": KEY}, kind="faulty")

    async def __aenter__(self) -> Self:
        await self.come_back()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.die()
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._place.close()

    def play(self, fault: Fault, moment: Moment, zone: str) -> None:
        """Play the fault for every such message from now on."""
        self._faults[moment, zone] = fault
        self._updated.discard(zone)

    def be_well(self) -> None:
        self._faults.clear()

    def die(self) -> None:
        """Close everything at once, as a process that is killed; its port stays its own."""
        if self._listener is None:
            return
        port: int = self._place.getsockname()[1]
        self._listener.close()
        self._listener = None
        for writer in self._writers:
            writer.transport.abort()
        self._place = _take_port(port)

    async def come_back(self) -> None:
        if self._listener is None:
            self._listener = await asyncio.start_server(self._accept, sock=self._place)

    def records(self, zone: str) -> set[str]:
        """Return the zone's records as text, without the SOA."""
        return {
            f"{name} {ttl_s} {dns.rdatatype.to_text(rdata.rdtype)} {rdata.to_text()}"
            for name, ttl_s, rdata in self._zone(zone).iterate_rdatas()
            if rdata.rdtype != dns.rdatatype.SOA
        }

    def shows(self, change: Change) -> bool:
        """Return whether the zone really holds the change now, where its truth is."""
        return change.holds({key: self._rrset(change.zone, key) for key in change.keys})

    def copy(self, zone: str) -> dns.zone.Zone:
        """Return the zone as it is now, to be put back later."""
        return load(zone, self._zone(zone).to_text(relativize=False))

    def put(self, zone: dns.zone.Zone) -> None:
        assert zone.origin is not None
        self.sandbox.primary.zones[zone.origin] = zone

    def updates(self, zone: str) -> list[Received]:
        """Return the zone's updates that were to change anything."""
        return [each for each in self.received if each.zone == zone and each.is_to_change()]

    def _zone(self, zone: str) -> dns.zone.Zone:
        return self.truth.primary.zones[dns.name.from_text(zone)]

    def _rrset(self, zone: str, key: Key) -> RRset:
        name, kind = dns.name.from_text(key.name), dns.rdatatype.from_text(key.type)
        return to_rrset(key, self._zone(zone).get_rrset(name, kind))

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        self._writers.add(writer)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: self._writers.discard(writer))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while not writer.is_closing():
                    wire = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
                    received = self._note(wire)
                    fault = self._faults.get((received.moment, received.zone), be_well)
                    await fault(Call(server=self, wire=wire, reader=reader, writer=writer))
                    await writer.drain()
        finally:
            writer.transport.abort()

    def _note(self, wire: bytes) -> Received:
        zone = self._closest(dns.message.from_wire(wire, keyring=False).question[0].name)
        opcode = dns.opcode.from_flags(int.from_bytes(wire[2:4]))
        if is_update(wire) or (opcode == dns.opcode.UPDATE and zone in self._updated):
            moment = Moment.UPDATE
            self._updated.add(zone)
        else:
            moment = Moment.READ_BACK if zone in self._updated else Moment.READ
        self.received.append(Received(wire=wire, zone=zone, moment=moment))
        return self.received[-1]

    def _closest(self, name: dns.name.Name) -> str:
        while name not in self.sandbox.primary.zones:
            name = name.parent()
        return name.to_text()


async def be_well(call: Call) -> None:
    call.say(call.done())


def foul_play(received: Iterable[Received]) -> list[str]:
    """Return what is wrong with the messages a server got: it must be nothing.

    Every one is signed with our key and no two alike; an update demands something of every RRset that it
    changes, and each after the first of a zone demands what was read after the one before.
    """
    problems: list[str] = []
    ids: set[tuple[int, bytes | None]] = set()
    read: dict[str, set[tuple[str, str]]] = {}
    for each in received:
        message = dns.message.from_wire(each.wire, keyring=KEY)
        if not message.had_tsig:
            problems.append(f"unsigned: {each.asked}")
        if (message.id, message.mac) in ids:
            problems.append(f"sent twice: {each.asked}")
        ids.add((message.id, message.mac))
        if each.moment is not Moment.UPDATE:
            read.setdefault(each.zone, set()).add(each.asked)
        if not each.is_to_change():
            continue
        update = each.update()
        demanded, changed = _keys(update.prerequisite), _keys(update.update)
        if not changed <= demanded:
            problems.append(f"without prerequisite: {changed - demanded}")
        if not demanded <= read.pop(each.zone, set()) | _known_at_first(each, received):
            problems.append(f"prerequisites that were not read anew: {demanded}")
    return problems


def _known_at_first(update: Received, received: Iterable[Received]) -> set[tuple[str, str]]:
    """Return all keys for a zone's first update (it was read before that in any case), else none."""
    first = next(each for each in received if each.is_to_change() and each.zone == update.zone)
    return _keys(update.update().prerequisite) if first is update else set()


def _keys(section: Iterable[dns.rrset.RRset]) -> set[tuple[str, str]]:
    return {(rrset.name.to_text(), dns.rdatatype.to_text(rrset.rdtype)) for rrset in section}


def _take_port(port: int) -> socket.socket:
    """Take a port without listening there: whoever connects is refused, and nobody else can have it."""
    place = socket.socket()
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    place.bind(("127.0.0.1", port))
    return place
