"""What the embedded primary has to itself: where it listens, its bounds, how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.tsig
import dns.update
import pytest

from failover_dns.sandbox.server import MAX_CONNECTIONS, NotLoopbackError, SandboxServer
from failover_dns.sandbox.zone import Primary, load

TEXT = """
@ 60 IN SOA ns hostmaster 1 3600 600 86400 30
@ 60 IN NS ns
ns 60 IN A 192.0.2.53
"""
KEY = dns.tsig.Key("test.key.", b"a secret of thirty-two octets...")


def sandbox(*, port: int = 0, idle_s: float = 10.0) -> SandboxServer:
    return SandboxServer([load("example.test.", TEXT)], [KEY], port=port, idle_s=idle_s)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "localhost", ""])
def test_only_a_loopback_address_is_listened_on(host: str) -> None:
    with pytest.raises(NotLoopbackError, match="loopback"):
        SandboxServer([load("example.test.", TEXT)], [KEY], host=host)


async def test_one_port_number_serves_both_transports() -> None:
    query = dns.message.make_query("example.test.", "SOA")
    async with sandbox() as server:
        over_udp = await dns.asyncquery.udp(query, server.host, port=server.port, timeout=5)
        over_tcp = await dns.asyncquery.tcp(query, server.host, port=server.port, timeout=5)
    assert over_udp.answer == over_tcp.answer != []


async def test_a_port_that_is_taken_is_an_error() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(OSError, match=r"in use|usage"):
            async with sandbox(port=taken.getsockname()[1]):
                pass


async def test_an_idle_connection_is_closed() -> None:
    async with sandbox(idle_s=0.02) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(b"\x00\x20half")
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def test_one_connection_carries_several_messages() -> None:
    query = dns.message.make_query("example.test.", "SOA")
    async with sandbox() as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        for _ in range(2):
            writer.write(query.to_wire(prepend_length=True))
            length = int.from_bytes(await reader.readexactly(2))
            assert dns.message.from_wire(await reader.readexactly(length)).answer
        writer.close()


async def test_leaving_ends_open_connections() -> None:
    async with sandbox() as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(dns.message.make_query("example.test.", "SOA").to_wire(prepend_length=True))
        await reader.readexactly(2)
    with contextlib.suppress(ConnectionResetError):
        await asyncio.wait_for(reader.read(), 5)
    writer.close()


async def test_one_connection_too_many_is_closed_unanswered() -> None:
    query = dns.message.make_query("example.test.", "SOA").to_wire(prepend_length=True)
    async with sandbox() as server:
        streams = [await asyncio.open_connection(server.host, server.port) for _ in range(MAX_CONNECTIONS)]
        for reader, writer in streams:
            writer.write(query)
            await reader.readexactly(2)
        reader, writer = await asyncio.open_connection(server.host, server.port)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        for _, each in [*streams, (reader, writer)]:
            each.close()


@pytest.mark.parametrize("is_stream", [True, False])
def test_a_response_is_not_answered(*, is_stream: bool) -> None:
    response = dns.message.make_response(dns.message.make_query("example.test.", "SOA"))
    assert sandbox().answers(response.to_wire(), is_stream=is_stream) == []


def test_less_than_a_header_is_not_answered() -> None:
    assert sandbox().answers(b"\x00" * 11, is_stream=False) == []


def test_a_query_without_a_question_answers_formerr() -> None:
    [answer] = sandbox().answers(dns.message.Message(id=7).to_wire(), is_stream=False)
    assert dns.message.from_wire(answer).rcode() == dns.rcode.FORMERR


def test_an_incremental_transfer_answers_notimp() -> None:
    query = dns.message.make_query("example.test.", "IXFR")
    assert Primary([load("example.test.", TEXT)]).respond(query).rcode() == dns.rcode.NOTIMP


@pytest.mark.parametrize(("payload", "longest"), [(None, 512), (800, 800), (4096, 1232)])
def test_an_answer_over_udp_keeps_to_the_clients_size_and_ours(payload: int | None, longest: int) -> None:
    many = "".join(f"many 60 IN A 10.0.{number // 256}.{number % 256}\n" for number in range(300))
    server = SandboxServer([load("example.test.", f"{TEXT}many 60 IN TXT {'x' * 200}\n{many}")], [KEY])
    query = dns.message.make_query("many.example.test.", "A", use_edns=payload and 0, payload=payload or 0)
    [wire] = server.answers(query.to_wire(), is_stream=False)
    assert len(wire) <= longest
    assert dns.message.from_wire(wire).flags & dns.flags.TC


def test_a_message_in_memory_is_answered_without_a_socket() -> None:
    primary = Primary([load("example.test.", TEXT)])
    update = dns.update.UpdateMessage("example.test.")
    update.add(dns.name.from_text("new.example.test."), 60, "A", "192.0.2.1")
    assert primary.respond(update).rcode() == dns.rcode.NOERROR
    assert primary.respond(dns.message.make_query("new.example.test.", "A")).answer


def test_a_sender_who_is_not_allowed_to_is_refused() -> None:
    primary = Primary([load("example.test.", TEXT)])
    update = dns.update.UpdateMessage("example.test.")
    assert primary.respond(update, allowed=False).rcode() == dns.rcode.REFUSED


def test_the_zone_with_the_longest_match_answers() -> None:
    parent = load("example.test.", TEXT)
    child = load("sub.example.test.", TEXT)
    answer = Primary([parent, child]).respond(dns.message.make_query("ns.sub.example.test.", "A"))
    assert answer.answer


def test_a_zone_with_relative_names_is_not_taken() -> None:
    with pytest.raises(ValueError, match="relativize=False"):
        Primary([dns.zone.from_text(TEXT, "example.test.")])


def test_a_zone_whose_name_server_has_no_address_in_it_is_not_taken() -> None:
    with pytest.raises(ValueError, match="no A or AAAA"):
        Primary([load("example.test.", "@ 60 IN SOA ns h 1 1 1 1 1\n@ 60 IN NS ns")])


def test_a_zone_text_without_an_soa_is_said_at_once() -> None:
    with pytest.raises(dns.exception.DNSException):
        load("example.test.", "@ 60 IN A 10.0.0.1")
