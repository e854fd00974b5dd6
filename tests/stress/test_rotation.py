"""A rotation tool moves the directory of a log that is read, and the change log away from under the daemon."""

from __future__ import annotations

import shutil
from pathlib import Path

from failover_dns.core.changelog import Verified, decode, verify
from failover_dns.effects.changelog import NAME, read_lines
from tests.stress.machine import started, told
from tests.whole.daemon import BACKUP, MAIN, Site, until

BEGIN = "2026/03/01 10:00:00.000|SLNet.exe|UpdateFailoverSwitchStatus|CRU|0|67|Failover Status => "
SHARED = '  [[pairs.sources]]\n  type = "file"\n  path = "{}/online"\n'


def configure(site: Site) -> dict[str, Path]:
    """Give each agent a failover log; return them."""
    text = (
        site.config.read_text().replace("look_s = 1", "look_s = 0.1").replace(SHARED.format(site.folder), "")
    )
    logs = {}
    for agent in (MAIN, BACKUP):
        logs[agent] = site.folder / f"{agent}-logs" / "SLFailover.txt"
        logs[agent].parent.mkdir()
        name = f'name = "{agent}.example.test."\n'
        source = f'sources = [{{ type = "failover-log", path = "{logs[agent]}", timezone = "UTC" }}]\n'
        text = text.replace(name, f"{name}{source}")
    site.config.write_text(text)
    return logs


def append(log: Path, status: str) -> None:
    with log.open("a") as file:
        file.write(f"{BEGIN}{status}\n")


async def test_what_is_said_around_the_move_of_a_log_directory_is_heard(site: Site) -> None:
    logs = configure(site)
    append(logs[MAIN], "Online")
    append(logs[BACKUP], "Offline")
    async with started(site) as (daemon, _):
        await daemon.event("ready")
        moved = site.folder / "backup-logs.1"
        logs[BACKUP].parent.rename(moved)
        append(moved / logs[BACKUP].name, "Online")  # by the agent, which has the file open
        logs[BACKUP].parent.mkdir()
        logs[BACKUP].write_text("2026/03/01 10:00:01.000|SLNet.exe|Begin|CRU|0|67|a new log\n")
        append(logs[MAIN], "Offline")
        await daemon.event("vip_moved")
        assert await daemon.stop() == 0
    site.require_agreement(BACKUP)


async def test_a_log_that_is_gone_is_told_and_moves_nothing(site: Site) -> None:
    logs = configure(site)
    append(logs[MAIN], "Online")
    append(logs[BACKUP], "Offline")
    async with started(site) as (daemon, _):
        await daemon.event("ready")
        for log in logs.values():
            log.parent.rename(site.folder / f"{log.parent.name}.1")
        gone = await told(daemon, "role_seen", agent="dma-main.example.test.", role="UNKNOWN")
        assert "there is no file there" in gone["reason"]
        assert (await daemon.event("pair_held"))["level"] == "warning"
        assert await daemon.stop() == 0
    assert site.shows(MAIN)


async def test_a_change_log_that_is_moved_away_goes_on_in_a_new_file_with_the_same_chain(site: Site) -> None:
    async with started(site) as (daemon, _):
        await daemon.event("ready")
        site.online(BACKUP)
        await until(lambda: len(site.results()) == 2)
        moved = site.folder / "moved.jsonl"
        (site.state / NAME).rename(moved)
        site.online(MAIN)
        await until(lambda: site.shows(MAIN))
        assert await daemon.stop() == 0
    assert isinstance(
        verify([*moved.read_bytes().splitlines(keepends=True), *read_lines(site.state)]), Verified
    )


async def test_a_state_directory_that_is_moved_away_is_made_again_and_the_numbers_go_on(site: Site) -> None:
    async with started(site) as (daemon, _):
        await daemon.event("ready")
        site.online(BACKUP)
        await until(lambda: len(site.results()) == 2)
        last = max(decode(line).seq for line in read_lines(site.state))
        shutil.move(site.state, site.folder / "state.1")
        site.online(MAIN)
        await until(lambda: site.shows(MAIN))
        assert await daemon.stop() == 0
    assert min(decode(line).seq for line in read_lines(site.state)) == last + 1
