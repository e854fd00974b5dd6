"""Endpoints are polled at their pace, told of only when a role changes, and delay nobody when they hang."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from failover_dns.conduct.observe import Source, observe
from failover_dns.conduct.poll import FromHttp, Polling
from failover_dns.core.health import HttpAnswer, HttpSource, Rules
from failover_dns.core.model import Instant, Role
from failover_dns.effects import clock
from failover_dns.effects.health import HttpClient
from failover_dns.effects.lane import Lane

MAIN, BACKUP = "dma-main.example.test.", "dma-backup.example.test."
URL = "http://10.10.10.1/role"
ONLINE, OFFLINE, SILENT = (HttpAnswer(status=200, body=body) for body in (b"online", b"offline", b""))
HOURS_S = 36_000.0
DEADLINE_S = 60.0


class Clock:
    """A clock that goes only when told to."""

    def __init__(self) -> None:
        self.at_s = 1000.0

    def __call__(self) -> Instant:
        return Instant(mono_s=self.at_s, wall_s=self.at_s)


class Endpoint:
    """Answers one poll after the other as the test says, and hangs in between."""

    def __init__(self) -> None:
        self.asked = 0
        self._answers: asyncio.Queue[HttpAnswer] = asyncio.Queue()
        self._again = asyncio.Condition()

    async def get(self, source: HttpSource) -> HttpAnswer:
        del source
        self.asked += 1
        async with self._again:
            self._again.notify_all()
        return await self._answers.get()

    def answer(self, answer: HttpAnswer) -> None:
        """Answer the poll that is under way, or the next one."""
        self._answers.put_nowait(answer)

    async def polled(self, times: int) -> None:
        """Return when the poll of that number is under way: those before it are judged."""
        async with asyncio.timeout(DEADLINE_S), self._again:
            await self._again.wait_for(lambda: self.asked >= times)


def rng(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - spreads timers, guards no secret


def polled(endpoint: Endpoint, now: Callable[[], Instant] = clock.now, **others: Any) -> FromHttp:
    wanted = {"url": URL, "agent": MAIN, "interval_s": 0.02, "doubtful_s": 0.01, "max_age_s": 60.0, **others}
    return FromHttp(HttpSource(**wanted), endpoint, now, rng(0))


async def role(source: Source) -> Role:
    async with asyncio.timeout(DEADLINE_S):
        return (await observe([source]))[MAIN].role


def polling(source: FromHttp) -> Polling:
    assert source.polling is not None
    return source.polling


def next_poll_in_s(source: FromHttp) -> float:
    return polling(source)._timer.when() - asyncio.get_running_loop().time()


async def test_a_single_look_asks_once_and_uses_no_counts() -> None:
    endpoint = Endpoint()
    source = polled(endpoint, rise=5)
    endpoint.answer(ONLINE)
    assert await role(source) is Role.ONLINE
    endpoint.answer(OFFLINE)
    assert await role(source) is Role.OFFLINE
    assert endpoint.asked == 2


async def test_a_watched_endpoint_is_asked_at_the_first_look_and_then_in_the_background() -> None:
    endpoint = Endpoint()
    source = polled(endpoint, interval_s=HOURS_S, max_age_s=None)
    endpoint.answer(ONLINE)
    async with source.watched(lambda: None):
        assert [await role(source) for _ in range(3)] == [Role.ONLINE] * 3
    assert endpoint.asked == 1


async def test_looks_before_the_first_poll_share_it() -> None:
    endpoint = Endpoint()
    source = polled(endpoint, interval_s=HOURS_S, max_age_s=None)
    async with source.watched(lambda: None):
        looks = [asyncio.create_task(role(source)) for _ in range(3)]
        await endpoint.polled(1)
        endpoint.answer(ONLINE)
        assert await asyncio.gather(*looks) == [Role.ONLINE] * 3
    assert endpoint.asked == 1


async def test_only_a_role_that_changed_wakes() -> None:
    endpoint, wakes = Endpoint(), list[int]()
    source = polled(endpoint, fall=2)
    answers = [SILENT, SILENT, ONLINE, ONLINE, SILENT, ONLINE, OFFLINE, OFFLINE, OFFLINE, ONLINE]
    async with source.watched(lambda: wakes.append(endpoint.asked)):
        for number, answer in enumerate(answers, start=1):
            endpoint.answer(answer)
            await endpoint.polled(number + 1)
    # ONLINE; ONLINE in doubt, since it says OFFLINE; OFFLINE, which counts at the second; ONLINE
    assert wakes == [3, 7, 8, 10]


async def test_a_role_that_began_anew_wakes() -> None:
    endpoint, wakes = Endpoint(), list[int]()
    source = polled(endpoint, rules=Rules(pointer="/role", since_pointer="/since"))
    async with source.watched(lambda: wakes.append(endpoint.asked)):
        for number, since in enumerate([5, 5, 6, 6], start=1):
            endpoint.answer(HttpAnswer(status=200, body=b'{"role": "online", "since": %d}' % since))
            await endpoint.polled(number + 1)
    assert wakes == [1, 3]


async def test_the_pairs_endpoint_is_counted_for_each_agent() -> None:
    endpoint = Endpoint()
    names = {"main": MAIN, "backup": BACKUP}
    source = polled(endpoint, agent=None, names=names, fall=2)
    async with source.watched(lambda: None):
        for number, body in enumerate([b"main", b"backup"], start=1):
            endpoint.answer(HttpAnswer(status=200, body=body))
            await endpoint.polled(number + 1)
        seen = await observe([source])
    assert (seen[MAIN].role, seen[BACKUP].role) == (Role.UNKNOWN, Role.ONLINE)


async def test_a_role_that_silence_keeps_up_says_when_it_was_said() -> None:
    endpoint, now = Endpoint(), Clock()
    source = polled(endpoint, now)
    async with source.watched(lambda: None):
        endpoint.answer(ONLINE)
        await endpoint.polled(2)
        now.at_s += 5
        endpoint.answer(SILENT)
        await endpoint.polled(3)
        (seen,) = await source.look()
    assert (seen.role, seen.read.mono_s) == (Role.ONLINE, 1000.0)
    assert "since then (1 of 3 times)" in seen.reason


async def test_a_role_grows_too_old_while_the_endpoint_hangs() -> None:
    endpoint, now = Endpoint(), Clock()
    source = polled(endpoint, now, max_age_s=60.0)
    async with source.watched(lambda: None):
        endpoint.answer(ONLINE)
        await endpoint.polled(2)
        now.at_s += 60.0
        assert await role(source) is Role.ONLINE
        now.at_s += 0.1
        assert await role(source) is Role.UNKNOWN


async def test_the_last_poll_grows_old_while_the_endpoint_hangs() -> None:
    endpoint, now = Endpoint(), Clock()
    source = polled(endpoint, now)
    assert source.last_poll is None
    async with source.watched(lambda: None):
        endpoint.answer(ONLINE)
        await endpoint.polled(2)  # this one hangs
        now.at_s += 100.0
        assert await role(source) is Role.UNKNOWN
        assert source.last_poll == Instant(mono_s=1000.0, wall_s=1000.0)


def test_polls_end_no_further_apart_than_interval_and_time_out_allow() -> None:
    source = polled(Endpoint(), interval_s=10.0, doubtful_s=1.0, timeout_s=3.0)
    assert 14.0 <= source.pace_s <= 14.1


async def test_doubt_is_asked_again_soon_until_it_counts_and_then_at_the_interval() -> None:
    endpoint = Endpoint()
    source = polled(endpoint, interval_s=HOURS_S, max_age_s=None, fall=3, timeout_s=DEADLINE_S)
    async with source.watched(lambda: None):
        for answer in (SILENT, SILENT, SILENT):
            endpoint.answer(answer)
        await role(source)
        await endpoint.polled(3)
        await polling(source)._task  # type: ignore[misc]
        assert next_poll_in_s(source) > HOURS_S / 2
    assert endpoint.asked == 3


async def test_a_process_that_is_late_does_not_ask_sooner_in_doubt() -> None:
    endpoint = Endpoint()
    source = polled(endpoint, interval_s=HOURS_S, max_age_s=None)
    async with source.watched(lambda: None):
        late = polling(source)
        late._timer.cancel()
        late._due = asyncio.get_running_loop().time() - 10
        late._start()
        endpoint.answer(SILENT)
        await role(source)
        await late._task  # type: ignore[misc]
        assert late.late_s >= 10
        assert next_poll_in_s(source) > HOURS_S / 2


async def test_the_end_of_watching_waits_for_no_answer() -> None:
    endpoint = Endpoint()
    source = polled(endpoint)
    async with source.watched(lambda: None):
        look = asyncio.create_task(role(source))
        await endpoint.polled(1)
    assert await look is Role.UNKNOWN
    endpoint.answer(ONLINE)
    assert await role(source) is Role.ONLINE


async def test_watching_may_end_before_the_first_poll() -> None:
    endpoint = Endpoint()
    async with polled(endpoint, interval_s=HOURS_S, max_age_s=None).watched(lambda: None):
        pass
    assert endpoint.asked == 0


async def test_polling_goes_on_after_a_mistake_of_ours() -> None:
    class Broken(Endpoint):
        async def get(self, source: HttpSource) -> HttpAnswer:
            if self.asked == 0:
                self.asked += 1
                raise ZeroDivisionError
            return await super().get(source)

    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    endpoint = Broken()
    source = polled(endpoint)
    endpoint.answer(ONLINE)
    async with source.watched(lambda: None):
        assert await role(source) is Role.ONLINE
    assert [type(context["exception"]) for context in told] == [ZeroDivisionError]


async def test_agents_that_hang_do_not_slow_down_those_that_answer() -> None:
    answered: Counter[str] = Counter()
    enough = asyncio.Event()
    hanging, rounds, healthy, hung = set[asyncio.StreamWriter](), 6, 200, 50

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
                answered[path] += 1
                if answered.total() >= rounds * healthy:
                    enough.set()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nonline")
        except (asyncio.IncompleteReadError, OSError):
            writer.close()

    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hanging.add(writer)

    wells = await asyncio.start_server(answer, "127.0.0.1", 0)
    stuck = await asyncio.start_server(hang, "127.0.0.1", 0)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(HttpClient(lane=Lane))
        for server, count, timeout_s in ((stuck, hung, 100 * DEADLINE_S), (wells, healthy, DEADLINE_S)):
            port = server.sockets[0].getsockname()[1]
            for index in range(count):
                url = f"http://127.0.0.1:{port}/{index}"
                wanted = HttpSource(url=url, agent=MAIN, interval_s=0.5, timeout_s=timeout_s)
                source = FromHttp(wanted, http, clock.now, rng(index))
                await stack.enter_async_context(source.watched(lambda: None))
        async with asyncio.timeout(DEADLINE_S):
            await enough.wait()
    assert len(hanging) == hung
    assert len(answered) == healthy
    assert min(answered.values()) >= rounds / 2
    for writer in hanging:
        writer.transport.abort()
    for server in (wells, stuck):
        server.close()


@pytest.mark.parametrize("seed", range(3))
async def test_polls_of_many_sources_do_not_begin_together(seed: int) -> None:
    endpoint, spread, due = Endpoint(), rng(seed), set[float]()
    async with AsyncExitStack() as stack:
        for _ in range(100):
            source = FromHttp(HttpSource(url=URL, agent=MAIN, interval_s=100.0), endpoint, clock.now, spread)
            await stack.enter_async_context(source.watched(lambda: None))
            due.add(polling(source)._timer.when())
    assert len(due) > 90
