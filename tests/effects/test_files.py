"""Real files in real directories: a glance shows what is there, or says in words what is wrong."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable
from errno import EACCES, EIO
from pathlib import Path
from typing import Any, TypeVar

import pytest

from failover_dns.core.sources import MAX_BYTES, Glance
from failover_dns.effects.files import StatusFile
from failover_dns.effects.lane import Lane, StuckError

T = TypeVar("T")

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files, or not for everybody")

DEADLINE_S = 60


async def glance(path: Path | str) -> Glance:
    lane = Lane("status file")
    try:
        return await StatusFile(str(path), run=lane.run, deadline_s=DEADLINE_S).glance()
    finally:
        lane.close()


async def test_a_glance_shows_the_content_and_when_it_was_modified(tmp_path: Path) -> None:
    path = tmp_path / "role"
    path.write_bytes(b"ONLINE\r\n\x1a\x00")
    os.utime(path, (1_600_000_000, 1_600_000_000.5))
    assert await glance(path) == Glance(content=b"ONLINE\r\n\x1a\x00", modified_s=1_600_000_000.5)


@pytest.mark.parametrize(
    ("size", "seen"),
    [
        (0, 0),
        (MAX_BYTES, MAX_BYTES),
        (MAX_BYTES + 1, MAX_BYTES + 1),
        (MAX_BYTES + 2, MAX_BYTES + 1),
        (1 << 33, MAX_BYTES + 1),
    ],
)
async def test_a_glance_reads_one_byte_more_than_counts_and_no_more(
    tmp_path: Path, size: int, seen: int
) -> None:
    path = tmp_path / "role"
    path.touch()
    os.truncate(path, size)
    found = await glance(path)
    assert (len(found.content), found.problem) == (seen, None)


async def test_a_missing_file_is_a_problem_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "role", tmp_path / "missing" / "role", tmp_path / "file" / "role"):
        assert (
            await glance(path)
        ).problem == "there is no file there; check the path, and that something writes it"


async def test_a_directory_is_a_problem_in_words(tmp_path: Path) -> None:
    found = await glance(tmp_path)
    assert found.problem == "it is a directory, not a file; give the path of a status file"


@posix
async def test_a_fifo_is_a_problem_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    found = await glance(tmp_path / "fifo")
    assert found.problem == "it is a FIFO, not a file; give the path of a status file"


@posix
async def test_a_socket_or_a_device_is_a_problem_in_words(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        assert str((await glance(tmp_path / "socket")).problem).startswith("it is a socket, not a file")
    assert str((await glance("/dev/zero")).problem).startswith("it is a device, not a file")


@posix
async def test_links_that_lead_in_a_circle_are_a_problem_in_words(tmp_path: Path) -> None:
    (tmp_path / "role").symlink_to("role")
    assert (await glance(tmp_path / "role")).problem == "its symbolic links lead in a circle; correct them"


@pytest.mark.parametrize("path", ["a\0b", "a" * 5000])
async def test_a_path_that_no_file_can_have_is_a_problem_in_words(path: str) -> None:
    found = await glance(path)
    assert found.problem
    assert "; " in found.problem


@posix
async def test_what_may_not_be_read_says_who_needs_access() -> None:
    found = await StatusFile(
        "/status/role", run=_raises(PermissionError(EACCES, "Permission denied"))
    ).glance()
    assert found.problem == (
        f"not permitted to read it; give user {os.geteuid()} read access to it and its directory"
    )


async def test_a_disk_that_fails_is_a_problem_in_words() -> None:
    found = await StatusFile("/status/role", run=_raises(OSError(EIO, "Input/output error"))).glance()
    assert found.problem == "it cannot be read (Input/output error); look at its disk or share"


async def test_a_share_that_is_stuck_is_a_problem_in_words(tmp_path: Path) -> None:
    lane, hung = Lane("status file"), threading.Event()
    with pytest.raises(StuckError):
        await lane.run(hung.wait, deadline_s=0.01)
    found = await StatusFile(str(tmp_path / "role"), run=lane.run).glance()
    assert found.problem == "no answer within 2 s; look at its disk or share"
    hung.set()
    lane.close()


def _raises(error: Exception) -> Any:
    async def run(_call: Callable[[], T], *, deadline_s: float) -> T:
        assert deadline_s > 0
        raise error

    return run
