"""Wake-ups and timers become walks, until the service is told to stop."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import pytest

from failover_dns.conduct.service import Every, Service, Worker
from failover_dns.conduct.walk import Wake, Walk, Why
from failover_dns.core.decide import Reason
from failover_dns.core.model import Pair, Role
from failover_dns.core.outcome import Verdict
from tests.conduct.world import (
    BACKUP,
    FORWARD,
    MAIN,
    PAIR,
    REVERSE,
    Forward,
    World,
    is_update,
    now,
    pair_with,
    world,
)
from tests.servers.client import DnsServer

NEVER_S = 3600.0
LONG_S = 20.0
MOVED = {"A 10.10.10.2", "A 10.10.10.5"}


@dataclass(slots=True)
class Running:
    """A service at work, and what it told of its walks."""

    service: Service
    pairs: Sequence[World]
    task: asyncio.Task[bool]
    told: asyncio.Queue[tuple[Walk, Wake]] = field(default_factory=asyncio.Queue)
    failed: asyncio.Queue[tuple[str, Exception]] = field(default_factory=asyncio.Queue)

    @property
    def pair(self) -> World:
        [pair] = self.pairs
        return pair

    async def next(self, pair: str = "dma") -> tuple[Walk, Why]:
        """Return the next walk of the pair and what woke it."""
        async with asyncio.timeout(LONG_S):
            while True:
                walk, wake = await self.told.get()
                if walk.pair == pair:
                    return walk, wake.why

    async def stop(self) -> bool:
        self.service.stop()
        async with asyncio.timeout(LONG_S):
            return await self.task


@asynccontextmanager
async def running(
    server: DnsServer,
    *configured: Pair,
    look_s: float = NEVER_S,
    audit_s: float = NEVER_S,
    stop_s: float = LONG_S,
    online: str = MAIN,
    ready: bool = True,
    isolates: bool = True,
) -> AsyncIterator[Running]:
    async with AsyncExitStack() as stack:
        opened = [
            await stack.enter_async_context(world(server, pair, clock=now, online=online))
            for pair in configured or [PAIR]
        ]
        told: asyncio.Queue[tuple[Walk, Wake]] = asyncio.Queue()
        failed: asyncio.Queue[tuple[str, Exception]] = asyncio.Queue()

        def fail(pair: str, error: Exception, *, again_in_s: float) -> None:
            assert again_in_s > 0
            failed.put_nowait((pair, error))

        workers = [
            Worker(
                pair.reconciler,
                clock=now,
                every=Every(look_s=look_s, audit_s=audit_s),
                rng=random.Random(1),  # noqa: S311 - spreads timers
                tell=lambda walk, wake: told.put_nowait((walk, wake)),
                fail=fail if isolates else None,
            )
            for pair in opened
        ]
        service = Service(workers, stop_s=stop_s)
        run = Running(service, opened, asyncio.create_task(service.run()), told, failed)
        try:
            if ready:
                async with asyncio.timeout(LONG_S):
                    await service.first_walks()
                for _ in opened:
                    told.get_nowait()
            yield run
        finally:
            run.task.cancel()
            await asyncio.gather(run.task, return_exceptions=True)


async def test_a_pair_is_looked_at_once_the_service_runs(embedded: DnsServer) -> None:
    async with running(embedded, online=BACKUP, ready=False) as run:
        async with asyncio.timeout(LONG_S):
            await run.service.first_walks()
        walk, why = await run.next()
        assert (why, walk.in_order) == (Why.START, True)
        assert run.pair.holds("dma-backup") == MOVED
        assert await run.stop()


async def test_a_switch_is_made_when_its_source_wakes_the_pair(primary: DnsServer) -> None:
    async with running(primary) as run:
        run.pair.roles.online(BACKUP)
        run.service.wake(["dma"], Why.SOURCE)
        walk, why = await run.next()
        assert (why, walk.in_order) == (Why.SOURCE, True)
        assert run.pair.holds("dma-backup") == MOVED
        assert await run.stop()


async def test_a_switch_that_nobody_told_of_is_found_by_looking(embedded: DnsServer) -> None:
    async with running(embedded, look_s=0.02) as run:
        run.pair.roles.online(BACKUP)
        while (walk := (await run.next())[0]).outcomes == {}:
            pass
        assert walk.in_order
        assert run.pair.holds("dma-backup") == MOVED


async def test_looking_asks_dns_nothing_while_nothing_changes(embedded: DnsServer) -> None:
    async with running(embedded, look_s=0.01) as run:
        sent = len(run.pair.tap(FORWARD).sent)
        for _ in range(5):
            assert (await run.next())[1] is Why.LOOK
        assert len(run.pair.tap(FORWARD).sent) == sent


async def test_wakes_that_come_during_a_walk_are_one_walk_after_it(embedded: DnsServer) -> None:
    async with running(embedded) as run:
        roles = run.pair.roles
        roles.may_look.clear()
        roles.looking.clear()
        run.service.wake(["dma"], Why.SOURCE)
        async with asyncio.timeout(LONG_S):
            await roles.looking.wait()
        for why in (Why.SOURCE, Why.LOOK, Why.AUDIT, Why.SOURCE, Why.SETTLED):
            run.service.wake(["dma"], why)
        roles.may_look.set()
        assert [(await run.next())[1], (await run.next())[1]] == [Why.SOURCE, Why.AUDIT]
        assert await run.stop()
        assert run.told.empty()


async def test_drift_is_repaired_by_the_audit(primary: DnsServer) -> None:
    async with running(primary, audit_s=0.05) as run:
        drift = primary.update(FORWARD)
        drift.delete("dma-main", "A", "10.10.10.5")
        drift.add("dma-backup", 60, "A", "10.10.10.5")
        assert primary.rcode(drift) == "NOERROR"
        while True:
            walk, why = await run.next()
            if walk.outcomes:
                break
        assert (why, walk.cause, walk.in_order) == (Why.AUDIT, "drift", True)
        assert run.pair.holds("dma-main") == {"A 10.10.10.1", "A 10.10.10.5", "AAAA 2001:db8::1"}
        assert run.pair.holds("dma-backup") == {"A 10.10.10.2"}


async def test_a_decision_that_has_to_settle_acts_by_itself_afterwards(embedded: DnsServer) -> None:
    async with running(embedded, pair_with(settle_s=0.2)) as run:
        assert (await run.next())[1] is Why.SETTLED
        run.pair.roles.online(BACKUP)
        run.service.wake(["dma"], Why.SOURCE)
        walk, why = await run.next()
        assert (why, walk.decision.reason, walk.outcomes) == (Why.SOURCE, Reason.SETTLING, {})
        walk, why = await run.next()
        assert (why, walk.in_order) == (Why.SETTLED, True)
        assert run.pair.holds("dma-backup") == MOVED


async def test_a_switch_that_does_not_last_is_not_published(embedded: DnsServer) -> None:
    serial = embedded.serial(FORWARD)
    async with running(embedded, pair_with(settle_s=0.5)) as run:
        await run.next()
        run.pair.roles.online(BACKUP)
        run.service.wake(["dma"], Why.SOURCE)
        assert (await run.next())[0].decision.reason is Reason.SETTLING
        run.pair.roles.online(MAIN)
        run.service.wake(["dma"], Why.SOURCE)
        assert (await run.next())[0].decision.reason is Reason.SETTLING
        walk, why = await run.next()
        assert (why, walk.outcomes, walk.in_order) == (Why.SETTLED, {}, True)
    assert embedded.serial(FORWARD) == serial


async def test_what_failed_is_tried_again_by_itself(embedded: DnsServer) -> None:
    async with running(embedded) as run:

        async def fail_once(wire: bytes, forward: Forward) -> bytes:
            if is_update(wire):
                run.pair.tap(FORWARD).treat = None
                return b"not DNS"
            return await forward(wire)

        run.pair.tap(FORWARD).treat = fail_once
        run.pair.roles.online(BACKUP)
        run.service.wake(["dma"], Why.SOURCE)
        walk, _ = await run.next()
        assert walk.outcomes[FORWARD].verdict is Verdict.UNKNOWN
        walk, why = await run.next()
        assert (why, walk.in_order) == (Why.RETRY, True)
        assert run.pair.holds("dma-backup") == MOVED


async def test_stopping_finishes_the_walk_in_hand(embedded: DnsServer) -> None:
    async with running(embedded) as run:
        sent, may_answer = asyncio.Event(), asyncio.Event()

        async def hold(wire: bytes, forward: Forward) -> bytes:
            if is_update(wire):
                sent.set()
                await may_answer.wait()
            return await forward(wire)

        run.pair.tap(FORWARD).treat = hold
        run.pair.roles.online(BACKUP)
        run.service.wake(["dma"], Why.SOURCE)
        async with asyncio.timeout(LONG_S):
            await sent.wait()
        run.service.stop()
        run.service.wake(["dma"], Why.AUDIT)
        may_answer.set()
        assert await run.stop()
        assert (await run.next())[0].in_order
        assert run.told.empty()
        assert (run.pair.log.open(), run.pair.holds("dma-backup")) == ([], MOVED)


async def test_a_walk_that_takes_too_long_is_cut_off_and_its_intent_stays_open(embedded: DnsServer) -> None:
    async with running(embedded, stop_s=0.05) as run:
        sent = asyncio.Event()

        async def hang(wire: bytes, forward: Forward) -> bytes:
            if is_update(wire):
                sent.set()
                await asyncio.Event().wait()
            return await forward(wire)

        run.pair.tap(FORWARD).treat = hang
        run.pair.roles.online(BACKUP)
        run.service.wake(["dma"], Why.SOURCE)
        async with asyncio.timeout(LONG_S):
            await sent.wait()
        assert not await run.stop()
        assert [intent.zone for _, intent in run.pair.log.open()] == [FORWARD]


async def test_a_pair_waits_only_for_itself(embedded: DnsServer) -> None:
    async with running(embedded, pair_with(name="hangs"), pair_with(name="dma")) as run:
        hanging, well = run.pairs
        hanging.roles.may_look.clear()
        run.service.wake(["hangs"], Why.SOURCE)
        well.roles.online(BACKUP)
        run.service.wake(["dma"], Why.SOURCE)
        walk, _ = await run.next("dma")
        assert walk.in_order
        assert well.holds("dma-backup") == MOVED
        hanging.roles.may_look.set()
        assert await run.stop()


async def test_a_defect_in_one_pair_is_told_and_the_others_go_on(embedded: DnsServer) -> None:
    async with running(embedded, pair_with(name="broken"), pair_with(name="dma")) as run:
        broken, well = run.pairs
        broken.roles.defect = RuntimeError("a defect of ours")
        run.service.wake(["broken"], Why.SOURCE)
        async with asyncio.timeout(LONG_S):
            assert await run.failed.get() == ("broken", broken.roles.defect)
        well.roles.online(BACKUP)
        run.service.wake(["dma"], Why.SOURCE)
        walk, _ = await run.next("dma")
        assert walk.in_order
        assert well.holds("dma-backup") == MOVED
        assert await run.stop()


async def test_a_pair_with_a_defect_is_tried_again_and_starts_from_nothing_that_was_read(
    embedded: DnsServer,
) -> None:
    async with running(embedded) as run:
        run.pair.roles.defect = RuntimeError("a defect of ours")
        run.service.wake(["dma"], Why.SOURCE)
        async with asyncio.timeout(LONG_S):
            for _ in range(2):  # the second by itself
                await run.failed.get()
        run.pair.roles.online(BACKUP)
        run.pair.roles.defect = None
        walk, why = await run.next()
        assert (why, walk.in_order) == (Why.START, True)
        assert run.pair.holds("dma-backup") == MOVED
        assert await run.stop()


async def test_news_of_a_pair_with_a_defect_is_looked_at_at_once(embedded: DnsServer) -> None:
    async with running(embedded) as run:
        run.pair.roles.defect = RuntimeError("a defect of ours")
        run.service.wake(["dma"], Why.SOURCE)
        async with asyncio.timeout(LONG_S):
            await run.failed.get()
        run.pair.roles.defect = None
        run.service.wake(["dma"], Why.SOURCE)
        assert (await run.next())[1] is Why.SOURCE
        assert await run.stop()


async def test_a_pair_that_was_never_walked_in_order_does_not_keep_the_service_from_being_ready(
    embedded: DnsServer,
) -> None:
    async with running(embedded, ready=False) as run:
        run.pair.roles.defect = RuntimeError("a defect of ours")
        async with asyncio.timeout(LONG_S):
            await run.service.first_walks()
        assert await run.stop()


async def test_a_change_that_is_under_way_is_collected_once_the_defect_is_gone(embedded: DnsServer) -> None:
    async with running(embedded) as run:
        held = Held()
        run.pair.tap(REVERSE).treat = held
        run.pair.roles.online(BACKUP)
        run.service.wake(["dma"], Why.SOURCE)
        async with asyncio.timeout(LONG_S):
            await held.sent.wait()
        run.pair.roles.defect = RuntimeError("a defect of ours")
        run.service.wake(["dma"], Why.SOURCE)
        await run.next()
        async with asyncio.timeout(LONG_S):
            await run.failed.get()
        held.may_pass.set()
        run.pair.roles.defect = None
        while not (await run.next())[0].in_order:
            pass
        assert run.pair.log.open() == []
        assert run.pair.holds("5", REVERSE) == {f"PTR {BACKUP}"}
        assert await run.stop()


async def test_a_defect_that_nobody_is_told_of_stops_the_service_and_is_not_hidden(
    embedded: DnsServer,
) -> None:
    async with running(embedded, isolates=False) as run:
        run.pair.roles.set(Role.ONLINE, Role.OFFLINE)
        del run.pair.roles.roles[BACKUP]
        run.service.wake(["dma"], Why.SOURCE)
        with pytest.raises(KeyError, match="dma-backup"):
            async with asyncio.timeout(LONG_S):
                await run.task


async def test_a_journal_that_cannot_be_written_stops_nothing_but_the_changes(embedded: DnsServer) -> None:
    async with running(embedded, look_s=0.02) as run:
        run.pair.log.broken = lambda _: True
        run.pair.roles.online(BACKUP)
        run.service.wake(["dma"], Why.SOURCE)
        for _ in range(5):
            walk, _ = await run.next()
            assert walk.problems
        assert [run.pair.updates(zone) for zone in (FORWARD, REVERSE)] == [0, 0]
        run.pair.log.broken = lambda _: False
        while not (await run.next())[0].in_order:
            pass
        assert run.pair.holds("dma-backup") == MOVED


class Held:
    """A tap's treatment: from the first update on nothing passes until it may, as at a primary that hangs."""

    def __init__(self) -> None:
        self.sent = asyncio.Event()
        self.may_pass = asyncio.Event()

    async def __call__(self, wire: bytes, forward: Forward) -> bytes:
        if is_update(wire):
            self.sent.set()
        if self.sent.is_set():
            await self.may_pass.wait()
        return await forward(wire)


async def test_a_newer_decision_does_not_wait_for_a_zone_whose_primary_is_slow(primary: DnsServer) -> None:
    async with running(primary) as run:
        held = Held()
        run.pair.tap(REVERSE).treat = held
        run.pair.roles.online(BACKUP)
        run.service.wake(["dma"], Why.SOURCE)
        async with asyncio.timeout(LONG_S):
            await held.sent.wait()
        run.pair.roles.online(MAIN)
        run.service.wake(["dma"], Why.SOURCE)
        left, _ = await run.next()
        assert (REVERSE in left.outcomes, left.in_order) == (False, False)
        await _until(lambda: "A 10.10.10.5" in run.pair.holds("dma-main"))
        assert run.pair.holds("dma-backup") == {"A 10.10.10.2"}
        assert not held.may_pass.is_set()
        held.may_pass.set()
        while True:
            walk, _ = await run.next()
            if walk.in_order:
                break
        assert run.pair.holds("5", REVERSE) == {f"PTR {MAIN}"}
        assert await run.stop()
        assert run.pair.log.open() == []


async def test_stopping_waits_for_what_an_earlier_walk_left_in_flight(embedded: DnsServer) -> None:
    async with running(embedded) as run:
        held = Held()
        run.pair.tap(REVERSE).treat = held
        run.pair.roles.online(BACKUP)
        run.service.wake(["dma"], Why.SOURCE)
        async with asyncio.timeout(LONG_S):
            await held.sent.wait()
        run.service.wake(["dma"], Why.RESYNC)
        await run.next()
        run.service.stop()
        held.may_pass.set()
        assert await run.stop()
        assert run.pair.log.open() == []
        assert run.pair.holds("5", REVERSE) == {f"PTR {BACKUP}"}


async def _until(holds: Callable[[], bool]) -> None:
    """Return once the server shows it; each look is a question over the wire."""
    async with asyncio.timeout(LONG_S):
        while not await asyncio.to_thread(holds):
            pass
