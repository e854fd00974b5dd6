"""Fixtures for every test: primaries to ask, and what happens when a program for one is missing.

`primary` runs a test twice, against the embedded primary and against BIND. All start afresh for each test
with the zones of `tests/servers/zones.py`; for others use `running_bind`, `running_knot` and so on. The tests
in `tests/matrix` run against all four.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests.servers.bind import running_bind
from tests.servers.client import DnsServer
from tests.servers.embedded import running_embedded
from tests.servers.knot import PROGRAMS as KNOT
from tests.servers.knot import running_knot
from tests.servers.powerdns import PROGRAMS as POWERDNS
from tests.servers.powerdns import running_powerdns
from tests.servers.programs import count_skips, require

# Properties have no time limit for one example: the machines that run them may be busy.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture
def bind() -> Iterator[DnsServer]:
    require("named")
    with running_bind() as server:
        yield server


@pytest.fixture
def embedded() -> Iterator[DnsServer]:
    with running_embedded() as server:
        yield server


@pytest.fixture
def knot() -> Iterator[DnsServer]:
    require(*KNOT)
    with running_knot() as server:
        yield server


@pytest.fixture
def powerdns() -> Iterator[DnsServer]:
    require(*POWERDNS)
    with running_powerdns() as server:
        yield server


@pytest.fixture(params=["embedded", "bind"])
def primary(request: pytest.FixtureRequest) -> DnsServer:
    server: DnsServer = request.getfixturevalue(request.param)
    return server


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        require(*marker.args)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    count, programs = count_skips(terminalreporter.stats.get("skipped", []))
    if count:
        missing = " ".join(sorted(programs))
        terminalreporter.write_line(f"{count} tests skipped because these programs are missing: {missing}")


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives tests to whoever is free, and those with a realm to one process: a domain takes long to set up."""

    def _split_scope(self, nodeid: str) -> str:
        return "kerberos" if nodeid.startswith("tests/kerberos/") else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    return Scheduling(config, log)


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    """Let no test that sets the process's log up decide what the next one hears."""
    yield
    structlog.reset_defaults()
