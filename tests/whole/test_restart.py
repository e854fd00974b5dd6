"""What a daemon's end does not undo, and what operators order of one that runs."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from failover_dns.core.changelog import Frozen, Released, Thawed, decode
from failover_dns.effects.changelog import read_lines
from tests.servers.client import DnsServer
from tests.whole.daemon import BACKUP, LONG_S, MAIN, Site, command, running, until
from tests.whole.test_sources import configure

SOON = "look_s = 0.2\n"
ALMOST_AT_ONCE = """
[damping]
half_life_s = 86400
max_hold_s = 86400
limit = 2
reuse = 1
"""


@pytest.fixture
def watched(bind: DnsServer, tmp_path: Path) -> Site:
    """A site with a status file for each agent, MAIN online, that is looked at often."""
    site = Site(tmp_path, bind)
    site.configure(bind.port)
    configure(site, *(f'type = "file", path = "{tmp_path}/{agent}"' for agent in (MAIN, BACKUP)))
    text = site.config.read_text()
    assert "look_s = 60\n" in text
    site.config.write_text(text.replace("look_s = 60\n", SOON) + ALMOST_AT_ONCE)
    say(site, main="ONLINE", backup="OFFLINE")
    site.fence(MAIN)
    return site


def say(site: Site, **roles: str) -> None:
    """Let each agent's file say its role; without one there is no file."""
    for agent, role in roles.items():
        file = site.folder / f"dma-{agent}"
        if not role:
            file.unlink()
            continue
        file.with_suffix(".new").write_text(role)
        os.replace(file.with_suffix(".new"), file)  # noqa: PTH105 - the call that scripts are told to make


async def test_a_crashed_agents_file_does_not_win_after_a_restart(watched: Site) -> None:
    async with running(watched) as daemon:
        await daemon.event("ready")
        say(watched, backup="ONLINE")
        assert (await daemon.event("vip_moved"))["online"] == "dma-backup.example.test."
        assert await daemon.stop() == 0
    async with running(watched) as daemon:
        await daemon.event("ready")
        assert (await daemon.event("agent_online"))["reason"] == "newer_claim"
        say(watched, backup="")
        held = await daemon.event("pair_held")
        assert (held["reason"], held["epoch"]) == ("superseded", 2)
        assert await daemon.stop() == 0
    watched.require_agreement(BACKUP)


async def test_what_is_frozen_stays_and_what_is_thawed_follows(watched: Site) -> None:
    async with running(watched) as daemon:
        await daemon.event("ready")
        code, said, complaint = await command(watched, "freeze", "dma", "--reason", "patch day")
        assert (code, complaint) == (0, "")
        assert "frozen until it is thawed" in said
        say(watched, main="OFFLINE", backup="ONLINE")
        withheld = await daemon.event("change_not_carried_out")
        assert "+dma-backup.example.test. A 10.10.10.5" in withheld["changes"]
        code, said, _ = await command(watched, "status")
        assert "patch day" in said
        assert watched.shows(MAIN)
        code, _, complaint = await command(watched, "thaw", "dma")
        assert (code, complaint) == (0, "")
        await daemon.event("vip_moved")
        assert await daemon.stop() == 0
    watched.require_agreement(BACKUP)
    entries = [decode(line).entry for line in read_lines(watched.state)]
    assert [type(entry) for entry in entries if isinstance(entry, Frozen | Thawed)] == [Frozen, Thawed]


async def test_orders_that_are_damaged_are_wrong_from_the_next_look_on_and_until_they_are_mended(
    watched: Site,
) -> None:
    async with running(watched) as daemon:
        await daemon.event("ready")
        orders = watched.state / "orders.json"
        orders.write_text("no orders")
        assert "orders.json is damaged" in (await daemon.event("walk_hindered"))["what"]
        code, said, _ = await command(watched, "status")
        assert (code, "NOT as decided" in said) == (1, True)
        assert f"WRONG: {orders} is damaged" in said
        orders.unlink()
        async with asyncio.timeout(LONG_S):
            while (await command(watched, "status"))[0] != 0:
                pass
        assert await daemon.stop() == 0


async def test_a_freeze_outlasts_a_restart(watched: Site) -> None:
    assert (await command(watched, "freeze", "dma", "--reason", "patch day"))[0] == 0
    say(watched, main="OFFLINE", backup="ONLINE")
    async with running(watched) as daemon:
        await daemon.event("change_not_carried_out")
        assert await daemon.stop() == 0
    assert watched.shows(MAIN)
    assert watched.intents() == {}


async def test_a_pair_that_switches_too_often_is_held_until_it_is_released(watched: Site) -> None:
    async with running(watched) as daemon:
        await daemon.event("ready")
        for online, other in (("backup", "main"), ("main", "backup")):
            say(watched, **{other: "OFFLINE"})
            say(watched, **{online: "ONLINE"})
            await until(lambda agent=f"dma-{online}": watched.shows(agent))  # type: ignore[misc]
        say(watched, main="OFFLINE", backup="ONLINE")
        await daemon.last("pair_held", {"reason": "damped"}, {"agents": ["dma-backup.example.test."]})
        assert watched.shows(MAIN)
        code, said, complaint = await command(watched, "release", "dma", "--json")
        assert (code, complaint) == (0, "")
        assert json.loads(said)["penalty"] > 1.9
        await until(lambda: watched.shows(BACKUP))
        assert await daemon.stop() == 0
    watched.require_agreement(BACKUP)
    entries = [decode(line).entry for line in read_lines(watched.state)]
    assert len([entry for entry in entries if isinstance(entry, Released)]) == 1
