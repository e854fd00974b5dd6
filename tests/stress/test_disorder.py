"""Events come late, twice and in the wrong order: what counts is what the sources say now, and since when."""

from __future__ import annotations

import json
import os
import random

import pytest

from tests.stress.machine import started, told
from tests.whole.daemon import BACKUP, MAIN, Daemon, Site, until

AGENTS = (MAIN, BACKUP)
SHARED = '  [[pairs.sources]]\n  type = "file"\n  path = "{}/online"\n'


def configure(site: Site) -> None:
    """Give each agent a file of its own that says since when its role holds."""
    text = site.config.read_text().replace(SHARED.format(site.folder), "")
    for agent in AGENTS:
        name = f'name = "{agent}.example.test."\n'
        read = f'type = "file", path = "{site.folder}/{agent}", pointer = "/role", since_pointer = "/since"'
        text = text.replace(name, f"{name}sources = [{{ {read} }}]\n")
    site.config.write_text(text)


def say(site: Site, agent: str, role: str, since_s: int) -> None:
    fresh = site.folder / f"{agent}.new"
    fresh.write_text(json.dumps({"role": role, "since": 1_772_323_200 + since_s}))
    os.replace(fresh, site.folder / agent)  # noqa: PTH105 - the call that scripts are told to make


async def heard(daemon: Daemon, agent: str, role: str) -> None:
    await told(daemon, "role_seen", agent=f"{agent}.example.test.", role=role)


async def test_a_claim_that_comes_late_does_not_undo_a_newer_one(site: Site) -> None:
    configure(site)
    say(site, MAIN, "OFFLINE", 0)
    say(site, BACKUP, "OFFLINE", 0)
    async with started(site) as (daemon, _):
        await daemon.event("ready")
        say(site, BACKUP, "ONLINE", 3600)
        await until(lambda: site.shows(BACKUP))
        say(site, MAIN, "ONLINE", 0)
        await heard(daemon, MAIN, "ONLINE")
        assert site.shows(BACKUP)
        say(site, MAIN, "ONLINE", 7200)
        await until(lambda: site.shows(MAIN))
        assert await daemon.stop() == 0
    site.require_agreement(MAIN)


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_storm_of_events_in_any_order_ends_with_the_last_truth(site: Site, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - scrambles, guards no secret
    configure(site)
    say(site, MAIN, "ONLINE", 0)
    say(site, BACKUP, "OFFLINE", 0)
    async with started(site) as (daemon, _):
        await daemon.event("ready")
        said = [
            (agent, role, since) for since in range(250) for agent in AGENTS for role in ("ONLINE", "OFFLINE")
        ]
        rng.shuffle(said)
        for agent, role, since in said:
            say(site, agent, role, since)
            (site.folder / agent).touch()
        say(site, MAIN, "OFFLINE", 9000)
        say(site, BACKUP, "ONLINE", 9000)
        await until(lambda: site.shows(BACKUP))
        assert await daemon.stop() == 0
    site.require_order(BACKUP)
