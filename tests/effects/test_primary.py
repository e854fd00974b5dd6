"""Exchanges with one primary, against scripted TCP servers on loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import pytest

from failover_dns.core.errors import SilentError, UnsentError
from failover_dns.effects import primary as effect
from failover_dns.effects.primary import MAX_CONNECTIONS, Primary

T = TypeVar("T")
LONG_S = 10.0
SHORT_S = 0.1

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


@dataclass(slots=True)
class Scripted:
    """A server that treats its nth connection as the nth script says, the last script for all after it."""

    scripts: tuple[Callable[[Reader, Writer], Awaitable[None]], ...]
    port: int = 0
    accepted: int = 0
    ended: asyncio.Queue[int] = field(default_factory=asyncio.Queue)

    async def serve(self, reader: Reader, writer: Writer) -> None:
        number = self.accepted
        self.accepted += 1
        try:
            await self.scripts[min(number, len(self.scripts) - 1)](reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.transport.abort()
            self.ended.put_nowait(number)


@asynccontextmanager
async def scripted(*scripts: Callable[[Reader, Writer], Awaitable[None]]) -> AsyncIterator[Scripted]:
    script = Scripted(scripts)
    tasks: set[asyncio.Task[None]] = set()

    def on_connection(reader: Reader, writer: Writer) -> None:
        tasks.add(asyncio.ensure_future(script.serve(reader, writer)))

    server = await asyncio.start_server(on_connection, "127.0.0.1", 0)
    script.port = server.sockets[0].getsockname()[1]
    try:
        yield script
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def receive(reader: Reader) -> bytes:
    return await reader.readexactly(int.from_bytes(await reader.readexactly(2)))


async def echo(reader: Reader, writer: Writer) -> None:
    """Answer every message with itself."""
    while True:
        message = await receive(reader)
        writer.write(len(message).to_bytes(2) + message)


async def never_look_up(call: Callable[[], T], *, deadline_s: float) -> T:
    raise AssertionError(f"an address was looked up ({call}, {deadline_s})")


@asynccontextmanager
async def connected(*scripts: Callable[[Reader, Writer], Awaitable[None]]) -> AsyncIterator[Talk]:
    async with (
        scripted(*scripts) as server,
        Primary("127.0.0.1", server.port, run=never_look_up) as primary,
    ):
        yield Talk(server, primary)


@dataclass(frozen=True, slots=True)
class Talk:
    """A primary and the scripted server behind it."""

    server: Scripted
    primary: Primary

    async def say(self, text: bytes, *, deadline_s: float = LONG_S) -> bytes:
        return await self.primary.exchange(text, deadline_s=deadline_s)


async def test_an_answer_comes_back_whole() -> None:
    async with connected(echo) as talk:
        assert await talk.say(b"a question") == b"a question"


async def test_an_answer_of_the_greatest_length_comes_back_whole() -> None:
    async with connected(echo) as talk:
        assert await talk.say(b"q" * 65_535) == b"q" * 65_535


async def test_an_answer_that_comes_in_pieces_is_put_together() -> None:
    async def in_pieces(reader: Reader, writer: Writer) -> None:
        message = await receive(reader)
        for octet in len(message).to_bytes(2) + message:
            writer.write(bytes([octet]))
            await writer.drain()
            await asyncio.sleep(0)
        await reader.read()

    async with connected(in_pieces) as talk:
        assert await talk.say(b"in pieces") == b"in pieces"


async def test_a_connection_closed_before_an_answer_is_silence() -> None:
    async def close(reader: Reader, _: Writer) -> None:
        await receive(reader)

    async with connected(close) as talk:
        with pytest.raises(SilentError, match="broke the connection before its answer was whole"):
            await talk.say(b"question")


@pytest.mark.parametrize("half", [b"\x00", b"\x00\x08", b"\x00\x08half"])
async def test_a_connection_closed_within_an_answer_is_silence(half: bytes) -> None:
    async def close(reader: Reader, writer: Writer) -> None:
        await receive(reader)
        writer.write(half)
        writer.close()
        await writer.wait_closed()

    async with connected(close) as talk:
        with pytest.raises(SilentError, match="broke the connection before its answer was whole"):
            await talk.say(b"question")


async def test_no_answer_is_silence_when_the_deadline_ends() -> None:
    async def keep_silent(reader: Reader, _: Writer) -> None:
        await reader.read()

    async with connected(keep_silent) as talk:
        with pytest.raises(SilentError) as caught:
            await talk.say(b"question", deadline_s=SHORT_S)
        assert str(caught.value) == (
            f"127.0.0.1#{talk.server.port} gave no answer in time; its log says whether it got one"
        )
        assert await talk.server.ended.get() == 0


async def test_half_an_answer_is_silence_when_the_deadline_ends() -> None:
    async def answer_half(reader: Reader, writer: Writer) -> None:
        await receive(reader)
        writer.write(b"\x00\x08half")
        await reader.read()

    async with connected(answer_half) as talk:
        with pytest.raises(SilentError, match="gave no answer in time"):
            await talk.say(b"question", deadline_s=SHORT_S)


async def test_a_late_answer_is_not_taken_for_the_next_one() -> None:
    may_answer = asyncio.Event()

    async def answer_late(reader: Reader, writer: Writer) -> None:
        message = await receive(reader)
        await may_answer.wait()
        writer.write(len(message).to_bytes(2) + message)
        await echo(reader, writer)

    async with connected(answer_late, echo) as talk:
        with pytest.raises(SilentError):
            await talk.say(b"first", deadline_s=SHORT_S)
        may_answer.set()
        assert await talk.say(b"second") == b"second"


async def test_an_answer_too_many_is_not_taken_for_the_next_one() -> None:
    async def answer_twice(reader: Reader, writer: Writer) -> None:
        message = await receive(reader)
        writer.write(2 * (len(message).to_bytes(2) + message))
        await echo(reader, writer)

    async with connected(answer_twice, echo) as talk:
        assert await talk.say(b"1 first") == b"1 first"
        second = await talk.say(b"2 second")
        assert await talk.say(b"3 third") == b"3 third", f"after {second!r}"


async def test_a_port_where_nobody_listens_leaves_the_message_unsent() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with Primary("127.0.0.1", taken.getsockname()[1], run=never_look_up) as primary:
            with pytest.raises(UnsentError) as caught:
                await primary.exchange(b"question", deadline_s=LONG_S)
    assert caught.value.what.startswith(f"{primary} cannot be reached: ")
    assert caught.value.cure == "is the server running there?"


async def test_a_server_that_takes_no_connection_leaves_the_message_unsent() -> None:
    # A full queue of connections: the system drops further attempts in silence, as a firewall does.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = [socket.socket() for _ in range(3)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(listener.getsockname())
            async with Primary("127.0.0.1", listener.getsockname()[1], run=never_look_up) as primary:
                with pytest.raises(UnsentError, match="does not take a connection; check address"):
                    await primary.exchange(b"question", deadline_s=0.3)
        finally:
            for filler in fillers:
                filler.close()


async def test_a_connection_is_kept_for_the_next_exchange() -> None:
    async with connected(echo) as talk:
        for text in (b"one", b"two", b"three"):
            assert await talk.say(text) == text
        assert talk.server.accepted == 1


async def test_exchanges_side_by_side_each_get_their_own_answer() -> None:
    async with connected(echo) as talk:
        texts = [b"question %d" % number for number in range(3 * MAX_CONNECTIONS)]
        assert await asyncio.gather(*map(talk.say, texts)) == texts
        assert talk.server.accepted <= MAX_CONNECTIONS


async def test_exchanges_beyond_the_connections_wait_for_one() -> None:
    arrived: asyncio.Queue[None] = asyncio.Queue()
    may_answer = asyncio.Event()

    async def wait_and_echo(reader: Reader, writer: Writer) -> None:
        while True:
            message = await receive(reader)
            arrived.put_nowait(None)
            await may_answer.wait()
            writer.write(len(message).to_bytes(2) + message)

    async with connected(wait_and_echo) as talk:
        saying = [asyncio.create_task(talk.say(b"%d" % number)) for number in range(MAX_CONNECTIONS + 2)]
        for _ in range(MAX_CONNECTIONS):
            await arrived.get()
        assert arrived.empty()
        may_answer.set()
        assert await asyncio.gather(*saying) == [b"%d" % number for number in range(MAX_CONNECTIONS + 2)]
        assert talk.server.accepted == MAX_CONNECTIONS


async def test_an_exchange_that_gets_no_connection_in_time_is_unsent() -> None:
    arrived: asyncio.Queue[None] = asyncio.Queue()

    async def keep_silent(reader: Reader, _: Writer) -> None:
        await receive(reader)
        arrived.put_nowait(None)
        await reader.read()

    async with connected(keep_silent) as talk:
        slow = [asyncio.create_task(talk.say(b"slow")) for _ in range(MAX_CONNECTIONS)]
        for _ in slow:
            await arrived.get()
        with pytest.raises(UnsentError, match="its connections are all in use"):
            await talk.say(b"question", deadline_s=SHORT_S)
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)


async def test_places_are_given_back_after_every_kind_of_end() -> None:
    async def close(reader: Reader, _: Writer) -> None:
        await receive(reader)

    async with connected(*[close] * (2 * MAX_CONNECTIONS), echo) as talk:
        for _ in range(2 * MAX_CONNECTIONS):
            with pytest.raises(SilentError):
                await talk.say(b"question")
        assert await talk.say(b"question") == b"question"


async def test_a_kept_connection_that_the_server_closed_is_replaced() -> None:
    async def answer_once(reader: Reader, writer: Writer) -> None:
        message = await receive(reader)
        writer.write(len(message).to_bytes(2) + message)
        writer.write_eof()
        await reader.read()

    async with connected(answer_once, echo) as talk:
        assert await talk.say(b"first") == b"first"
        [kept] = talk.primary._idle
        async with asyncio.timeout(LONG_S):
            assert await kept._reader.read() == b""
        assert await talk.say(b"second") == b"second"
        assert talk.server.accepted == 2


async def test_a_connection_that_was_idle_for_too_long_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(echo) as talk:
        assert await talk.say(b"first") == b"first"
        monkeypatch.setattr(effect, "MAX_IDLE_S", 0.0)
        assert await talk.say(b"second") == b"second"
        assert talk.server.accepted == 2
        assert await talk.server.ended.get() == 0


async def test_a_cancelled_exchange_closes_its_connection() -> None:
    arrived: asyncio.Queue[None] = asyncio.Queue()

    async def keep_silent(reader: Reader, _: Writer) -> None:
        await receive(reader)
        arrived.put_nowait(None)
        await reader.read()

    async with connected(keep_silent, echo) as talk:
        saying = asyncio.create_task(talk.say(b"first"))
        await arrived.get()
        saying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await saying
        async with asyncio.timeout(LONG_S):
            assert await talk.server.ended.get() == 0
        assert await talk.say(b"second") == b"second"


async def test_leaving_closes_the_kept_connections() -> None:
    async with connected(echo) as talk:
        await asyncio.gather(talk.say(b"one"), talk.say(b"two"))
        await talk.primary.__aexit__(None, None, None)
        async with asyncio.timeout(LONG_S):
            assert {await talk.server.ended.get(), await talk.server.ended.get()} == {0, 1}


async def test_a_name_is_looked_up_off_the_loop() -> None:
    asked: list[float] = []

    async def look_up(call: Callable[[], T], *, deadline_s: float) -> T:
        asked.append(deadline_s)
        return call()

    # A name to us; the resolver knows it without asking anybody.
    async with scripted(echo) as server, Primary("127.1", server.port, run=look_up) as primary:
        assert await primary.exchange(b"question", deadline_s=LONG_S) == b"question"
    assert str(primary) == f"127.1#{server.port}"
    [deadline_s] = asked
    assert 0 < deadline_s <= LONG_S


async def test_a_look_up_that_hangs_costs_its_deadline_and_no_more() -> None:
    never = asyncio.Event()

    async def hang(call: Callable[[], T], *, deadline_s: float) -> T:
        async with asyncio.timeout(deadline_s):
            await never.wait()
        return call()

    async with Primary("primary.example.test", 53, run=hang) as primary:
        with pytest.raises(UnsentError, match=r"primary\.example\.test#53 does not take a connection"):
            async with asyncio.timeout(LONG_S):
                await primary.exchange(b"question", deadline_s=SHORT_S)


async def test_a_look_up_that_fails_leaves_the_message_unsent() -> None:
    async def fail(call: Callable[[], T], *, deadline_s: float) -> T:
        raise socket.gaierror(socket.EAI_NONAME, f"Name or service not known ({call}, {deadline_s})")

    async with Primary("primary.example.test", 53, run=fail) as primary:
        with pytest.raises(UnsentError, match=r"cannot be reached: .*Name or service not known"):
            await primary.exchange(b"question", deadline_s=LONG_S)
