"""The daemon as its own process with sources that wake it by themselves; the periodic look is far away."""

from __future__ import annotations

import asyncio
import os

from tests.edge.test_wiring import endpoint
from tests.whole.daemon import BACKUP, Site, running

MAIN_AGENT = 'name = "dma-main.example.test."\n'
BACKUP_AGENT = 'name = "dma-backup.example.test."\n'
SHARED = '  [[pairs.sources]]\n  type = "file"\n  path = "{}/online"\n'


def configure(site: Site, main: str, backup: str) -> None:
    """Give each agent a source in place of the pair's one."""
    text = site.config.read_text()
    shared = SHARED.format(site.folder)
    assert shared in text
    text = text.replace(shared, "")
    text = text.replace(MAIN_AGENT, f"{MAIN_AGENT}sources = [{{ {main} }}]\n")
    site.config.write_text(text.replace(BACKUP_AGENT, f"{BACKUP_AGENT}sources = [{{ {backup} }}]\n"))


async def test_what_keepalived_tells_moves_the_virtual_ip(site: Site) -> None:
    (site.folder / "main").write_text("OFFLINE")
    fifo = site.folder / "fifo"
    configure(
        site,
        f'type = "file", path = "{site.folder}/main"',
        f'type = "keepalived", fifo = "{fifo}", instance = "VI_DMA"',
    )
    async with running(site) as daemon:
        await daemon.event("ready")
        writer = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(writer, b'INSTANCE "VI_DMA" MASTER 100\n')
            await daemon.event("dns_brought_in_order")
        finally:
            os.close(writer)
        assert await daemon.stop() == 0
    site.require_agreement(BACKUP)


async def test_a_file_on_a_share_that_is_looked_at_moves_the_virtual_ip(site: Site) -> None:
    for agent, role in (("main", "ONLINE"), ("backup", "OFFLINE")):
        (site.folder / agent).write_text(role)
    share = 'type = "file", path = "{}", polling = true, poll_s = 0.1'
    configure(site, share.format(site.folder / "main"), share.format(site.folder / "backup"))
    async with running(site) as daemon:
        await daemon.event("ready")
        (site.folder / "main").write_text("OFFLINE")
        (site.folder / "backup").write_text("ONLINE")
        await daemon.event("vip_moved")
        assert await daemon.stop() == 0
    site.require_agreement(BACKUP)


async def test_what_an_endpoint_says_moves_the_virtual_ip(site: Site) -> None:
    (site.folder / "main").write_text("OFFLINE")
    requests: list[bytes] = []
    async with endpoint("ONLINE", requests) as url:
        configure(
            site,
            f'type = "file", path = "{site.folder}/main"',
            f'type = "http", url = "{url}", rise = 2, doubtful_s = 0.1',
        )
        async with running(site) as daemon:
            await daemon.event("dns_brought_in_order")
            assert await daemon.stop() == 0
    assert len(requests) >= 2
    site.require_agreement(BACKUP)


async def test_a_share_that_is_not_there_holds_up_nobody(site: Site) -> None:
    (site.folder / "backup").write_text("ONLINE")
    site.fence(BACKUP)  # for MAIN it would hold: nobody says that MAIN is gone
    configure(
        site,
        'type = "file", path = "/nonexistent/share/main", polling = true',
        f'type = "file", path = "{site.folder}/backup"',
    )
    async with running(site) as daemon:
        await daemon.event("dns_brought_in_order")
        async with asyncio.timeout(10):
            assert await daemon.stop() == 0
    site.require_agreement(BACKUP)
