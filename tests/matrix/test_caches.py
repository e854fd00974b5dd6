"""PowerDNS keeps what it read from its database: what that hides from us, and what makes it tell the truth.

Questions that are signed pass by its packet cache, but not by its query cache: for 20 s (60 s where there was
nothing) they show the database as it was, unless the change came by an update to this very process. The
prerequisites of an update are always compared with the database. Times here are long, so that no test waits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from failover_dns.conduct.signing import Shared
from failover_dns.conduct.walk import Why
from failover_dns.conduct.zone import Sitting
from failover_dns.core.model import Key, RRset, Type
from failover_dns.core.outcome import Next, Said
from tests.conduct.world import BACKUP, DEADLINE_S, FORWARD, Forward, connect, is_update, world
from tests.matrix.conftest import PROGRAMS
from tests.servers.client import DnsServer
from tests.servers.powerdns import RECOMMENDED, pdnsutil, powerdns_in
from tests.servers.programs import require

KEPT_LONG = {"cache-ttl": "600", "query-cache-ttl": "600", "negquery-cache-ttl": "600"}
A = Key("dma-main.example.test.", Type.A)
BEFORE = RRset(key=A, values=frozenset({ip_address("10.10.10.1"), ip_address("10.10.10.5")}), ttl_s=60)
AFTER = replace(BEFORE, values=BEFORE.values | {ip_address("10.10.10.77")})


@pytest.fixture(autouse=True)
def _programs() -> None:
    require(*PROGRAMS["powerdns"])


def write_past_the_server(folder: Path) -> None:
    pdnsutil(folder, "add-record", FORWARD, "dma-main", "A", "60", "10.10.10.77")


@contextmanager
def sharing_a_database(folder: Path, settings: Mapping[str, str]) -> Iterator[tuple[DnsServer, DnsServer]]:
    """Run two servers on one database, with the same keys."""
    (folder / "second").mkdir()
    with powerdns_in(folder, settings=settings) as first:
        shared = {"gsqlite3-database": str(folder / "zones.sqlite3"), **settings}
        # The second writes zones and keys into the shared database anew: its keys are both servers' now.
        with powerdns_in(folder / "second", settings=shared) as second:
            yield replace(first, keys=second.keys), second


async def test_a_signed_question_shows_the_database_only_if_nothing_is_kept_of_it(tmp_path: Path) -> None:
    for settings, shown in ((KEPT_LONG, BEFORE), (RECOMMENDED, AFTER)):
        with powerdns_in(tmp_path, settings=settings) as server:
            async with connect(server) as primary:
                zone = Sitting(FORWARD, primary, Shared(server.key), DEADLINE_S)
                assert (await zone.read([A]))[A] == BEFORE
                write_past_the_server(tmp_path)
                assert (await zone.read([A]))[A] == shown


async def test_prerequisites_see_the_database_whatever_is_kept_of_it(tmp_path: Path) -> None:
    with powerdns_in(tmp_path, settings=KEPT_LONG) as server:
        async with connect(server) as primary:
            zone = Sitting(FORWARD, primary, Shared(server.key), DEADLINE_S)
            await zone.read([A])
            write_past_the_server(tmp_path)
            assert (await zone.prove((BEFORE,))).said is Said.LOST_RACE
            assert (await zone.prove((AFTER,))).said is Said.DONE
            assert (await zone.read([A]))[A] == BEFORE


@pytest.mark.parametrize("tcp", [True, False], ids=["TCP", "UDP"])
def test_an_update_is_shown_at_once_by_the_process_that_took_it(tmp_path: Path, *, tcp: bool) -> None:
    with powerdns_in(tmp_path, settings=KEPT_LONG) as server:
        assert server.query("new.example.test.", "A", tcp=tcp).answer == []
        update = server.update(FORWARD)
        update.add("new", 60, "A", "10.10.10.8")
        assert server.rcode(update) == "NOERROR"
        assert len(server.query("new.example.test.", "A", tcp=tcp).answer) == 1


def test_a_change_past_the_server_leaves_the_serial_as_it_was(tmp_path: Path) -> None:
    # An equal serial is no proof that nothing changed.
    with powerdns_in(tmp_path, settings=RECOMMENDED) as server:
        serial = server.serial(FORWARD)
        write_past_the_server(tmp_path)
        assert server.serial(FORWARD) == serial
        assert "60 A 10.10.10.77" in server.records_of("dma-main")


async def test_with_recommended_caches_a_change_past_the_server_costs_one_more_plan(tmp_path: Path) -> None:
    with powerdns_in(tmp_path, settings=RECOMMENDED) as server:
        async with world(server) as pair:
            await pair.walk(Why.START)
            write_past_the_server(tmp_path)
            pair.roles.online(BACKUP)
            assert (await pair.walk()).in_order
            assert pair.updates(FORWARD) == 2
            assert pair.holds("dma-main") == {"A 10.10.10.1", "A 10.10.10.77", "AAAA 2001:db8::1"}


async def test_what_is_kept_of_the_database_stops_a_switch_and_never_makes_a_wrong_one(
    tmp_path: Path,
) -> None:
    with powerdns_in(tmp_path, settings=KEPT_LONG) as server:
        async with world(server) as pair:
            await pair.walk(Why.START)
            write_past_the_server(tmp_path)
            pair.roles.online(BACKUP)
            walk = await pair.walk()
            assert (walk.in_order, walk.outcomes[FORWARD].next) == (False, Next.REPLAN)
            assert walk.again_in_s is not None
            # Read anew it looks the same, and what was just refused is not sent again at once.
            assert pair.updates(FORWARD) == 1
            assert pair.holds("dma-main") == {
                "A 10.10.10.1",
                "A 10.10.10.5",
                "A 10.10.10.77",
                "AAAA 2001:db8::1",
            }


@pytest.mark.parametrize(
    "settings",
    [
        RECOMMENDED,
        KEPT_LONG,
    ],
    ids=["recommended", "kept"],
)
async def test_an_update_by_one_of_two_servers_on_a_database_is_read_back_truly_from_the_other(
    tmp_path: Path, settings: Mapping[str, str]
) -> None:
    with sharing_a_database(tmp_path, settings) as (first, second):
        async with world(first) as pair, connect(second) as other:

            async def send_updates_to_the_second(wire: bytes, forward: Forward) -> bytes:
                if is_update(wire):
                    return await other.exchange(wire, deadline_s=DEADLINE_S)
                return await forward(wire)

            await pair.walk(Why.START)
            pair.tap(FORWARD).treat = send_updates_to_the_second
            pair.roles.online(BACKUP)
            walk = await pair.walk()
            for _ in range(20):  # SQLite lets one server write at a time: the other answers SERVFAIL
                if walk.outcomes[FORWARD].answer.said is not Said.FAILED:
                    break
                walk = await pair.walk(Why.RESYNC)
            assert walk.outcomes[FORWARD].answer.said is Said.DONE
            assert walk.in_order
