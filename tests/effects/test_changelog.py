from __future__ import annotations

import asyncio
import errno
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from ipaddress import ip_address
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import pytest

from failover_dns.core.changelog import (
    GENESIS,
    Cause,
    Entry,
    Intent,
    Released,
    Repaired,
    Result,
    Verified,
    decode,
    digest,
    encode,
    verify,
)
from failover_dns.core.decide import Reason
from failover_dns.core.errors import JournalError
from failover_dns.core.model import Change, Instant, Key, Record, Type
from failover_dns.core.outcome import Said, Verdict
from failover_dns.effects.changelog import (
    MAX_LINE,
    MAX_WAITING,
    ChangeLog,
    Moved,
    follow,
    last_moves,
    open_intents,
    read_lines,
    recent_switches,
)
from failover_dns.effects.lane import Lane

T = TypeVar("T")

INTENT = Intent(
    pair="dma",
    transaction="5f0c3be1a9d2",
    cause=Cause.SWITCH,
    wake="source",
    reason=Reason.OTHER_OFFLINE,
    online="dma-backup.example.test.",
    writer="ops-1/4711",
    zone="example.test.",
    primary="127.0.0.1#5300",
    key="failover-dns.",
    change=Change(
        zone="example.test.",
        before=(),
        adds=(Record(Key("dma-backup.example.test.", Type.A), ip_address("10.10.10.5")),),
    ),
)
RESULT = Result(
    pair="dma",
    transaction="5f0c3be1a9d2",
    zone="example.test.",
    intent=1,
    verdict=Verdict.APPLIED,
    said=Said.DONE,
    rcode="NOERROR",
)
REPAIRED = Repaired(cut_bytes=3, cut_sha256="ab" * 32)


def clock() -> Instant:
    return Instant(mono_s=1.0, wall_s=1772357400.0)


@asynccontextmanager
async def opened(directory: Path, **limits: Any) -> AsyncIterator[ChangeLog]:
    lane = Lane("change log")
    async with ChangeLog(directory, clock=clock, run=lane.run, **limits) as log:
        yield log
    lane.close()


def entries(directory: Path) -> list[object]:
    return [decode(line).entry for line in read_lines(directory)]


def unbroken(directory: Path) -> Verified:
    found = verify(read_lines(directory))
    assert isinstance(found, Verified), found
    return found


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


async def test_what_was_appended_is_in_the_file_under_the_numbers_that_were_given(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        assert await log.append(INTENT, INTENT) == (1, 2)
        assert await log.append(RESULT) == (3,)
        assert await log.append() == ()
        assert entries(tmp_path) == [INTENT, INTENT, RESULT]
    assert unbroken(tmp_path).last == 3


async def test_a_log_goes_on_where_it_ended(tmp_path: Path) -> None:
    for seq in (1, 2, 3):
        async with opened(tmp_path) as log:
            assert await log.append(INTENT) == (seq,)
    assert unbroken(tmp_path).lines == 3


async def test_a_missing_directory_is_created_for_its_owner_only(tmp_path: Path) -> None:
    directory = tmp_path / "var" / "state"
    async with opened(directory) as log:
        await log.append(INTENT)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / "changes.jsonl").stat().st_mode) == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777, 0o702])
async def test_a_directory_that_others_may_write_to_is_refused_with_the_command_that_mends_it(
    tmp_path: Path, mode: int
) -> None:
    tmp_path.chmod(mode)  # noqa: ASYNC240 - a local directory
    with pytest.raises(JournalError, match=f"{tmp_path} can be changed by its group or others") as raised:
        async with opened(tmp_path):
            pass
    assert f"`chmod go-w {tmp_path}`" in raised.value.cure
    assert names(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
async def test_a_log_that_others_may_change_is_refused_until_it_is_mended(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await log.append(INTENT)
    path = tmp_path / "changes.jsonl"
    path.chmod(0o620)
    with pytest.raises(JournalError, match=f"{path} can be changed by its group or others") as raised:
        async with opened(tmp_path):
            pass
    assert f"`chmod go-w {path}`" in raised.value.cure
    path.chmod(0o640)
    async with opened(tmp_path) as log:
        assert await log.append(INTENT) == (2,)


class Gated:
    """A lane that says when a call is asked for, and carries it out only when it may."""

    def __init__(self) -> None:
        self.asked = asyncio.Semaphore(0)
        self.calls = 0
        self.free = asyncio.Event()
        self.free.set()

    async def run(self, call: Callable[[], T], *, deadline_s: float) -> T:
        assert deadline_s == 10.0
        self.calls += 1
        self.asked.release()
        await self.free.wait()
        return call()


@asynccontextmanager
async def writing(directory: Path) -> AsyncIterator[tuple[ChangeLog, Gated, asyncio.Task[tuple[int, ...]]]]:
    """Open a log whose first write, of one intent, is under way until the lane is set free."""
    lane = Gated()
    async with ChangeLog(directory, clock=clock, run=lane.run) as log:
        await lane.asked.acquire()
        lane.free.clear()
        first = asyncio.create_task(log.append(INTENT))
        await lane.asked.acquire()
        yield log, lane, first
        lane.free.set()


async def test_appends_that_arrive_during_a_write_go_together_into_the_next(tmp_path: Path) -> None:
    async with writing(tmp_path) as (log, lane, first):
        others = [asyncio.create_task(log.append(INTENT, RESULT)) for _ in range(50)]
        await asyncio.sleep(0)
        lane.free.set()
        assert await first == (1,)
        assert await asyncio.gather(*others) == [(2 * n, 2 * n + 1) for n in range(1, 51)]
        assert lane.calls == 3
    assert unbroken(tmp_path).lines == 101


async def test_an_append_that_is_cancelled_before_it_is_written_is_not_written(tmp_path: Path) -> None:
    async with writing(tmp_path) as (log, lane, first):
        second = asyncio.create_task(log.append(RESULT))
        await asyncio.sleep(0)
        second.cancel()
        lane.free.set()
        await first
        assert await log.append(REPAIRED) == (2,)
    assert entries(tmp_path) == [INTENT, REPAIRED]


async def test_an_append_that_is_cancelled_while_it_is_written_keeps_its_number(tmp_path: Path) -> None:
    async with writing(tmp_path) as (log, lane, first):
        first.cancel()
        lane.free.set()
        assert await log.append(RESULT) == (2,)
    assert entries(tmp_path) == [INTENT, RESULT]


async def test_nobody_waits_for_ever_when_the_loop_ends(tmp_path: Path) -> None:
    async with writing(tmp_path) as (log, _, first):
        second = asyncio.create_task(log.append(RESULT))
        await asyncio.sleep(0)
        assert log._flusher is not None
        log._flusher.cancel()
        ended = await asyncio.gather(first, second, return_exceptions=True)
        assert [type(error) for error in ended] == [asyncio.CancelledError] * 2
    assert entries(tmp_path) == []


async def test_appends_beyond_the_bound_are_refused_at_once(tmp_path: Path) -> None:
    async with writing(tmp_path) as (log, lane, _):
        waiting = [asyncio.create_task(log.append()) for _ in range(MAX_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(JournalError, match="10000 writes wait for"):
            await log.append()
        lane.free.set()
        assert await asyncio.gather(*waiting) == [()] * MAX_WAITING


async def test_leaving_waits_for_what_was_appended(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        appended = asyncio.create_task(log.append(INTENT))
        await asyncio.sleep(0)
    assert await appended == (1,)


async def test_a_log_that_is_not_open_takes_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        pass
    with pytest.raises(JournalError, match="is not open"):
        await log.append(INTENT)


class Stuck:
    """A lane whose second call does not come back in time."""

    def __init__(self) -> None:
        self.calls = 0

    async def run(self, call: Callable[[], T], *, deadline_s: float) -> T:
        self.calls += 1
        if self.calls == 2:
            raise TimeoutError(f"no answer within {deadline_s:g} s")
        return call()


async def test_a_disk_that_does_not_answer_is_an_error_with_a_cure(tmp_path: Path) -> None:
    async with ChangeLog(tmp_path, clock=clock, run=Stuck().run) as log:
        with pytest.raises(JournalError, match="no answer within 10 s; look at the disk"):
            await log.append(INTENT)
        assert await log.append(RESULT) == (1,)


async def test_a_defect_of_ours_reaches_those_who_wait_and_nothing_is_written(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        with pytest.raises(ValueError, match="not JSON compliant"):
            await log.append(INTENT, replace(RESULT, took_ms=float("nan")))
        assert await log.append(RESULT) == (1,)


async def test_a_line_that_could_not_be_found_again_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        with pytest.raises(JournalError, match="is longer than"):
            await log.append(replace(RESULT, what="x" * MAX_LINE))
        assert await log.append(RESULT) == (1,)


@pytest.mark.parametrize("torn", [b'{"v":1,"seq":3,"ti', b"\x00" * 5000, b"not a line\n", b"[]\n{"])
async def test_a_torn_last_line_is_cut_off_and_that_is_recorded(tmp_path: Path, torn: bytes) -> None:
    async with opened(tmp_path) as log:
        await log.append(INTENT, RESULT)
    with (tmp_path / "changes.jsonl").open("ab") as file:
        file.write(torn)
    async with opened(tmp_path) as log:
        cut = Repaired(cut_bytes=len(torn), cut_sha256=sha256(torn).hexdigest())
        assert entries(tmp_path) == [INTENT, RESULT, cut]
        assert await log.append(INTENT) == (4,)
    assert unbroken(tmp_path).lines == 4


async def test_a_file_that_is_nothing_but_a_torn_line_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "changes.jsonl").write_bytes(b'{"v":1,')
    async with opened(tmp_path):
        pass
    assert [type(entry) for entry in entries(tmp_path)] == [Repaired]
    assert unbroken(tmp_path).first == 1


@pytest.mark.parametrize("content", [b"a\nb\nc\n", b"x" * (MAX_LINE + 1), b"x" * MAX_LINE + b"\nb\n"])
async def test_a_file_that_is_no_change_log_is_left_alone_and_named(tmp_path: Path, content: bytes) -> None:
    log = tmp_path / "changes.jsonl"
    log.write_bytes(content)
    with pytest.raises(
        JournalError, match=r"does not end in a change log's line.*; move it to another place"
    ):
        await opened(tmp_path).__aenter__()
    assert log.read_bytes() == content


async def test_a_last_line_of_a_newer_version_is_kept_and_followed(tmp_path: Path) -> None:
    line = json.loads(encode(INTENT, seq=1, prev=GENESIS, wall_s=0.0))
    newer = json.dumps({**line, "v": 2, "cause": "mood"}).encode()
    (tmp_path / "changes.jsonl").write_bytes(newer + b"\n")
    async with opened(tmp_path) as log:
        assert await log.append(INTENT) == (2,)
    assert unbroken(tmp_path).lines == 2


async def test_a_broken_middle_is_not_touched(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await log.append(INTENT, RESULT, INTENT)
    path = tmp_path / "changes.jsonl"
    broken = path.read_bytes().replace(b"NOERROR", b"REFUSED")
    path.write_bytes(broken)
    async with opened(tmp_path):
        pass
    assert path.read_bytes() == broken
    assert not isinstance(verify(read_lines(tmp_path)), Verified)


async def test_what_another_process_appended_is_continued(tmp_path: Path) -> None:
    async with opened(tmp_path) as one, opened(tmp_path) as two:
        assert await one.append(INTENT) == (1,)
        assert await two.append(RESULT, INTENT) == (2, 3)
        assert await two.append(INTENT) == (4,)
        assert await one.append(RESULT) == (5,)
    assert unbroken(tmp_path).lines == 5


async def test_a_line_that_another_process_left_torn_is_cut_off(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await log.append(INTENT)
        with (tmp_path / "changes.jsonl").open("ab") as file:
            file.write(b"{")
        assert await log.append(RESULT) == (3,)
    assert [type(entry) for entry in entries(tmp_path)] == [Intent, Repaired, Result]
    assert unbroken(tmp_path).lines == 3


async def test_a_rotation_by_another_process_is_continued(tmp_path: Path) -> None:
    async with opened(tmp_path, max_bytes=1000) as one, opened(tmp_path, max_bytes=1000) as two:
        await one.append(INTENT)
        await two.append(RESULT, RESULT, RESULT)
        assert await one.append(INTENT) == (5,)
        await two.append(replace(RESULT, intent=5), RESULT)
        assert names(tmp_path) == ["changes-000000000001.jsonl", "changes-000000000005.jsonl"]
        assert await one.append(INTENT) == (8,)
    assert unbroken(tmp_path).lines == 8


async def test_lines_removed_from_under_a_running_daemon_leave_a_gap(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await log.append(INTENT, RESULT)
        os.truncate(tmp_path / "changes.jsonl", 0)
        assert await log.append(INTENT) == (3,)
        (tmp_path / "changes.jsonl").unlink()
        assert await log.append(INTENT) == (4,)
    assert unbroken(tmp_path).first == 4


async def test_a_file_that_is_large_enough_is_rotated_and_the_chain_goes_on(tmp_path: Path) -> None:
    async with opened(tmp_path, max_bytes=1000) as log:
        await log.append(INTENT, RESULT, RESULT)
        await log.append(INTENT)
    assert names(tmp_path) == ["changes-000000000001.jsonl", "changes.jsonl"]
    assert unbroken(tmp_path).lines == 4


async def test_a_log_goes_on_after_a_rotation_and_a_start(tmp_path: Path) -> None:
    for _ in range(4):
        async with opened(tmp_path, max_bytes=1) as log:
            await log.append(RESULT)
    assert names(tmp_path) == [f"changes-00000000000{n}.jsonl" for n in (1, 2, 3, 4)]
    async with opened(tmp_path) as log:
        assert await log.append(RESULT) == (5,)
    assert unbroken(tmp_path).lines == 5


async def test_only_so_many_old_files_are_kept(tmp_path: Path) -> None:
    async with opened(tmp_path, max_bytes=1, keep=2) as log:
        for _ in range(12):
            await log.append(RESULT)
        assert names(tmp_path) == ["changes-000000000011.jsonl", "changes-000000000012.jsonl"]
    found = unbroken(tmp_path)
    assert (found.first, found.last) == (11, 12)


async def test_an_open_intent_puts_rotation_off_until_the_file_has_twice_the_size(tmp_path: Path) -> None:
    async with opened(tmp_path, max_bytes=1500) as log:
        await log.append(INTENT)
        for _ in range(4):
            await log.append(replace(RESULT, intent=99))
        assert 1500 < (tmp_path / "changes.jsonl").stat().st_size < 3000
        while (tmp_path / "changes.jsonl").exists():
            await log.append(replace(RESULT, intent=99))
    assert (tmp_path / "changes-000000000001.jsonl").stat().st_size >= 3000
    assert open_intents(tmp_path) == ((1, INTENT),)


async def test_an_intent_left_open_by_an_earlier_start_puts_rotation_off(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await log.append(INTENT)
    async with opened(tmp_path, max_bytes=800) as log:
        await log.append(replace(RESULT, intent=99))
        assert names(tmp_path) == ["changes.jsonl"]
        await log.append(RESULT)
        assert names(tmp_path) == ["changes-000000000001.jsonl"]


async def test_an_intent_that_another_process_opened_puts_rotation_off(tmp_path: Path) -> None:
    async with opened(tmp_path) as other, opened(tmp_path, max_bytes=800) as log:
        await other.append(INTENT)
        await log.append(replace(RESULT, intent=99))
        assert names(tmp_path) == ["changes.jsonl"]
        await other.append(RESULT)
        await log.append(RESULT)
        assert names(tmp_path) == ["changes-000000000001.jsonl"]


async def test_a_file_that_cannot_be_renamed_is_gone_on_with(tmp_path: Path) -> None:
    tries: list[Path] = []

    def refuse(_: Path, target: Path) -> None:
        tries.append(target)
        raise PermissionError(errno.EACCES, "another program has it open")

    async with opened(tmp_path, max_bytes=1000, rename=refuse) as log:
        assert await log.append(RESULT, RESULT, RESULT) == (1, 2, 3)
        assert len(tries) == 5
        assert await log.append(RESULT) == (4,)
        assert len(tries) == 10
    assert names(tmp_path) == ["changes.jsonl"]
    assert unbroken(tmp_path).lines == 4


async def test_a_file_that_can_be_renamed_after_a_moment_is_rotated(tmp_path: Path) -> None:
    refusals = [PermissionError(errno.EACCES, "another program has it open")] * 2

    def rename(source: Path, target: Path) -> None:
        if refusals:
            raise refusals.pop()
        source.rename(target)

    async with opened(tmp_path, max_bytes=1, rename=rename) as log:
        await log.append(RESULT)
    assert names(tmp_path) == ["changes-000000000001.jsonl"]


async def test_rotation_never_writes_over_an_old_file(tmp_path: Path) -> None:
    async with opened(tmp_path, max_bytes=1) as log:
        (tmp_path / "changes-000000000001.jsonl").write_bytes(b"precious")
        assert await log.append(RESULT) == (1,)
    assert (tmp_path / "changes-000000000001.jsonl").read_bytes() == b"precious"


async def test_other_files_of_the_directory_are_none_of_the_log(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await log.append(RESULT)
    (tmp_path / "changes-old.jsonl").write_bytes(b"precious\n")
    assert entries(tmp_path) == [RESULT]


def test_no_log_has_no_lines(tmp_path: Path) -> None:
    assert list(read_lines(tmp_path / "missing")) == []
    assert open_intents(tmp_path / "missing") == ()
    assert last_moves(tmp_path / "missing", ["dma"]) == {}


async def test_a_line_that_is_still_being_written_is_not_read(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await log.append(RESULT)
        with (tmp_path / "changes.jsonl").open("ab") as file:
            file.write(b'{"v":1')
        assert entries(tmp_path) == [RESULT]


def written(directory: Path, count: int, **limits: Any) -> None:
    async def write() -> None:
        async with opened(directory, **limits) as log:
            for _ in range(count):
                await log.append(RESULT)

    asyncio.run(write())


@pytest.mark.parametrize("after", [0, 1])
def test_lines_are_read_in_order_though_the_log_is_rotated_meanwhile(tmp_path: Path, after: int) -> None:
    written(tmp_path, 2, max_bytes=1)
    written(tmp_path, 1)
    lines = read_lines(tmp_path)
    found = [decode(next(lines)).seq]
    written(tmp_path, 3, max_bytes=1)
    written(tmp_path, after)
    assert found + [decode(line).seq for line in lines] == list(range(1, 7 + after))


@pytest.mark.parametrize("max_bytes", [1, 1000, 10_000])
def test_following_yields_every_line_once_over_rotations(tmp_path: Path, max_bytes: int) -> None:
    written(tmp_path, 3, max_bytes=max_bytes)
    lines = follow(tmp_path, wait=lambda: written(tmp_path, 4, max_bytes=max_bytes))
    assert [decode(line).seq for line in islice(lines, 40)] == list(range(1, 41))


def test_following_begins_before_there_is_a_log(tmp_path: Path) -> None:
    lines = follow(tmp_path / "state", wait=lambda: written(tmp_path / "state", 1))
    assert [decode(line).seq for line in islice(lines, 3)] == [1, 2, 3]


def test_following_goes_on_with_a_file_that_was_emptied(tmp_path: Path) -> None:
    written(tmp_path, 3)

    def empty() -> None:
        os.truncate(tmp_path / "changes.jsonl", 0)
        written(tmp_path, 1)

    assert [decode(line).seq for line in islice(follow(tmp_path, wait=empty), 4)] == [1, 2, 3, 1]


async def test_open_intents_are_found_in_the_two_newest_files(tmp_path: Path) -> None:
    async with opened(tmp_path, max_bytes=800) as log:
        await log.append(INTENT, replace(INTENT, pair="other"))
    async with opened(tmp_path) as log:
        await log.append(replace(RESULT, intent=1), INTENT)
    assert open_intents(tmp_path) == ((2, replace(INTENT, pair="other")), (4, INTENT))


async def test_the_last_applied_change_of_each_pair_is_found_over_all_files(tmp_path: Path) -> None:
    back = replace(INTENT, online="dma-main.example.test.")
    async with opened(tmp_path, max_bytes=1) as log:
        await log.append(replace(INTENT, pair="old"), replace(RESULT, pair="old", intent=1))
        await log.append(INTENT, replace(RESULT, intent=3))
        await log.append(back, replace(RESULT, intent=5))
        await log.append(INTENT, replace(RESULT, intent=7, verdict=Verdict.REFUSED))
        await log.append(INTENT)
    found = last_moves(tmp_path, ["dma", "old", "new"])
    assert {pair: (moved.online, moved.result.intent) for pair, moved in found.items()} == {
        "dma": ("dma-main.example.test.", 5),
        "old": ("dma-backup.example.test.", 1),
    }
    assert found["dma"] == Moved(
        online="dma-main.example.test.",
        intent=back,
        result=replace(RESULT, intent=5),
        time=decode(next(read_lines(tmp_path))).time,
    )


async def test_the_last_moves_are_looked_for_no_further_back_than_they_are(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await log.append(INTENT, RESULT)
    (tmp_path / "changes-000000000001.jsonl").mkdir()
    assert set(last_moves(tmp_path, ["dma"])) == {"dma"}
    with pytest.raises(JournalError, match="cannot be read: Is a directory; read it as the daemon's account"):
        last_moves(tmp_path, ["dma", "other"])


async def test_a_broken_line_is_no_move(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await log.append(INTENT, RESULT)
    path = tmp_path / "changes.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"cause":"switch"', b'"cause":"mood"'))
    assert last_moves(tmp_path, ["dma"]) == {}


def minutes(directory: Path, *groups: tuple[Entry, ...], max_bytes: int = 10_000) -> None:
    """Append each group of entries one minute after the one before, from 1772357400 on."""

    async def write() -> None:
        wall_s = iter(1772357400.0 + 60 * minute for minute in range(-1, len(groups)))
        now = next(wall_s)
        lane = Lane("change log")
        async with ChangeLog(
            directory, clock=lambda: Instant(mono_s=1.0, wall_s=now), run=lane.run, max_bytes=max_bytes
        ) as log:
            for group in groups:
                now = next(wall_s)
                await log.append(*group)
        lane.close()

    asyncio.run(write())


BACK = replace(INTENT, transaction="9a", online="dma-main.example.test.")
REFUSED = replace(RESULT, verdict=Verdict.REFUSED)


def test_each_switch_of_which_anything_was_applied_has_one_time(tmp_path: Path) -> None:
    reverse = replace(INTENT, zone="r.", change=replace(INTENT.change, zone="r."))
    minutes(
        tmp_path,
        (INTENT, reverse),
        (RESULT,),
        (replace(RESULT, intent=2),),
        (replace(INTENT, transaction="d", cause=Cause.DRIFT),),
        (replace(RESULT, intent=5),),
        (BACK, replace(REFUSED, intent=7)),
        (BACK, replace(RESULT, intent=9)),
        (replace(INTENT, transaction="f"), replace(REFUSED, intent=11), replace(INTENT, transaction="o")),
    )
    assert recent_switches(tmp_path, ["dma", "new"], since_s=0.0) == {
        "dma": (1772357460.0, 1772357760.0),
        "new": (),
    }


def test_a_switch_that_was_begun_too_long_ago_is_not_recent(tmp_path: Path) -> None:
    minutes(tmp_path, (INTENT,), (RESULT,), (BACK, replace(RESULT, intent=3)))
    assert recent_switches(tmp_path, ["dma"], since_s=1772357430.0) == {"dma": (1772357520.0,)}


def test_a_release_makes_the_switches_before_it_forgotten(tmp_path: Path) -> None:
    released = Released(pair="dma", by="root@ops-1", penalty=1.0)
    minutes(tmp_path, (INTENT, RESULT), (released,), (BACK, replace(RESULT, intent=4)))
    assert recent_switches(tmp_path, ["dma"], since_s=0.0) == {"dma": (1772357520.0,)}


def test_recent_switches_are_looked_for_no_further_back_than_asked(tmp_path: Path) -> None:
    minutes(tmp_path, (INTENT, RESULT), (BACK, replace(RESULT, intent=3)))
    (tmp_path / "changes-000000000001.jsonl").mkdir()
    assert recent_switches(tmp_path, ["dma", "new"], since_s=1772357430.0)["dma"] == (1772357460.0,)
    with pytest.raises(JournalError, match="cannot be read: Is a directory"):
        recent_switches(tmp_path, ["dma"], since_s=0.0)


APPEND_FOR_EVER = """
    import asyncio, sys
    from pathlib import Path
    from failover_dns.core.changelog import Repaired
    from failover_dns.effects.changelog import ChangeLog
    from failover_dns.effects.clock import now
    from failover_dns.effects.lane import Lane
    from failover_dns.effects.lock import StateLock

    async def append(log, lock, count):
        for _ in range(count):
            async with lock.held(deadline_s=30):
                seqs = await log.append(*[Repaired(cut_bytes=1, cut_sha256="ab" * 32)] * 3)
            print(*seqs, flush=True)

    async def main(directory, count):
        lane, lock = Lane("log"), StateLock(directory / "lock")
        async with lock.held(deadline_s=30):
            log = await ChangeLog(directory, clock=now, run=lane.run, max_bytes=20_000, keep=999).__aenter__()
        await asyncio.gather(*(append(log, lock, count) for _ in range(4)))

    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
"""


@pytest.fixture
def appending(tmp_path: Path) -> Iterator[Callable[[int], subprocess.Popen[str]]]:
    """Start processes that append to one log and print the numbers that they were given."""
    started: list[subprocess.Popen[str]] = []

    def start(count: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", textwrap.dedent(APPEND_FOR_EVER), str(tmp_path), str(count)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        with process:
            process.kill()


def numbers(output: str) -> list[int]:
    whole = output[: output.rfind("\n") + 1]
    return [int(number) for number in whole.split()]


def test_two_processes_that_append_under_the_lock_keep_one_chain(
    tmp_path: Path, appending: Callable[[int], subprocess.Popen[str]]
) -> None:
    processes = [appending(40), appending(40)]
    given = [seq for process in processes for seq in numbers(process.communicate(timeout=60)[0])]
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(given) == list(range(1, 2 * 4 * 40 * 3 + 1))
    assert unbroken(tmp_path).lines == len(given)


@pytest.mark.parametrize("after", [1, 5, 20])
async def test_what_was_acknowledged_before_a_kill_is_there_and_the_chain_is_whole(
    tmp_path: Path, appending: Callable[[int], subprocess.Popen[str]], after: int
) -> None:
    process = appending(1_000_000)
    assert process.stdout is not None
    output = "".join(process.stdout.readline() for _ in range(after))
    process.send_signal(signal.SIGKILL)
    output += process.communicate()[0]
    async with opened(tmp_path) as log:
        await log.append(RESULT)
    found = unbroken(tmp_path)
    assert len(numbers(output)) >= after * 3
    assert set(numbers(output)) <= set(range(found.first, found.last))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "disk"
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(directory)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield directory
    subprocess.run(["umount", directory], check=True)


def remount(directory: Path, mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode}", directory], check=True)


async def test_a_full_disk_is_an_error_to_all_who_wait_and_leaves_nothing_behind(small_disk: Path) -> None:
    async with opened(small_disk / "state") as log:
        (small_disk / "other").write_bytes(b"x" * 48 * 1024)
        await log.append(RESULT)
        refused = await asyncio.gather(
            *(log.append(*[RESULT] * 30) for _ in range(3)), return_exceptions=True
        )
        assert [type(error) for error in refused] == [JournalError] * 3
        assert "No space left on device; free space on its file system" in str(refused[0])
        assert unbroken(small_disk / "state").lines == 1
        (small_disk / "other").unlink()
        assert await log.append(*[RESULT] * 30) == tuple(range(2, 32))
    assert unbroken(small_disk / "state").lines == 31


async def test_a_disk_that_became_read_only_is_an_error_until_it_is_not(small_disk: Path) -> None:
    async with opened(small_disk / "state") as log:
        await log.append(RESULT)
    remount(small_disk, "ro")
    with pytest.raises(JournalError, match="Read-only file system; mount its file system for writing"):
        await opened(small_disk / "state").__aenter__()
    remount(small_disk, "rw")
    async with opened(small_disk / "state") as log:
        assert await log.append(RESULT) == (2,)


async def test_a_write_that_fails_half_way_leaves_no_hole(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with opened(tmp_path) as log:
        await log.append(RESULT)
        resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "changes.jsonl").stat().st_size + 100, hard))
        try:
            with pytest.raises(JournalError, match="File too large; look at the disk"):
                await log.append(INTENT, RESULT)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert entries(tmp_path) == [RESULT]
        assert await log.append(INTENT, RESULT) == (2, 3)
    assert unbroken(tmp_path).sha256 == digest(list(read_lines(tmp_path))[-1])


async def test_a_path_that_cannot_be_a_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match=r"file/state/changes\.jsonl cannot be written: Not a directory"):
        await opened(tmp_path / "file" / "state").__aenter__()
