"""A call that hangs holds up neither the loop nor anybody behind it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from failover_dns.effects.lane import Lane, StuckError


@pytest.fixture
def lane() -> Iterator[Lane]:
    lane = Lane("a lane")
    yield lane
    lane.close()


@pytest.fixture
def hung() -> Iterator[threading.Event]:
    """A thing to wait for in a call; it comes at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


async def test_a_call_runs_in_the_lanes_own_daemon_thread(lane: Lane) -> None:
    thread = await lane.run(threading.current_thread, deadline_s=30)
    assert thread is not threading.current_thread()
    assert (thread.name, thread.daemon) == ("a lane", True)
    assert await lane.run(threading.current_thread, deadline_s=30) is thread


async def test_what_a_call_raises_is_raised_to_the_caller(lane: Lane) -> None:
    with pytest.raises(ZeroDivisionError):
        await lane.run(lambda: 1 / 0, deadline_s=30)
    assert await lane.run(lambda: "alive", deadline_s=30) == "alive"


async def test_a_calls_own_time_out_is_not_taken_for_the_deadline(lane: Lane) -> None:
    def times_out() -> None:
        raise TimeoutError("the share says so")

    with pytest.raises(TimeoutError, match="the share says so") as raised:
        await lane.run(times_out, deadline_s=30)
    assert not isinstance(raised.value, StuckError)
    assert await lane.run(lambda: "alive", deadline_s=30) == "alive"


async def test_a_call_beyond_its_deadline_is_stuck_and_a_time_out_to_those_who_do_not_know_lanes(
    lane: Lane, hung: threading.Event
) -> None:
    with pytest.raises(StuckError, match=r"a lane: no answer within 0\.01 s") as raised:
        await lane.run(hung.wait, deadline_s=0.01)
    assert isinstance(raised.value, TimeoutError)


async def test_nothing_waits_behind_a_call_that_hangs(lane: Lane, hung: threading.Event) -> None:
    with pytest.raises(StuckError):
        await lane.run(hung.wait, deadline_s=0.01)
    with pytest.raises(StuckError, match="an earlier call has still not returned"):
        await lane.run(lambda: "never", deadline_s=3600)


async def test_a_lane_works_again_once_the_call_that_hung_returns(lane: Lane) -> None:
    hung, returned = threading.Event(), threading.Event()

    def hang() -> None:
        hung.wait()
        returned.set()

    with pytest.raises(StuckError):
        await lane.run(hang, deadline_s=0.01)
    hung.set()
    await asyncio.to_thread(returned.wait)
    async with asyncio.timeout(30):
        while True:
            try:
                assert await lane.run(lambda: "alive", deadline_s=30) == "alive"
            except StuckError:
                await asyncio.sleep(0)  # the loop has yet to hear of the return
            else:
                break


async def test_another_lane_goes_on_beside_one_that_hangs(lane: Lane, hung: threading.Event) -> None:
    other = Lane("another")
    with pytest.raises(StuckError):
        await lane.run(hung.wait, deadline_s=0.01)
    assert await other.run(lambda: "alive", deadline_s=30) == "alive"
    other.close()


async def test_calls_run_one_after_the_other_in_order(lane: Lane) -> None:
    ran: list[int] = []
    await asyncio.gather(*(lane.run(lambda n=n: ran.append(n), deadline_s=30) for n in range(100)))  # type: ignore[misc]
    assert ran == list(range(100))


async def test_a_call_behind_one_that_hangs_is_stuck_too(lane: Lane, hung: threading.Event) -> None:
    calls = [lane.run(hung.wait, deadline_s=0.05), lane.run(lambda: "late", deadline_s=0.01)]
    first, second = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(first, StuckError)
    assert isinstance(second, StuckError)


async def test_a_caller_who_gives_up_leaves_the_lane_to_others(lane: Lane, hung: threading.Event) -> None:
    began = threading.Event()

    def hang() -> None:
        began.set()
        hung.wait()

    waiting = asyncio.ensure_future(lane.run(hang, deadline_s=30))
    await asyncio.to_thread(began.wait)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    hung.set()
    assert await lane.run(lambda: "alive", deadline_s=30) == "alive"


async def test_calls_that_are_given_up_early_do_not_pile_up_behind_one_that_hangs(
    lane: Lane, hung: threading.Event
) -> None:
    async def gives_up() -> bool:
        call = asyncio.create_task(lane.run(hung.wait, deadline_s=0.02))
        await asyncio.sleep(0)
        call.cancel()
        [end] = await asyncio.gather(call, return_exceptions=True)
        return isinstance(end, asyncio.CancelledError)

    async with asyncio.timeout(30):
        while await gives_up():
            pass


async def test_a_call_that_nobody_waits_for_any_more_is_not_begun(lane: Lane, hung: threading.Event) -> None:
    begun: list[str] = []
    first = asyncio.create_task(lane.run(hung.wait, deadline_s=30))
    given_up = asyncio.create_task(lane.run(lambda: begun.append("given up"), deadline_s=30))
    wanted = asyncio.create_task(lane.run(lambda: begun.append("wanted"), deadline_s=30))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    hung.set()
    await asyncio.gather(first, wanted)
    assert begun == ["wanted"]


async def test_closing_lets_the_thread_end_after_the_calls_it_has(lane: Lane) -> None:
    thread = await lane.run(threading.current_thread, deadline_s=30)
    last = asyncio.ensure_future(lane.run(lambda: "done", deadline_s=30))
    await asyncio.sleep(0)
    lane.close()
    assert await last == "done"
    await asyncio.to_thread(thread.join)
    assert not thread.is_alive()


async def test_a_lane_that_ran_nothing_closes(lane: Lane) -> None:
    lane.close()
    lane.close()


def test_a_call_that_returns_after_the_loop_has_closed_bothers_nobody() -> None:
    lane, hung = Lane("a lane"), threading.Event()

    async def leave() -> threading.Thread:
        thread = await lane.run(threading.current_thread, deadline_s=30)
        with pytest.raises(StuckError):
            await lane.run(hung.wait, deadline_s=0.01)
        return thread

    thread = asyncio.run(leave())
    lane.close()
    hung.set()
    thread.join()  # an exception in it would be a warning, and so an error
    assert not thread.is_alive()


@pytest.mark.parametrize("steps", range(5))
async def test_a_caller_that_is_cancelled_just_as_the_answer_comes_stays_cancelled(steps: int) -> None:
    # asyncio.wait_for of Python 3.11 gives the answer instead, and whoever ends all tasks waits for ever.
    lane = Lane("test")
    ended = threading.Event()

    async def ask() -> None:
        await lane.run(ended.set, deadline_s=5.0)
        await asyncio.Event().wait()

    task = asyncio.create_task(ask())
    await asyncio.sleep(0)
    ended.wait(5.0)
    for _ in range(steps):  # the answer is on its way through the loop, a step at a time
        await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=2.0)
    assert done
    assert task.cancelled()
    lane.close()
