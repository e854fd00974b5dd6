"""The clock jumps under a running daemon (libfaketime moves its wall clock, and leaves the monotonic one)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.servers.programs import require
from tests.stress.machine import missing, started
from tests.whole.daemon import BACKUP, MAIN, Site, until

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


class FakeClock:
    """What a daemon started with `environ` takes for the wall clock: the real one and so many seconds."""

    def __init__(self, folder: Path) -> None:
        require("faketime")
        if not LIBRARIES:
            missing("libfaketimeMT.so.1 is not installed")
        self._file = folder / "clock"
        self.jump("+0")

    def jump(self, by: str) -> None:
        self._file.write_text(by)

    @property
    def environ(self) -> Mapping[str, str]:
        return {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }


@pytest.mark.parametrize("by", ["+200", "-200"])
async def test_a_clock_that_jumps_within_the_signatures_tolerance_hinders_no_switch(
    site: Site, by: str
) -> None:
    clock = FakeClock(site.folder)
    async with started(site, environ=clock.environ) as (daemon, _):
        await daemon.event("ready")
        clock.jump(by)
        site.online(BACKUP)
        await daemon.event("vip_moved")
        site.online(MAIN)
        await until(lambda: site.shows(MAIN))
        assert await daemon.stop() == 0
    site.require_agreement(MAIN)


@pytest.mark.parametrize(
    ("by", "says"),
    [("+3600", " s ahead of the primary's"), ("-3600", " s behind the primary's"), ("+3650d", " s ahead of")],
)
async def test_a_clock_that_jumps_far_is_told_by_how_much_and_nothing_is_changed_until_it_is_right(
    site: Site, by: str, says: str
) -> None:
    clock = FakeClock(site.folder)
    async with started(site, environ=clock.environ) as (daemon, _):
        await daemon.event("ready")
        clock.jump(by)
        site.online(BACKUP)
        [why, *_] = (await daemon.event("change_failed"))["why"]
        assert says in why
        assert "set this host's clock" in why
        assert site.shows(MAIN)
        clock.jump("+0")
        await until(lambda: site.shows(BACKUP))
        assert await daemon.stop() == 0
    site.require_agreement(BACKUP)
