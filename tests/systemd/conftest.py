from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.servers.bind import running_bind
from tests.servers.programs import require
from tests.systemd.host import Host, install
from tests.systemd.machine import Machine, booted
from tests.whole.daemon import MAIN


@pytest.fixture
async def machine() -> AsyncIterator[Machine]:
    async with booted() as running:
        yield running


@pytest.fixture
async def host(machine: Machine) -> AsyncIterator[Host]:
    """A machine with the service installed, not yet started, and a primary in its network."""
    require("named")
    with machine.network(), running_bind() as server:
        host = install(machine, server)
        host.configure(server.port)
        host.site.online(MAIN)
        yield host
