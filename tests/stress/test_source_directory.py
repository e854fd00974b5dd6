"""The directory of a source is removed and made again: what is said there is heard all the same."""

from __future__ import annotations

import shutil

from tests.stress.machine import started, told
from tests.whole.daemon import BACKUP, MAIN, Site, until

HOURS = "look_s = 3600"


async def test_a_source_directory_that_is_removed_and_made_again_is_heard(site: Site) -> None:
    folder = site.folder / "status"
    folder.mkdir()
    (folder / "online").write_text(f"{MAIN}\n")
    configuration = site.config.read_text().replace("look_s = 1", HOURS)
    site.config.write_text(configuration.replace(f"{site.folder}/online", f"{folder}/online"))
    async with started(site) as (daemon, _):
        await daemon.event("ready")
        for online in (BACKUP, MAIN, BACKUP):
            shutil.rmtree(folder)
            folder.mkdir()
            (folder / "online").write_text(f"{online}\n")
            await until(lambda: site.shows(online))  # noqa: B023 - asked within the turn
        assert await daemon.stop() == 0
    site.require_agreement(BACKUP)


async def test_nothing_moves_while_the_source_directory_is_gone(site: Site) -> None:
    folder = site.folder / "status"
    folder.mkdir()
    (folder / "online").write_text(f"{MAIN}\n")
    site.config.write_text(site.config.read_text().replace(f"{site.folder}/online", f"{folder}/online"))
    async with started(site) as (daemon, _):
        await daemon.event("ready")
        folder.rename(site.folder / "elsewhere")
        assert "there is no file there" in (await told(daemon, "role_seen", role="UNKNOWN"))["reason"]
        assert (await daemon.event("pair_held"))["level"] == "warning"
        assert site.shows(MAIN)
        (site.folder / "elsewhere" / "online").write_text(f"{BACKUP}\n")
        (site.folder / "elsewhere").rename(folder)
        await daemon.event("vip_moved")
        assert await daemon.stop() == 0
    site.require_agreement(BACKUP)
