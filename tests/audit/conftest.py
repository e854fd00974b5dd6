from __future__ import annotations

from pathlib import Path

import pytest

from tests.servers.client import DnsServer
from tests.whole.daemon import MAIN, Site


@pytest.fixture
def site(bind: DnsServer, tmp_path: Path) -> Site:
    site = Site(tmp_path, bind)
    site.configure(bind.port)
    site.online(MAIN)
    site.fence(MAIN)
    return site
