"""Real logs, appended to, rotated, cut and lost: what was appended is read once, and gaps are told."""

# ruff: noqa: ASYNC240 - the files are local and small

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from failover_dns.core.slfailover import Appended
from failover_dns.core.sources import Glance
from failover_dns.effects.lane import Lane
from failover_dns.effects.tail import MAX_APPENDED_BYTES, START_BYTES, Run, Tail, WholeFile

T = TypeVar("T")
DEADLINE_S = 60
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")


@pytest.fixture
async def run() -> AsyncIterator[Run]:
    lane = Lane("log")
    yield lane.run
    lane.close()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "SLFailover.txt"
    path.write_bytes(b"one\n")
    return path


@pytest.fixture
def tail(log: Path, run: Run) -> Tail:
    return Tail(str(log), run=run, deadline_s=DEADLINE_S)


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


async def test_what_is_appended_is_read_once(log: Path, tail: Tail) -> None:
    assert await tail.read() == Appended(content=b"one\n", anew=True)
    assert await tail.read() == Appended()
    append(log, b"two\nthree\n")
    assert await tail.read() == Appended(content=b"two\nthree\n")
    assert await tail.read() == Appended()


async def test_half_a_line_waits_for_its_end(log: Path, tail: Tail) -> None:
    await tail.read()
    append(log, b"two\nthr")
    assert await tail.read() == Appended(content=b"two\n")
    append(log, b"ee\n")
    assert await tail.read() == Appended(content=b"three\n")


async def test_at_first_only_the_end_is_read_from_a_whole_line_on(log: Path, tail: Tail) -> None:
    log.write_bytes(b"x" * 99 + b"\n" + (b"y" * 99 + b"\n") * (START_BYTES // 100) + b"last\n")
    appended = await tail.read()
    assert appended.anew
    assert START_BYTES - 100 <= len(appended.content) <= START_BYTES
    assert appended.content.startswith(b"y" * 99 + b"\n")
    assert appended.content.endswith(b"\nlast\n")


async def test_a_renamed_log_is_read_to_its_end_before_the_new_one(log: Path, tail: Tail) -> None:
    await tail.read()
    append(log, b"two\n")
    log.rename(log.with_name("SLFailover_old.txt"))
    log.write_bytes(b"three\n")
    assert await tail.read() == Appended(content=b"two\n\nthree\n")
    append(log, b"four\n")
    assert await tail.read() == Appended(content=b"four\n")


async def test_between_the_rename_and_the_new_log_nothing_is_lost(log: Path, tail: Tail) -> None:
    await tail.read()
    append(log, b"two\n")
    log.rename(log.with_name("old"))
    assert (
        await tail.read()
    ).problem == "there is no file there; check the path, and that something writes it"
    log.write_bytes(b"three\n")
    assert await tail.read() == Appended(content=b"two\n\nthree\n")


async def test_a_log_whose_directory_is_renamed_is_read_to_its_end_before_the_new_one(
    tmp_path: Path, run: Run
) -> None:
    log = tmp_path / "logs" / "SLFailover.txt"
    log.parent.mkdir()
    log.write_bytes(b"one\n")
    tail = Tail(str(log), run=run, deadline_s=DEADLINE_S)
    await tail.read()
    append(log, b"two\n")
    log.parent.rename(tmp_path / "logs.1")
    append(tmp_path / "logs.1" / log.name, b"three\n")
    assert (await tail.read()).problem is not None
    log.parent.mkdir()
    log.write_bytes(b"four\n")
    assert await tail.read() == Appended(content=b"two\nthree\n\nfour\n")
    append(log, b"five\n")
    assert await tail.read() == Appended(content=b"five\n")


async def test_a_log_whose_directory_is_moved_out_of_sight_is_begun_anew(tmp_path: Path, run: Run) -> None:
    log = tmp_path / "here" / "logs" / "SLFailover.txt"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"one\n")
    tail = Tail(str(log), run=run, deadline_s=DEADLINE_S)
    await tail.read()
    log.parent.rename(tmp_path / "there")
    log.parent.mkdir()
    log.write_bytes(b"two\n")
    assert await tail.read() == Appended(content=b"two\n", anew=True)


async def test_a_log_replaced_without_a_trace_is_begun_anew(log: Path, tail: Tail, tmp_path: Path) -> None:
    await tail.read()
    (tmp_path / "fresh").write_bytes(b"three\n")
    (tmp_path / "fresh").replace(log)
    assert await tail.read() == Appended(content=b"three\n", anew=True)


@pytest.mark.parametrize("content", [b"", b"x\n", b"new\n", b"another one, and longer\n"])
async def test_a_log_that_is_cut_or_written_anew_in_place_is_begun_anew(
    log: Path, tail: Tail, content: bytes
) -> None:
    await tail.read()
    log.write_bytes(content)
    assert await tail.read() == Appended(content=content, anew=True)


async def test_too_much_at_once_is_begun_anew_at_the_end(log: Path, tail: Tail) -> None:
    await tail.read()
    append(log, b"z" * MAX_APPENDED_BYTES + b"\nlast\n")
    assert await tail.read() == Appended(content=b"last\n", anew=True)
    append(log, b"next\n")
    assert await tail.read() == Appended(content=b"next\n")


async def test_a_renamed_log_with_too_much_is_begun_anew(log: Path, tail: Tail) -> None:
    await tail.read()
    append(log, b"z" * (MAX_APPENDED_BYTES + 1) + b"\n")
    log.rename(log.with_name("old"))
    log.write_bytes(b"three\n")
    assert await tail.read() == Appended(content=b"three\n", anew=True)


async def test_a_new_log_that_is_too_large_is_begun_at_its_end(log: Path, tail: Tail) -> None:
    await tail.read()
    log.rename(log.with_name("old"))
    log.write_bytes(b"z" * MAX_APPENDED_BYTES + b"\nlast\n")
    assert await tail.read() == Appended(content=b"last\n", anew=True)


async def test_a_reading_that_came_too_late_is_made_again(log: Path, run: Run) -> None:
    late = True

    async def hesitant(call: Callable[[], T], *, deadline_s: float) -> T:
        found = await run(call, deadline_s=deadline_s)
        if late:
            raise TimeoutError
        return found

    tail = Tail(str(log), run=hesitant, deadline_s=7)
    assert (await tail.read()).problem == "no answer within 7 s; look at its disk or share"
    late = False
    assert await tail.read() == Appended(content=b"one\n", anew=True)


@posix
@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda path: path.mkdir(), "it is not a file; give the path of the file itself"),
        (os.mkfifo, "it is not a file; give the path of the file itself"),
        (lambda path: path.symlink_to(path), "it cannot be read (Too many levels of symbolic links)"),
        (str, "there is no file there"),
    ],
)
async def test_what_is_no_log_is_told_in_words(
    tmp_path: Path, run: Run, make: Callable[[Path], object], problem: str
) -> None:
    path = tmp_path / "log"
    make(path)
    appended = await Tail(str(path), run=run, deadline_s=DEADLINE_S).read()
    glance = await WholeFile(str(path), run=run, limit_bytes=9, deadline_s=DEADLINE_S).glance()
    assert problem in (appended.problem or "")
    assert problem in (glance.problem or "")


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (PermissionError(13, "no"), "not permitted to read it; give the service's account read access"),
        (ValueError("embedded null byte"), "its path cannot be a file's; correct it in the configuration"),
    ],
)
async def test_what_the_system_refuses_is_told_in_words(error: Exception, problem: str) -> None:
    async def refuse(call: Callable[[], T], *, deadline_s: float) -> T:  # noqa: ARG001
        raise error

    assert problem in ((await Tail("log", run=refuse).read()).problem or "")
    assert problem in ((await WholeFile("file", run=refuse, limit_bytes=9).glance()).problem or "")


async def test_a_whole_file_is_read_with_one_byte_beyond_its_limit(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "DMS.xml"
    path.write_bytes(b"x" * 100_000)
    os.utime(path, (1_600_000_000, 1_600_000_000))
    whole = WholeFile(str(path), run=run, limit_bytes=100_000, deadline_s=DEADLINE_S)
    assert await whole.glance() == Glance(content=b"x" * 100_000, modified_s=1_600_000_000.0)
    short = WholeFile(str(path), run=run, limit_bytes=9, deadline_s=DEADLINE_S)
    assert (await short.glance()).content == b"x" * 10
