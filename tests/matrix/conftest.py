"""`server` runs a test against each of the four servers; `real` leaves out the embedded one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.matrix.zones import MATRIX_ZONES
from tests.servers import knot, powerdns
from tests.servers.bind import running_bind
from tests.servers.client import DnsServer
from tests.servers.embedded import running_embedded
from tests.servers.knot import running_knot
from tests.servers.powerdns import running_powerdns
from tests.servers.programs import require

RUNNING = {
    "embedded": running_embedded,
    "bind": running_bind,
    "knot": running_knot,
    "powerdns": running_powerdns,
}
PROGRAMS = {"embedded": (), "bind": ("named",), "knot": knot.PROGRAMS, "powerdns": powerdns.PROGRAMS}


@pytest.fixture(params=list(RUNNING))
def server(request: pytest.FixtureRequest) -> Iterator[DnsServer]:
    kind: str = request.param
    require(*PROGRAMS[kind])
    with RUNNING[kind](MATRIX_ZONES) as running:
        yield running
