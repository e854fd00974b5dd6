from __future__ import annotations

from pathlib import Path

import pytest

from tests.servers.client import DnsServer
from tests.whole.daemon import MAIN, Site


@pytest.fixture
def site(bind: DnsServer, tmp_path: Path) -> Site:
    """A site in order, whose sources are looked at every second besides."""
    site = Site(tmp_path, bind)
    site.configure(bind.port)
    site.config.write_text(site.config.read_text().replace("look_s = 60", "look_s = 1"))
    site.online(MAIN)
    site.fence(MAIN)
    return site
