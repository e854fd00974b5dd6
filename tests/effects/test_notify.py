"""A real port on loopback: what is heard, how often, what a flood costs; and a real BIND that tells."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.tsig
import pytest

from failover_dns.core.errors import FailoverDnsError
from failover_dns.core.model import Address
from failover_dns.effects.notify import Bounds, NotifyListener
from failover_dns.wire.keys import tsig_key
from failover_dns.wire.notify import MAX_OCTETS, Allowed, Reason
from tests.servers.client import DnsServer
from tests.servers.programs import find_program, require, serving
from tests.servers.zones import ZONES

LOOPBACK = ip_address("127.0.0.1")
ZONE = "example.test."
KEY = tsig_key("notify-key.", b"thirty-two octets of good secret", "hmac-sha256")
FORGED = tsig_key("notify-key.", b"another secret, as long as that.", "hmac-sha256")
DEADLINE_S = 60.0
NEVER_S = 3600.0


def has_ipv6() -> bool:
    with suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this host has no IPv6")
FIRST_FREE_TO_ALL = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
UNBOUND = Bounds(tick_s=NEVER_S, messages=100_000, idle_s=NEVER_S)


@dataclass(frozen=True, slots=True)
class Heard:
    """A listener and what it told, in order."""

    listener: NotifyListener
    zones: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    async def next(self) -> str:
        return await asyncio.wait_for(self.zones.get(), DEADLINE_S)

    def all(self) -> list[str]:
        return [self.zones.get_nowait() for _ in range(self.zones.qsize())]

    async def udp(self, message: dns.message.Message) -> str:
        """Send a message, with its signature verified both ways; return the answer's rcode."""
        answer = await dns.asyncquery.udp(message, "127.0.0.1", DEADLINE_S, port=self.listener.port)
        return dns.rcode.to_text(answer.rcode())

    async def tcp(self, message: dns.message.Message) -> str:
        answer = await dns.asyncquery.tcp(message, "127.0.0.1", DEADLINE_S, port=self.listener.port)
        return dns.rcode.to_text(answer.rcode())

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.listener.port)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    def throw(self, *wires: bytes) -> None:
        """Send datagrams and wait for nothing."""
        with socket.socket(type=socket.SOCK_DGRAM) as sender:
            for wire in wires:
                sender.sendto(wire, ("127.0.0.1", self.listener.port))


@asynccontextmanager
async def listening(
    *, bounds: Bounds = UNBOUND, allowed: Allowed = frozenset({LOOPBACK}), port: int = 0
) -> AsyncIterator[Heard]:
    zones: asyncio.Queue[str] = asyncio.Queue()
    listener = NotifyListener(
        (LOOPBACK, port), zones.put_nowait, keys={KEY.name: KEY}, allowed=allowed, bounds=bounds
    )
    async with listener:
        yield Heard(listener, zones)


def notify(zone: str = ZONE, key: dns.tsig.Key | None = None) -> dns.message.Message:
    message = dns.message.make_query(zone, "SOA", flags=dns.flags.AA)
    message.set_opcode(dns.opcode.NOTIFY)
    if key is not None:
        message.use_tsig(key)
    return message


def framed(message: dns.message.Message) -> bytes:
    wire = message.to_wire()
    return len(wire).to_bytes(2) + wire


async def test_a_notify_is_heard_over_both_transports() -> None:
    async with listening() as heard:
        assert await heard.udp(notify("one.test.")) == "NOERROR"
        assert await heard.tcp(notify("two.test.")) == "NOERROR"
        assert heard.all() == ["one.test.", "two.test."]


async def test_a_signed_notify_is_heard_from_an_address_that_is_not_configured() -> None:
    async with listening(allowed=frozenset()) as heard:
        assert await heard.udp(notify("one.test.", KEY)) == "NOERROR"
        assert await heard.tcp(notify("two.test.", KEY)) == "NOERROR"
        assert heard.all() == ["one.test.", "two.test."]


async def test_a_forged_key_is_refused_and_not_heard() -> None:
    async with listening() as heard:
        with pytest.raises(dns.tsig.PeerBadSignature):
            await heard.udp(notify(key=FORGED))
        with pytest.raises(dns.tsig.PeerBadSignature):
            await heard.tcp(notify(key=FORGED))
        assert heard.all() == []
        assert heard.listener.ignored == {Reason.BAD_SIGNATURE: 2}


async def test_an_unsigned_notify_from_another_address_is_refused_and_not_heard() -> None:
    async with listening(allowed=frozenset({ip_address("127.0.0.2")})) as heard:
        assert await heard.udp(notify()) == "REFUSED"
        assert await heard.tcp(notify()) == "REFUSED"
        assert heard.all() == []
        assert heard.listener.ignored == {Reason.STRANGER: 2}


async def test_a_query_is_not_implemented() -> None:
    async with listening() as heard:
        assert await heard.udp(dns.message.make_query(ZONE, "SOA")) == "NOTIMP"
        assert await heard.tcp(dns.message.make_query(ZONE, "SOA")) == "NOTIMP"
        assert heard.all() == []


async def test_garbage_is_not_answered_and_what_follows_is_heard() -> None:
    response = dns.message.make_response(notify()).to_wire()
    async with listening() as heard:
        heard.throw(b"", b"x", bytes(11), response, notify().to_wire().ljust(60_000, b"\0"))
        assert await heard.udp(notify()) == "NOERROR"
        assert heard.all() == [ZONE]
        assert heard.listener.ignored == {Reason.NO_REQUEST: 4, Reason.TOO_LONG: 1}


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\x00",
        b"\x00\x00",
        b"\x00\x20half",
        (MAX_OCTETS + 1).to_bytes(2),
        b"\xff\xff" + bytes(65_535),
        framed(dns.message.make_response(notify())),
    ],
    ids=["nothing", "half a length", "no message", "half a message", "too long", "giant", "a response"],
)
async def test_a_connection_without_a_request_ends_unanswered(sent: bytes) -> None:
    async with listening() as heard, heard.connection() as (reader, writer):
        writer.write(sent)
        writer.write_eof()
        try:
            answer = await asyncio.wait_for(reader.read(), DEADLINE_S)
        except ConnectionError:  # what was not read is reset
            answer = b""
        assert answer == b""
        assert await heard.udp(notify()) == "NOERROR"
        assert heard.all() == [ZONE]


async def test_a_message_that_comes_in_pieces_is_heard() -> None:
    async with listening() as heard, heard.connection() as (reader, writer):
        for octet in framed(notify()):
            writer.write(bytes([octet]))
            await writer.drain()
        assert await heard.next() == ZONE
        octets = int.from_bytes(await reader.readexactly(2))
        assert dns.message.from_wire(await reader.readexactly(octets)).rcode() == dns.rcode.NOERROR


async def test_several_messages_of_one_connection_are_answered_in_order() -> None:
    sent = [notify(f"{number}.test.") for number in range(10)]
    async with listening() as heard, heard.connection() as (reader, writer):
        writer.write(b"".join(framed(message) for message in sent))
        for message in sent:
            octets = int.from_bytes(await reader.readexactly(2))
            assert message.is_response(dns.message.from_wire(await reader.readexactly(octets)))
        assert heard.all() == [f"{number}.test." for number in range(10)]


async def test_a_connection_that_idles_is_closed() -> None:
    async with (
        listening(bounds=Bounds(idle_s=0.05)) as heard,
        heard.connection() as (idle, _),
        heard.connection() as (half, writer),
    ):
        writer.write(b"\x00\x20half")
        assert await asyncio.wait_for(idle.read(), DEADLINE_S) == b""
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await asyncio.wait_for(half.readexactly(1), DEADLINE_S)


async def test_one_connection_too_many_is_closed_and_a_place_is_free_again_after_one_ends() -> None:
    bounds = Bounds(tick_s=NEVER_S, idle_s=NEVER_S, connections=2)
    async with listening(bounds=bounds) as heard, heard.connection() as first, heard.connection() as second:
        for _, writer in (first, second):
            writer.write(framed(notify()))
        for reader, _ in (first, second):
            await reader.readexactly(2)
        async with heard.connection() as (third, _):
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await third.readexactly(1)
        assert await heard.udp(notify()) == "NOERROR"
        second[1].write(b"\x00\x00")
        with pytest.raises(asyncio.IncompleteReadError):
            await second[0].readexactly(100)
        assert await heard.tcp(notify()) == "NOERROR"


async def test_a_zone_is_told_once_in_a_tick_whatever_its_case() -> None:
    async with listening() as heard:
        for zone in ("example.test.", "EXAMPLE.test.", "Example.Test."):
            for _ in range(10):
                assert await heard.udp(notify(zone)) == "NOERROR"
        assert heard.all() == [ZONE]


async def test_a_zone_that_changed_again_within_a_tick_is_told_again_at_its_end() -> None:
    async with listening(bounds=Bounds(tick_s=0.5)) as heard:
        heard.throw(*[notify().to_wire()] * 10)
        assert await heard.next() == ZONE
        assert await heard.next() == ZONE
        assert heard.all() == []
        assert await heard.udp(notify()) == "NOERROR"
        assert await heard.next() == ZONE


async def test_many_zones_are_each_told_at_once() -> None:
    zones = [f"{number}.example.test." for number in range(300)]
    async with listening() as heard:
        for zone in zones:
            assert await heard.udp(notify(zone)) == "NOERROR"
        assert heard.all() == zones


async def test_a_flood_is_read_up_to_the_bound_of_a_tick_and_the_rest_is_dropped() -> None:
    async with listening(bounds=Bounds(tick_s=NEVER_S, messages=3)) as heard:
        for number in range(3):
            assert await heard.udp(notify(f"{number}.test.")) == "NOERROR"
        async with heard.connection() as (reader, writer):
            writer.write(framed(notify()))
            assert await asyncio.wait_for(reader.read(), DEADLINE_S) == b""
        assert heard.all() == ["0.test.", "1.test.", "2.test."]
        assert heard.listener.dropped == 1


async def test_after_a_flood_the_next_tick_hears_again() -> None:
    async with listening(bounds=Bounds(tick_s=0.05, messages=1)) as heard:
        heard.throw(*[b"garbage"] * 20)
        async with asyncio.timeout(DEADLINE_S):
            while heard.zones.empty():
                with suppress(EOFError, ConnectionError):
                    await heard.tcp(notify())
        assert heard.all() == [ZONE]
        assert heard.listener.dropped > 0


async def test_the_end_closes_a_connection_that_was_just_accepted() -> None:
    async with listening() as ended:
        reader, writer = await asyncio.open_connection("127.0.0.1", ended.listener.port)
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await asyncio.wait_for(reader.readexactly(1), DEADLINE_S)
    writer.transport.abort()


async def test_the_end_closes_connections_frees_the_port_and_tells_nothing_more() -> None:
    async with listening(bounds=Bounds(tick_s=0.05)) as ended:
        reader, writer = await asyncio.open_connection("127.0.0.1", ended.listener.port)
        writer.write(2 * framed(notify()))
        await reader.readexactly(2 * len(framed(notify())))
        assert ended.all() == [ZONE]
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await reader.readexactly(1)
    writer.transport.abort()
    async with listening(bounds=Bounds(tick_s=0.1), port=ended.listener.port) as heard:
        heard.throw(*[notify().to_wire()] * 2)
        assert [await heard.next(), await heard.next()] == [ZONE, ZONE]
    assert ended.all() == []


@needs_ipv6
@pytest.mark.parametrize(("listen", "target"), [("::1", "::1"), ("::", "::1"), ("::", "127.0.0.1")])
async def test_ipv6_is_heard_and_ipv4_that_comes_as_ipv6_is_known(listen: str, target: str) -> None:
    zones: asyncio.Queue[str] = asyncio.Queue()
    allowed = frozenset({ip_address(target)})
    async with NotifyListener(
        (ip_address(listen), 0), zones.put_nowait, keys={}, allowed=allowed
    ) as listener:
        answer = await dns.asyncquery.udp(notify(), target, DEADLINE_S, port=listener.port)
        assert dns.rcode.to_text(answer.rcode()) == "NOERROR"
        assert zones.get_nowait() == ZONE


async def open_at(address: Address, port: int) -> str:
    """Return why one cannot listen there."""
    with pytest.raises(FailoverDnsError) as caught:
        async with NotifyListener((address, port), print, keys={}, allowed=frozenset()):
            pass
    return str(caught.value)


@pytest.mark.parametrize("transport", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
async def test_a_port_that_is_taken_is_said_with_the_way_out(transport: socket.SocketKind) -> None:
    with socket.socket(type=transport) as taken:
        taken.bind(("127.0.0.1", 0))
        if transport is socket.SOCK_STREAM:
            taken.listen()
        port = taken.getsockname()[1]
        assert await open_at(LOOPBACK, port) == (
            f"cannot listen for NOTIFY on 127.0.0.1#{port}: another program listens there, a DNS server perhaps; "
            f"listen on another port than {port} and name it to the masters, "
            "in BIND as also-notify { <this host's address> port <number>; }"
        )


async def test_an_address_of_another_host_is_said() -> None:
    assert await open_at(ip_address("192.0.2.1"), 0) == (
        "cannot listen for NOTIFY on 192.0.2.1#0: this host does not have that address; listen on one that it has"
    )


@needs_ipv6
async def test_whatever_else_is_wrong_with_an_address_is_said_in_the_systems_words() -> None:
    assert await open_at(ip_address("fe80::1"), 0) == (
        "cannot listen for NOTIFY on fe80::1#0: Invalid argument; correct address and port in the configuration"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="low ports are privileged on Unix")
async def test_a_port_that_needs_privileges_is_said_with_both_ways_out() -> None:
    if FIRST_FREE_TO_ALL.read_text() == "0\n":  # noqa: ASYNC240 - a line of the kernel's
        pytest.skip("no port needs privileges here")
    with nobody():
        said = await open_at(LOOPBACK, 1)
    assert said == (
        "cannot listen for NOTIFY on 127.0.0.1#1: not permitted; "
        "set AmbientCapabilities=CAP_NET_BIND_SERVICE in the systemd unit, "
        "or listen on another port than 1 and name it to the masters, "
        "in BIND as also-notify { <this host's address> port <number>; }"
    )


@contextmanager
def nobody() -> Iterator[None]:
    """Be a user without privileges until the block ends."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


@contextmanager
def bind_that_tells(port: int, *, key: dns.tsig.Key | None) -> Iterator[DnsServer]:
    """Run a BIND that sends a NOTIFY to that port when it starts and for every update."""
    with tempfile.TemporaryDirectory(prefix="telling-named-") as directory:
        folder = Path(directory)

        def configure(server: DnsServer) -> Sequence[str]:
            (folder / "zone").write_text(ZONES[ZONE])
            keys = "".join(
                f'key "{known.name}" {{ algorithm hmac-sha256; secret "{base64_of(known)}"; }};\n'
                for known in (server.key, KEY)
            )
            signer = f'key "{key.name}"' if key else ""
            (folder / "named.conf").write_text(f"""
options {{
  directory "{folder}"; listen-on port {server.port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  pid-file none; session-keyfile none; recursion no; dnssec-validation no; empty-zones-enable no;
  max-cache-size 2m; notify explicit; also-notify {{ 127.0.0.1 port {port} {signer}; }}; notify-delay 0;
}};
controls {{ }};
{keys}
zone "{ZONE}" {{ type primary; file "zone"; allow-update {{ key "{server.key.name}"; }}; }};
""")
            return [find_program("named") or "named", "-g", "-n", "1", "-c", str(folder / "named.conf")]

        with serving("bind", ZONE, configure, log=folder / "log") as server:
            yield server


def base64_of(key: dns.tsig.Key) -> str:
    return base64.b64encode(key.secret).decode()


@pytest.mark.parametrize("key", [None, KEY], ids=["unsigned", "signed"])
async def test_an_update_of_a_real_bind_is_heard(key: dns.tsig.Key | None) -> None:
    require("named")
    allowed = frozenset() if key else frozenset({LOOPBACK})
    async with listening(bounds=Bounds(tick_s=0.05), allowed=allowed) as heard, AsyncExitStack() as stack:
        bind = await asyncio.to_thread(stack.enter_context, bind_that_tells(heard.listener.port, key=key))
        assert await heard.next() == ZONE  # its start
        for address in ("10.10.10.7", "10.10.10.8"):
            update = bind.update(ZONE)
            update.add("moved", 60, "A", address)
            assert await asyncio.to_thread(bind.rcode, update) == "NOERROR"
            assert await heard.next() == ZONE
        assert heard.listener.ignored == {}
