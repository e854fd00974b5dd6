"""The state directory takes no writing: nothing is sent, it is told aloud, and it goes on by itself."""

from __future__ import annotations

from tests.stress.machine import OnDisk, small_disk, started
from tests.whole.daemon import BACKUP, FORWARD, MAIN, REVERSE, Site


async def test_nothing_is_sent_while_the_state_directory_takes_no_writing(site: Site) -> None:
    async with small_disk(site.state) as disk, started(site, *disk.prefix) as (daemon, _):
        await daemon.event("ready")
        serials = site.server.serial(FORWARD), site.server.serial(REVERSE)
        disk.read_only()
        site.online(BACKUP)
        alert = await daemon.event("walk_hindered")
        assert (alert["level"], "Read-only file system" in alert["what"]) == ("error", True)
        assert alert["cure"]
        assert (site.server.serial(FORWARD), site.server.serial(REVERSE)) == serials
        assert site.shows(MAIN)
        disk.writable()
        await daemon.event("vip_moved")
        assert await daemon.stop() == 0
        OnDisk(site.folder, site.server, disk).require_agreement(BACKUP)


async def test_a_daemon_does_not_start_where_it_cannot_write_and_says_what_to_do(site: Site) -> None:
    async with small_disk(site.state) as disk:
        disk.read_only()
        async with started(site, *disk.prefix) as (daemon, _):
            assert await daemon.end() == 1
            said = (await daemon.event("text"))["text"]
    assert "Read-only file system" in said
    assert str(site.state) in said
    assert site.shows(MAIN)
