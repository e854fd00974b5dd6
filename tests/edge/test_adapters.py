"""Sources that stay open while configurations come and go: a real FIFO and a real endpoint."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from failover_dns.core.model import Role
from failover_dns.edge.adapters import Attendance
from failover_dns.edge.settings.reads import Reads
from tests.edge.settings.test_load import MAIN, put, read
from tests.edge.test_wiring import LONG_S, endpoint, with_sources

Wanted = Mapping[str, tuple[Reads, ...]]


def wanted(folder: Path, source: dict[str, Any], **changes: Any) -> Wanted:
    """Return what is read for the pair `dma` whose first agent has this source, and what is changed beside it."""
    found = with_sources(folder, source)
    for place, value in changes.items():
        found = put(found, place.replace("__", "."), value)
    return {"dma": read(found).sources["dma"]}


def keepalived(folder: Path) -> dict[str, Any]:
    return {"type": "keepalived", "fifo": str(folder / "fifo"), "instance": "VI_DMA"}


@asynccontextmanager
async def attending(sources: Wanted) -> AsyncIterator[tuple[Attendance, asyncio.Event]]:
    woken = asyncio.Event()
    async with Attendance(lambda _: woken.set()) as attendance, asyncio.timeout(LONG_S):
        await attendance.take(sources)
        await attendance.let_go()
        yield attendance, woken


@contextmanager
def writing(fifo: Path) -> Iterator[int]:
    """Keep the FIFO open for writing, as keepalived does; there must be a reader."""
    writer = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    try:
        yield writer
    finally:
        os.close(writer)


async def role(attendance: Attendance) -> Role:
    seen = [one for source in attendance.of("dma") for one in await source.look()]
    return next(one.role for one in seen if one.agent == MAIN)


async def asked(requests: list[bytes], times: int) -> None:
    while len(requests) < times:  # noqa: ASYNC110 - the endpoint has no event of that
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "changes",
    [{}, {"pairs__0__agents__1__sources__0__max_age_s": 60}, {"pairs__0__agents__1__combine": "first"}],
    ids=["as before", "the other agent's source changed", "the other agent's way to combine changed"],
)
async def test_what_keepalived_said_outlasts_a_reload(tmp_path: Path, changes: dict[str, Any]) -> None:
    async with attending(wanted(tmp_path, keepalived(tmp_path))) as (attendance, woken):
        with writing(tmp_path / "fifo") as writer:
            os.write(writer, b'INSTANCE "VI_DMA" MASTER 100\n')
            await woken.wait()
            await attendance.take(wanted(tmp_path, keepalived(tmp_path), **changes))
            await attendance.let_go()
            assert await role(attendance) is Role.ONLINE
            woken.clear()
            os.write(writer, b'INSTANCE "VI_DMA" BACKUP 100\n')
            await woken.wait()
            assert await role(attendance) is Role.OFFLINE


async def test_a_configuration_that_is_given_up_leaves_the_one_before_undisturbed(tmp_path: Path) -> None:
    before = wanted(tmp_path, keepalived(tmp_path))
    async with attending(before) as (attendance, woken):
        with writing(tmp_path / "fifo") as writer:
            os.write(writer, b'INSTANCE "VI_DMA" MASTER 100\n')
            await woken.wait()
            sources = attendance.of("dma")
            await attendance.take(wanted(tmp_path, {"type": "file", "path": str(tmp_path / "main")}))
            await attendance.take(before)
            await attendance.let_go()
            assert attendance.of("dma") is sources
            assert await role(attendance) is Role.ONLINE


async def test_the_fifo_of_a_pair_that_is_removed_is_closed(tmp_path: Path) -> None:
    async with attending(wanted(tmp_path, keepalived(tmp_path))) as (attendance, _):
        await attendance.take({})
        await attendance.let_go()
        with pytest.raises(OSError, match="No such device"), writing(tmp_path / "fifo"):
            pass


async def test_an_endpoint_of_an_unchanged_pair_is_known_at_once_after_a_reload(tmp_path: Path) -> None:
    requests: list[bytes] = []
    async with endpoint("ONLINE", requests) as url:
        source = {"type": "http", "url": url, "rise": 1, "interval_s": 3600}
        async with attending(wanted(tmp_path, source)) as (attendance, _):
            assert await role(attendance) is Role.ONLINE
            await attendance.take(wanted(tmp_path, source))
            await attendance.let_go()
            assert await role(attendance) is Role.ONLINE
    assert len(requests) == 1


async def test_an_endpoint_that_a_pair_has_no_more_is_not_asked_again(tmp_path: Path) -> None:
    before: list[bytes] = []
    after: list[bytes] = []
    async with endpoint("ONLINE", before) as url, endpoint("OFFLINE", after) as other:
        source = {"type": "http", "url": url, "rise": 1, "interval_s": 0.1, "doubtful_s": 0.1}
        async with attending(wanted(tmp_path, source)) as (attendance, woken):
            await woken.wait()
            await attendance.take(wanted(tmp_path, {**source, "url": other}))
            await attendance.let_go()
            await asked(after, 1)
            count = len(before)
            await asked(after, 4)
    assert len(before) == count
