"""DataMiner's own files, really written, as sources."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC
from pathlib import Path

import pytest

from failover_dns.conduct.dataminer import FromDms, FromFailoverLog, FromFailoverStatus
from failover_dns.conduct.observe import Source
from failover_dns.core.dms import MAX_BYTES, DmsSource
from failover_dns.core.model import Instant, Observation, Role
from failover_dns.core.slfailover import TextSource
from failover_dns.effects.files import StatusFile
from failover_dns.effects.lane import Lane
from failover_dns.effects.tail import Run, Tail, WholeFile

DEADLINE_S = 60
DMS = '<DMS><Failover active="true"><State state="{}"/></Failover><!--{}--></DMS>'
LINE = "2023/12/22 14:49:56.886|SLNet.exe|UpdateFailoverSwitchStatus|CRU|0|67|Failover Status => {}\n"


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.mono_s = 100.0

    def __call__(self) -> Instant:
        return Instant(mono_s=self.mono_s, wall_s=1_700_000_000.0 + self.mono_s)


@pytest.fixture
async def run() -> AsyncIterator[Run]:
    lane = Lane("files")
    yield lane.run
    lane.close()


async def only(source: Source) -> Observation:
    (observation,) = await source.look()
    return observation


async def test_dms_xml_is_read_anew_each_time_and_while_it_is_half_written_as_before(
    tmp_path: Path, run: Run
) -> None:
    path = tmp_path / "DMS.xml"
    clock = Clock()
    file = WholeFile(str(path), run=run, limit_bytes=MAX_BYTES, deadline_s=DEADLINE_S)
    source = FromDms(DmsSource(path=str(path), agent="main", zone=UTC, keep_good_s=5), file, clock)
    assert (await only(source)).role is Role.UNKNOWN
    path.write_text(DMS.format("online", "x" * 200_000))
    assert (await only(source)).role is Role.ONLINE
    clock.mono_s += 5
    path.write_text(DMS.format("offline", "")[:40])
    kept = await only(source)
    assert (kept.role, kept.read.mono_s) == (Role.ONLINE, 100.0)
    clock.mono_s += 1
    assert (await only(source)).role is Role.UNKNOWN
    path.write_text(DMS.format("offline", ""))
    assert (await only(source)).role is Role.OFFLINE


async def test_the_log_is_followed_through_a_switch_and_a_rotation(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "SLFailover.txt"
    path.write_text("2023/12/22 14:00:00.000|a|b|c|0|1|started\n")
    tail = Tail(str(path), run=run, deadline_s=DEADLINE_S)
    source = FromFailoverLog(TextSource(path=str(path), agent="main", zone=UTC), tail, Clock())
    assert (await only(source)).role is Role.UNKNOWN
    with path.open("a") as log:
        log.write(LINE.format("Preparing to go online"))
    assert (await only(source)).role is Role.SWITCHING
    with path.open("a") as log:
        log.write(LINE.format("Online"))
    path.rename(tmp_path / "SLFailover_old.txt")
    path.write_text("2023/12/22 15:00:00.000|a|b|c|0|1|begun\n")
    rotated = await only(source)
    assert (rotated.role, rotated.since_s) == (Role.ONLINE, 1_703_256_596.886)
    assert (await only(source)).role is Role.ONLINE


async def test_the_status_text_is_read_anew_each_time(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "FailoverStatus.txt"
    source = FromFailoverStatus(
        TextSource(path=str(path), agent="main"),
        StatusFile(str(path), run=run, deadline_s=DEADLINE_S),
        Clock(),
    )
    path.write_text("Acquiring Virtual IP Address 10.10.10.5")
    assert (await only(source)).role is Role.SWITCHING
    path.write_text("Online")
    assert (await only(source)).role is Role.ONLINE


async def test_files_are_watched_by_one_watcher_and_not_by_each_source(tmp_path: Path, run: Run) -> None:
    path = str(tmp_path / "file")
    text = TextSource(path=path, agent="main")
    file = StatusFile(path, run=run)
    sources: list[Source] = [
        FromDms(DmsSource(path=path, agent="main"), file, Clock()),
        FromFailoverStatus(text, file, Clock()),
        FromFailoverLog(text, Tail(path, run=run), Clock()),
    ]
    for source in sources:
        async with source.watched(pytest.fail):
            assert (await only(source)).role is Role.UNKNOWN
