"""The servers of a zone are asked until they show a change: real primaries, one that follows and one that does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_address

import pytest

from failover_dns.conduct.converge import Convergence, old_ttl_s
from failover_dns.conduct.signing import Server, Shared
from failover_dns.conduct.zone import Sitting
from failover_dns.core.changelog import Cause, Intent
from failover_dns.core.decide import Reason
from failover_dns.core.model import Change, Key, Record, RRset, Type
from failover_dns.effects import clock
from failover_dns.effects.lane import Lane
from failover_dns.effects.primary import Primary
from tests.servers.client import DnsServer
from tests.servers.embedded import running_embedded

A = Key("dma-backup.example.test.", Type.A)
CHANGE = Change(
    zone="example.test.",
    before=(RRset(key=A, values=frozenset({ip_address("10.10.10.2")}), ttl_s=1200),),
    adds=(Record(A, ip_address("10.10.10.5")),),
)
INTENT = Intent(
    pair="dma",
    transaction="5f0c3be1a9d2",
    cause=Cause.SWITCH,
    wake="source",
    reason=Reason.OTHER_OFFLINE,
    online="dma-backup.example.test.",
    writer="ops-1/4711",
    zone="example.test.",
    primary="127.0.0.1#53",
    key="failover-key.",
    change=CHANGE,
)


class Opened:
    """Connections to servers, closed at the end of the test."""

    def __init__(self) -> None:
        self._primaries: list[Primary] = []

    def at(self, server: DnsServer) -> Primary:
        self._primaries.append(Primary(server.host, server.port, run=Lane("look-up").run))
        return self._primaries[-1]

    def sitting(self, server: DnsServer) -> Sitting:
        return Sitting("example.test.", self.at(server), Shared(server.key), 5.0)

    def following(self, servers: dict[str, DnsServer], *, deadline_s: float) -> Convergence:
        return Convergence(
            {name: self.at(server) for name, server in servers.items()},
            self.never,
            clock=clock.now,
            deadline_s=deadline_s,
            watch_ns=False,
        )

    @staticmethod
    def never(name: str) -> Server:
        raise AssertionError(f"{name} was not to be asked")

    async def close(self) -> None:
        for primary in self._primaries:
            await primary.__aexit__(None, None, None)


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    made = Opened()
    yield made
    await made.close()


def change(server: DnsServer) -> None:
    update = server.update("example.test.")
    update.add("dma-backup", 60, "A", "10.10.10.5")
    assert server.rcode(update) == "NOERROR"


async def test_a_server_that_has_the_change_is_reported_with_its_delay(
    embedded: DnsServer, opened: Opened
) -> None:
    change(embedded)
    sitting = opened.sitting(embedded)
    line = await opened.following({"ns1": embedded}, deadline_s=20.0).follow(
        7, INTENT, sitting, since=clock.now()
    )
    (shown,) = line.servers
    assert (line.intent, shown.server, shown.problem) == (7, "ns1", "")
    assert shown.delay_ms is not None
    assert line.forgotten_at is not None


async def test_a_server_that_lags_is_asked_until_it_shows_the_change(
    embedded: DnsServer, opened: Opened
) -> None:
    with running_embedded() as secondary:
        change(embedded)
        sitting = opened.sitting(embedded)
        convergence = opened.following({"ns2": secondary}, deadline_s=20.0)
        waiting = asyncio.create_task(convergence.follow(7, INTENT, sitting, since=clock.now()))
        await asyncio.to_thread(change, secondary)
        (shown,) = (await waiting).servers
        assert shown.delay_ms is not None


async def test_a_server_that_never_shows_it_is_named_and_no_cache_is_said_to_have_forgotten(
    embedded: DnsServer, opened: Opened
) -> None:
    with running_embedded() as secondary:
        change(embedded)
        sitting = opened.sitting(embedded)
        servers = {"ns1": embedded, "ns2": secondary}
        line = await opened.following(servers, deadline_s=0.2).follow(7, INTENT, sitting, since=clock.now())
        late = [shown for shown in line.servers if shown.delay_ms is None]
        assert [(shown.server, "older serial" in shown.problem) for shown in late] == [("ns2", True)]
        assert line.forgotten_at is None


async def test_a_server_that_is_dead_is_named_with_why(embedded: DnsServer, opened: Opened) -> None:
    change(embedded)
    sitting = opened.sitting(embedded)
    dead = Convergence(
        {"ns3": Primary("127.0.0.1", 1, run=Lane("look-up").run)},
        Opened.never,
        clock=clock.now,
        deadline_s=0.1,
        watch_ns=False,
    )
    (shown,) = (await dead.follow(7, INTENT, sitting, since=clock.now())).servers
    assert (shown.delay_ms, "cannot be reached" in shown.problem) == (None, True)


async def test_the_name_servers_of_the_zone_are_asked_without_being_configured(
    embedded: DnsServer, opened: Opened
) -> None:
    change(embedded)
    sitting = opened.sitting(embedded)
    asked: list[str] = []

    def connect(name: str) -> Server:
        asked.append(name)
        return opened.at(embedded)

    convergence = Convergence({}, connect, clock=clock.now, deadline_s=20.0)
    await convergence.follow(7, INTENT, sitting, since=clock.now())
    assert asked == ["ns.example.test."]


def test_a_cache_remembers_what_was_or_that_there_was_nothing() -> None:
    nothing = RRset(key=Key("new.example.test.", Type.A))
    assert old_ttl_s(CHANGE, 300) == 1200
    added = Record(nothing.key, ip_address("10.10.10.9"))
    assert old_ttl_s(Change(zone="example.test.", before=(nothing,), adds=(added,)), 300) == 300
