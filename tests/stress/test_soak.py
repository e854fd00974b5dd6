"""Many switches, one right after the other: nothing is left open, and memory does not grow with them."""

from __future__ import annotations

from benchmarks.parts.process import held
from tests.stress.machine import started
from tests.whole.daemon import BACKUP, MAIN, Site, until

WARM = 50
"""Switches before the first count: modules that are loaded late, and pools that fill, are no growth."""
SWITCHES = 300
GROWTH_KIB = 2048
"""Under 7 KiB for a switch. The allocator's own swings are of 1 MiB; a switch's objects, if kept, take 15 KiB."""


async def test_descriptors_stay_and_memory_does_not_grow_with_switches(site: Site) -> None:
    site.config.write_text(f"{site.config.read_text()}\n[damping]\nenabled = false\n")
    async with started(site) as (daemon, pid):
        await daemon.event("ready")
        await switch(site, WARM)
        before = held(pid)
        await switch(site, SWITCHES)
        await until(lambda: held(pid).descriptors <= before.descriptors)
        assert held(pid).threads <= before.threads
        assert held(pid).kib - before.kib < GROWTH_KIB
        assert await daemon.stop() == 0
    site.require_order(MAIN)


async def switch(site: Site, times: int) -> None:
    """Switch so many times, each as soon as DNS shows the one before."""
    assert times % 2 == 0
    for number in range(times):
        online = MAIN if number % 2 else BACKUP
        site.online(online)
        await until(lambda: site.shows(online))  # noqa: B023 - asked within the turn
