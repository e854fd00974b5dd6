"""The disk of the state directory is full: nothing is sent, it is told aloud, and it goes on by itself."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from tests.servers.client import DnsServer
from tests.stress.machine import OnDisk, small_disk, started
from tests.whole.daemon import BACKUP, FORWARD, LONG_S, MAIN, PROGRAM, REVERSE, Daemon, Site, until
from tests.whole.proxy import Hold, proxy_to


@asynccontextmanager
async def on_small_disk(site: Site) -> AsyncIterator[tuple[OnDisk, Daemon]]:
    """Run the daemon with its state on a small disk."""
    async with small_disk(site.state) as disk, started(site, *disk.prefix) as (daemon, _):
        await daemon.event("ready")
        yield OnDisk(site.folder, site.server, disk), daemon


async def test_nothing_is_sent_while_the_journal_cannot_be_written(site: Site) -> None:
    async with on_small_disk(site) as (seen, daemon):
        serials = site.server.serial(FORWARD), site.server.serial(REVERSE)
        await seen.fill()
        site.online(BACKUP)
        alert = await daemon.event("walk_hindered")
        assert alert["level"] == "error"
        assert "No space left on device" in alert["what"]
        assert "free space" in alert["cure"]
        assert (site.server.serial(FORWARD), site.server.serial(REVERSE)) == serials
        assert (seen.intents(), site.shows(MAIN)) == ({}, True)
        seen.disk.free()
        await daemon.event("vip_moved")
        assert await daemon.stop() == 0
        seen.require_agreement(BACKUP)


async def test_what_was_sent_before_the_disk_was_full_is_closed_once_there_is_room(
    site: Site, bind: DnsServer
) -> None:
    async with proxy_to(bind.host, bind.port) as proxy:
        site.configure(proxy.port)
        async with on_small_disk(site) as (seen, daemon):
            proxy.hold(Hold.ANSWER)
            site.online(BACKUP)
            await proxy.wait_held(2)
            await seen.fill()
            proxy.release()
            assert "No space left on device" in (await daemon.event("walk_hindered"))["what"]
            assert (seen.results(), site.shows(BACKUP)) == ([], True)
            seen.disk.free()
            await until(lambda: len(seen.results()) == 2)
            assert await daemon.stop() == 0
            seen.require_agreement(BACKUP)


async def test_a_daemon_that_starts_on_a_full_disk_says_so_and_waits_for_room(site: Site) -> None:
    async with small_disk(site.state) as disk:
        disk.fill()
        site.online(BACKUP)
        async with started(site, *disk.prefix) as (daemon, _):
            assert "No space left on device" in (await daemon.event("walk_hindered"))["what"]
            assert site.shows(MAIN)
            disk.free()
            await daemon.event("dns_brought_in_order")
            assert await daemon.stop() == 0
        OnDisk(site.folder, site.server, disk).require_agreement(BACKUP)


async def test_a_log_that_takes_no_more_lines_stops_nothing(site: Site) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        process = await asyncio.create_subprocess_exec(PROGRAM, "run", "--config", site.config, stderr=full)
    finally:
        os.close(full)
    try:
        for online in (BACKUP, MAIN):
            site.online(online)
            await until(partial(site.shows, online))
        process.terminate()
        async with asyncio.timeout(LONG_S):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
