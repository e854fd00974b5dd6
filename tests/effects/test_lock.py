from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from failover_dns.core.errors import FailoverDnsError
from failover_dns.effects.lock import LockBusyError, StateLock

HOLD = """
    import asyncio, sys
    from pathlib import Path
    from failover_dns.effects.lock import StateLock

    async def main():
        async with StateLock(Path(sys.argv[1])).held(deadline_s=float(sys.argv[2])):
            print("held", flush=True)
            sys.stdin.readline()

    print("started", flush=True)
    asyncio.run(main())
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Callable[[float], subprocess.Popen[str]]]:
    """Start processes that say "started", take the lock, say "held", and keep it until a line comes in."""
    processes: list[subprocess.Popen[str]] = []

    def start(deadline_s: float) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", textwrap.dedent(HOLD), str(tmp_path / "lock"), str(deadline_s)]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        processes.append(process)
        assert said(process) == "started"
        return process

    yield start
    for process in processes:
        with process:
            process.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


async def heard(process: subprocess.Popen[str]) -> str:
    return await asyncio.to_thread(said, process)


async def test_another_process_is_kept_out_until_the_lock_is_given_back(
    tmp_path: Path, other: Callable[[float], subprocess.Popen[str]]
) -> None:
    lock = StateLock(tmp_path / "lock")
    async with lock.held(deadline_s=1):
        _, complaint = await asyncio.to_thread(other(0.1).communicate)
        assert "LockBusyError" in complaint
    assert await heard(other(30)) == "held"
    with pytest.raises(LockBusyError):
        async with lock.held(deadline_s=0.05):
            pass


async def test_a_lock_that_stays_busy_is_an_error_with_its_path_and_a_cure(tmp_path: Path) -> None:
    async with StateLock(tmp_path / "lock").held(deadline_s=1):
        with pytest.raises(
            LockBusyError, match=r"/lock could not be had within 0\.05 s: another process holds it; wait for"
        ):
            async with StateLock(tmp_path / "lock").held(deadline_s=0.05):
                pass


async def test_a_lock_is_had_when_its_holder_is_killed(
    tmp_path: Path, other: Callable[[float], subprocess.Popen[str]]
) -> None:
    process = other(30)
    assert await heard(process) == "held"
    process.kill()
    async with StateLock(tmp_path / "lock").held(deadline_s=30):
        pass


async def test_tasks_of_one_process_share_the_lock(tmp_path: Path) -> None:
    lock, elsewhere = StateLock(tmp_path / "lock"), StateLock(tmp_path / "lock")
    async with lock.held(deadline_s=0):
        async with lock.held(deadline_s=0), lock.held(deadline_s=0):
            pass
        with pytest.raises(LockBusyError):
            async with elsewhere.held(deadline_s=0):
                pass
    async with elsewhere.held(deadline_s=0):
        pass


async def test_tasks_that_wait_are_all_let_in_together(tmp_path: Path) -> None:
    lock = StateLock(tmp_path / "lock")
    inside = 0
    all_inside = asyncio.Event()

    async def work() -> None:
        nonlocal inside
        async with lock.held(deadline_s=30):
            inside += 1
            if inside == 20:
                all_inside.set()
            await all_inside.wait()

    async with StateLock(tmp_path / "lock").held(deadline_s=1):
        tasks = [asyncio.create_task(work()) for _ in range(20)]
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)


async def test_tasks_that_wait_in_vain_each_have_their_own_deadline(tmp_path: Path) -> None:
    lock = StateLock(tmp_path / "lock")

    async def hold(deadline_s: float) -> None:
        async with lock.held(deadline_s=deadline_s):
            pass

    async with StateLock(tmp_path / "lock").held(deadline_s=1):
        patient = asyncio.create_task(hold(30))
        with pytest.raises(LockBusyError, match=r"within 0\.05 s"):
            await hold(0.05)
    await patient


async def test_the_lock_is_given_back_when_its_holder_fails_or_is_cancelled(tmp_path: Path) -> None:
    lock = StateLock(tmp_path / "lock")
    with pytest.raises(KeyError):
        async with lock.held(deadline_s=0):
            raise KeyError

    async def hold() -> None:
        async with lock.held(deadline_s=0):
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with StateLock(tmp_path / "lock").held(deadline_s=0):
        pass


async def test_a_waiter_that_is_cancelled_holds_nothing_up(tmp_path: Path) -> None:
    lock = StateLock(tmp_path / "lock")

    async def hold() -> None:
        async with lock.held(deadline_s=30):
            pass

    async with StateLock(tmp_path / "lock").held(deadline_s=0) as _:
        task = asyncio.create_task(hold())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with (
        StateLock(tmp_path / "lock").held(deadline_s=0),
        StateLock(tmp_path / "lock.waiting").held(deadline_s=0),
    ):
        pass


async def test_a_steady_stream_of_holders_lets_another_process_have_its_turn(
    tmp_path: Path, other: Callable[[float], subprocess.Popen[str]]
) -> None:
    lock = StateLock(tmp_path / "lock", turn_s=0.2)
    stop = asyncio.Event()

    async def work(first_s: float) -> None:
        await asyncio.sleep(first_s)
        while not stop.is_set():
            async with lock.held(deadline_s=30):
                await asyncio.sleep(0.01)

    async with lock.held(deadline_s=0):
        by_turns = asyncio.gather(work(0), work(0.005))  # so that one of them always holds it
        process = await asyncio.to_thread(other, 20)
    assert await heard(process) == "held"
    await asyncio.to_thread(process.communicate, "done\n")
    stop.set()
    await by_turns


async def test_one_task_that_takes_the_lock_again_at_once_lets_another_process_have_its_turn(
    tmp_path: Path, other: Callable[[float], subprocess.Popen[str]]
) -> None:
    lock = StateLock(tmp_path / "lock", turn_s=0.2)
    process = other(20)
    held = asyncio.create_task(heard(process))
    while not held.done():
        try:
            async with lock.held(deadline_s=1):
                await asyncio.sleep(0.005)
        except LockBusyError:
            break
    assert await held == "held"


async def test_a_long_holder_keeps_nobody_of_its_process_out_while_no_other_process_waits(
    tmp_path: Path,
) -> None:
    lock = StateLock(tmp_path / "lock", turn_s=0)
    async with lock.held(deadline_s=0), lock.held(deadline_s=0), lock.held(deadline_s=0):
        pass


async def test_a_long_holder_keeps_its_process_out_while_another_one_waits(tmp_path: Path) -> None:
    lock, elsewhere = StateLock(tmp_path / "lock", turn_s=0), StateLock(tmp_path / "lock")

    async def hold() -> None:
        async with elsewhere.held(deadline_s=30):
            with pytest.raises(LockBusyError):
                async with lock.held(deadline_s=0):
                    pass

    async with lock.held(deadline_s=0):
        waiting = asyncio.create_task(hold())
        await asyncio.sleep(0)
        with pytest.raises(LockBusyError):
            async with lock.held(deadline_s=0.05):
                pass
    with pytest.raises(LockBusyError):
        async with lock.held(deadline_s=0):
            pass
    await waiting
    async with lock.held(deadline_s=30):
        pass


async def test_a_process_that_waits_and_never_comes_is_not_waited_for(tmp_path: Path) -> None:
    lock = StateLock(tmp_path / "lock", turn_s=0)
    async with StateLock(tmp_path / "lock.waiting").held(deadline_s=0):
        async with lock.held(deadline_s=0):
            pass
        async with lock.held(deadline_s=30):
            pass


async def test_the_loop_goes_on_while_the_lock_is_waited_for(tmp_path: Path) -> None:
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    turning = asyncio.create_task(turn())
    async with StateLock(tmp_path / "lock").held(deadline_s=0):
        with pytest.raises(LockBusyError):
            async with StateLock(tmp_path / "lock").held(deadline_s=0.3):
                pass
    turning.cancel()
    assert turns > 100


async def test_a_missing_directory_is_created_for_its_owner_only(tmp_path: Path) -> None:
    async with StateLock(tmp_path / "state" / "lock").held(deadline_s=0):
        assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


async def test_a_lock_that_cannot_be_is_an_error_with_a_cure(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(FailoverDnsError, match=r"/lock cannot be locked: .*; let this account write there"):
        async with StateLock(tmp_path / "lock").held(deadline_s=0):
            pass


async def test_a_directory_that_cannot_be_made_is_an_error_with_a_cure(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no directory")
    with pytest.raises(FailoverDnsError, match=r"/lock cannot be locked: .*; let this account write there"):
        async with StateLock(tmp_path / "state" / "lock").held(deadline_s=0):
            pass


async def test_a_lock_that_nobody_wants_costs_little(tmp_path: Path) -> None:
    lock = StateLock(tmp_path / "lock")
    costs_s = []
    for _ in range(200):
        before_s = time.perf_counter()
        async with lock.held(deadline_s=0):
            pass
        costs_s.append(time.perf_counter() - before_s)
    assert min(costs_s) < 0.0002
