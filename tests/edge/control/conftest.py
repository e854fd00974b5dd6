from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.edge.commands import Site, site
from tests.edge.control.channel import Channel, opened
from tests.servers.client import DnsServer


@pytest.fixture
def here(tmp_path: Path, embedded: DnsServer) -> Site:
    return site(tmp_path, embedded)


@pytest.fixture
async def channel(here: Site) -> AsyncIterator[Channel]:
    async with opened(here) as found:
        yield found
