"""A real FIFO: writers are never held up, their end is noticed, and nothing else is taken for one."""

# ruff: noqa: ASYNC240 - the files are local and small

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from failover_dns.core.keepalived import Piece
from failover_dns.effects.fifo import CLOSED, Fifo

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="FIFOs are read on Linux only")

DEADLINE_S = 60


class Told:
    """What a FIFO told, in order."""

    def __init__(self) -> None:
        self.pieces: asyncio.Queue[Piece] = asyncio.Queue()

    def __call__(self, piece: Piece) -> None:
        self.pieces.put_nowait(piece)

    async def next(self) -> Piece:
        return await asyncio.wait_for(self.pieces.get(), DEADLINE_S)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keepalived.fifo"


@pytest.fixture
async def fifo(path: Path) -> AsyncIterator[Fifo]:
    found = Fifo(str(path))
    yield found
    found.close()


def writer(path: Path) -> int:
    """Open as keepalived does (its `fifo_open`)."""
    return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)


def fill(descriptor: int) -> int:
    """Write lines until there is no room for one, which keepalived drops; return how much was written."""
    written = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            written += os.write(descriptor, b'INSTANCE "VI_DMA" MASTER 100\n')
    return written


def writable(path: Path) -> None:
    os.mkfifo(path)
    path.chmod(0o622)


def foreign(path: Path) -> None:
    os.mkfifo(path)
    os.chown(path, 65534, -1)


async def test_a_missing_fifo_is_made_for_its_owner_only(path: Path, fifo: Fifo) -> None:
    fifo.open(Told())
    mode = path.stat().st_mode
    assert fifo.problem is None
    assert stat.S_ISFIFO(mode)
    assert stat.S_IMODE(mode) == 0o600


async def test_lines_are_told_as_they_come_and_the_writers_end_once(path: Path, fifo: Fifo) -> None:
    told = Told()
    fifo.open(told)
    keepalived = writer(path)
    os.write(keepalived, b"one\n")
    assert await told.next() == Piece(content=b"one\n")
    os.write(keepalived, b"two\n")
    assert await told.next() == Piece(content=b"two\n")
    os.close(keepalived)
    assert await told.next() == Piece(content=b"")
    again = writer(path)
    os.write(again, b"three\n")
    assert await told.next() == Piece(content=b"three\n")
    os.close(again)
    assert told.pieces.empty()


async def test_the_last_words_come_before_the_end(path: Path, fifo: Fifo) -> None:
    told = Told()
    fifo.open(told)
    keepalived = writer(path)
    os.write(keepalived, b"stop\n")
    os.close(keepalived)
    assert [await told.next(), await told.next()] == [Piece(content=b"stop\n"), Piece(content=b"")]


async def test_what_waited_is_told_as_such(path: Path, fifo: Fifo) -> None:
    os.mkfifo(path, 0o600)
    keepalived = writer(path)
    os.write(keepalived, b"while nobody listened\n")
    told = Told()
    fifo.open(told)
    os.write(keepalived, b"now\n")
    assert await told.next() == Piece(content=b"while nobody listened\n", waited=True)
    assert await told.next() == Piece(content=b"now\n")
    os.close(keepalived)


async def test_a_writer_is_never_held_up_and_a_full_fifo_is_told(path: Path, fifo: Fifo) -> None:
    os.mkfifo(path, 0o600)
    keepalived = writer(path)
    written = fill(keepalived)
    told = Told()
    fifo.open(told)
    first = await told.next()
    assert first.waited
    assert first.full
    assert len(first.content) == written
    os.write(keepalived, b"more\n")
    assert await told.next() == Piece(content=b"more\n")
    os.close(keepalived)


async def test_opening_again_changes_nothing_and_closing_ends_it(path: Path, fifo: Fifo) -> None:
    told, other = Told(), Told()
    fifo.open(other)
    fifo.open(told)
    keepalived = writer(path)
    os.write(keepalived, b"one\n")
    assert await told.next() == Piece(content=b"one\n")
    fifo.close()
    assert fifo.problem == CLOSED
    os.write(keepalived, b"two\n")
    fifo.open(told)
    assert await told.next() == Piece(content=b"two\n", waited=True)
    assert other.pieces.empty()
    os.close(keepalived)


async def test_a_fifo_that_keepalived_made_anew_is_followed(path: Path, fifo: Fifo) -> None:
    told = Told()
    os.mkfifo(path, 0o600)
    keepalived = writer(path)
    fifo.open(told)
    path.unlink()  # keepalived removes at its end what it made at its start
    os.close(keepalived)
    assert await told.next() == Piece(content=b"")
    keepalived = writer(path)
    os.write(keepalived, b"one\n")
    assert await told.next() == Piece(content=b"one\n")
    os.close(keepalived)


async def test_a_second_reader_is_kept_out(path: Path, fifo: Fifo) -> None:
    fifo.open(Told())
    second = Fifo(str(path))
    second.open(Told())
    problems = [second.problem]
    fifo.close()
    second.open(Told())
    problems.append(second.problem)
    second.close()
    assert problems == ["another failover-dns reads it; give each one a FIFO of its own", None]


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda path: path.write_text("MASTER"), "there is something else in its place"),
        (lambda path: path.mkdir(), "there is something else in its place"),
        (lambda path: path.symlink_to("/dev/null"), "there is something else in its place"),
        (writable, "others may write into it and say anything"),
        (foreign, "it belongs to user 65534"),
    ],
)
async def test_what_is_no_fifo_of_ours_is_refused_and_left_alone(
    path: Path, fifo: Fifo, make: Callable[[Path], object], problem: str
) -> None:
    if "belongs" in problem and os.geteuid() != 0:
        pytest.skip("only root can give files away")
    make(path)
    before = path.lstat()
    fifo.open(Told())
    assert problem in (fifo.problem or "")
    assert path.lstat().st_mode == before.st_mode


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/nonexistent/keepalived.fifo", "its directory does not exist; make it"),
        ("/proc/keepalived.fifo", "its directory does not exist; make it"),
        ("x\0y", "its path cannot be a FIFO's"),
        ("x" * 300, "it cannot be opened (File name too long)"),
    ],
)
async def test_what_cannot_be_opened_is_told_in_words_and_tried_again(path: str, problem: str) -> None:
    fifo = Fifo(path)
    for _ in range(2):
        fifo.open(Told())
        assert problem in (fifo.problem or "")


async def test_a_fifo_is_open_once_its_directory_is_there(tmp_path: Path) -> None:
    fifo = Fifo(str(tmp_path / "later" / "fifo"))
    fifo.open(Told())
    (tmp_path / "later").mkdir()
    fifo.open(Told())
    assert fifo.problem is None
    fifo.close()
