"""What the service manager is told: how the pairs do, signs of life, and reloads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from failover_dns.conduct.walk import Wake, Walk, Why
from failover_dns.core.decide import Hold, Move, Reason
from failover_dns.core.liveness import Sign
from failover_dns.core.model import Instant
from failover_dns.edge.supervised import Supervised, status

NOW = Instant(mono_s=100.0, wall_s=1_772_323_200.0)
WAKE = Wake(why=Why.SOURCE, at=NOW)
WALK = Walk(
    pair="dma",
    seen={},
    decision=Move(to="dma-main.example.test.", reason=Reason.OTHER_OFFLINE),
    in_order=True,
)


class Manager:
    """Keeps what it is told."""

    def __init__(self, watchdog_s: float | None = None) -> None:
        self.watchdog_s = watchdog_s
        self.told: list[str] = []
        self.takes = True
        self.news = asyncio.Event()

    def tell(self, *lines: str) -> bool:
        self.told += lines
        self.news.set()
        return self.takes

    def reloading(self) -> bool:
        return self.tell("RELOADING=1")

    async def hears(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.told) < count:
                await self.news.wait()
                self.news.clear()


@pytest.fixture
def log() -> LogCapture:
    return LogCapture()


def supervised(manager: Manager, log: LogCapture) -> Supervised:
    return Supervised(manager, structlog.wrap_logger(None, processors=[log]), clock=lambda: NOW)


@asynccontextmanager
async def under_way(work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def test_the_status_is_told_when_it_changes_and_only_then(log: LogCapture) -> None:
    manager = Manager()
    tell = supervised(manager, log)
    tell(WALK, WAKE)
    tell(WALK, WAKE)
    tell(replace(WALK, decision=Hold(reason=Reason.NOBODY_ONLINE)), WAKE)
    assert manager.told == [
        "STATUS=1 pair, none with problems; dma is at dma-main.example.test.",
        "STATUS=1 pair, none with problems; dma is held: nobody_online",
    ]


def test_a_status_that_was_not_taken_is_told_again(log: LogCapture) -> None:
    manager = Manager()
    manager.takes = False
    tell = supervised(manager, log)
    tell(WALK, WAKE)
    tell(WALK, WAKE)
    assert len(manager.told) == 2


@pytest.mark.parametrize(
    "walk",
    [
        replace(WALK, in_order=False),
        replace(WALK, decision=Hold(reason=Reason.BOTH_ONLINE)),
        replace(WALK, decision=Move(to="dma-main.example.test.", reason=Reason.NEWER_CLAIM)),
    ],
)
def test_what_a_person_should_look_at_is_a_problem(walk: Walk, log: LogCapture) -> None:
    manager = Manager()
    supervised(manager, log)(walk, WAKE)
    assert manager.told[0].startswith("STATUS=1 pair, 1 with problems; dma is ")


def test_of_many_pairs_those_with_problems_are_named_first() -> None:
    found = {f"p{number}": (number == 900, f"p{number} is at a.") for number in range(1000)}
    assert status(found) == (
        "1000 pairs, 1 with problems; p900 is at a.; p0 is at a.; p1 is at a.; p2 is at a.; p3 is at a.; 995 more"
    )


async def test_signs_of_life_are_given_while_there_is_progress(log: LogCapture) -> None:
    manager = Manager(watchdog_s=0.01)
    async with under_way(supervised(manager, log).beat(lambda: [Sign(what="a", last=NOW, allowed_s=1)])):
        await manager.hears(3)
    assert {*manager.told} == {"WATCHDOG=1"}


async def test_no_sign_of_life_is_given_for_a_pair_that_is_stuck_though_the_loop_turns(
    log: LogCapture,
) -> None:
    manager = Manager(watchdog_s=0.01)
    asked = asyncio.Semaphore(0)

    def signs() -> list[Sign]:
        asked.release()
        long_ago = replace(NOW, mono_s=0.0)
        return [Sign(what="pair a", last=NOW, allowed_s=60), Sign(what="pair b", last=long_ago, allowed_s=60)]

    async with under_way(supervised(manager, log).beat(signs)), asyncio.timeout(20):
        for _ in range(3):
            await asked.acquire()
    assert manager.told == []
    [entry] = log.entries
    assert (entry["event"], entry["what"]) == (
        "no_progress",
        ("pair b: nothing for 100 s, and 60 s are the most it may take",),
    )


async def test_a_manager_that_does_not_watch_is_given_no_signs_of_life(log: LogCapture) -> None:
    manager = Manager()
    await supervised(manager, log).beat(list)
    assert manager.told == []


async def test_a_reload_is_told_of_before_and_after(log: LogCapture) -> None:
    manager, asked = Manager(), asyncio.Event()

    async def reload() -> str | None:
        assert manager.told == ["RELOADING=1"]
        return None

    asked.set()
    async with under_way(supervised(manager, log).reloads(asked, reload)):
        await manager.hears(2)
    assert manager.told == ["RELOADING=1", "READY=1"]
    assert [entry["event"] for entry in log.entries] == ["reloaded"]


async def test_a_reload_that_is_refused_says_why_and_is_ready_all_the_same(log: LogCapture) -> None:
    manager, asked = Manager(), asyncio.Event()

    async def reload() -> str | None:
        return "pairs: is no table"

    asked.set()
    async with under_way(supervised(manager, log).reloads(asked, reload)):
        await manager.hears(2)
    assert manager.told[-1] == "READY=1"
    assert [(entry["event"], entry["why"]) for entry in log.entries] == [
        ("reload_refused", "pairs: is no table")
    ]


async def test_a_reload_that_is_asked_for_meanwhile_comes_after(log: LogCapture) -> None:
    manager, asked = Manager(), asyncio.Event()
    reloads = iter((None, "second"))

    async def reload() -> str | None:
        refusal = next(reloads)
        if refusal is None:
            asked.set()
        return refusal

    asked.set()
    async with under_way(supervised(manager, log).reloads(asked, reload)):
        await manager.hears(4)
    assert [entry["event"] for entry in log.entries] == ["reloaded", "reload_refused"]
