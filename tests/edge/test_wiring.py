"""What is configured is what is read: each kind of source, through what the commands and the daemon open."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from failover_dns.conduct.propose import Proposer
from failover_dns.core.model import Observation, Role
from failover_dns.edge import adapters, wiring
from failover_dns.edge.adapters import Watch
from tests.edge.settings.test_load import BACKUP, GONE, MAIN, put, read, secret_file, tables

LONG_S = 30.0
ONLINE_XML = '<DMS><Failover active="true"><State state="online"/></Failover></DMS>'
LOG_LINE = "2023/05/30 15:23:04.250|SLFailover|Status|INF|0|1|Failover Status => Online\n"


def with_sources(folder: Path, *sources: dict[str, Any], combine: str | None = None) -> dict[str, Any]:
    """Return a configuration whose first agent has these sources; the other's file says OFFLINE."""
    (folder / "backup").write_text("OFFLINE")
    found = put(tables(folder), "pairs.0.agents.0.sources", list(sources))
    found = put(found, "pairs.0.agents.1.sources.0.path", str(folder / "backup"))
    return found if combine is None else put(found, "pairs.0.agents.0.combine", combine)


async def seen(found: dict[str, Any], pair: str = "dma") -> Mapping[str, Observation]:
    async with wiring.previews(wiring.chosen(read(found), [pair])) as (path,):
        return (await path.decide()).seen


@asynccontextmanager
async def endpoint(body: str, requests: list[bytes] | None = None) -> AsyncIterator[str]:
    """Serve one answer for every request, and yield where."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        if requests is not None:
            requests.append(request)
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(f"{head}{body}".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}/"


@pytest.mark.parametrize(
    ("source", "content"),
    [
        ({"type": "file"}, "ONLINE"),
        ({"type": "file", "polling": True}, "ONLINE"),
        ({"type": "file", "pointer": "/role"}, '{"role": "Master"}'),
        ({"type": "dms"}, ONLINE_XML),
        ({"type": "dms", "timezone": "Europe/Brussels", "keep_good_s": 1}, ONLINE_XML),
        ({"type": "failover-log", "timezone": "Europe/Brussels"}, LOG_LINE),
        ({"type": "failover-status"}, "Online"),
    ],
)
async def test_what_a_file_of_each_kind_says_is_seen(
    tmp_path: Path, source: dict[str, Any], content: str
) -> None:
    (tmp_path / "main").write_text(content)
    found = await seen(with_sources(tmp_path, {**source, "path": str(tmp_path / "main")}))
    assert {agent: one.role for agent, one in found.items()} == {MAIN: Role.ONLINE, BACKUP: Role.OFFLINE}


async def test_the_time_of_a_log_s_line_is_that_of_its_time_zone(tmp_path: Path) -> None:
    (tmp_path / "main").write_text(LOG_LINE)
    source = {"type": "failover-log", "path": str(tmp_path / "main"), "timezone": "Asia/Tokyo"}
    assert (await seen(with_sources(tmp_path, source)))[MAIN].since_s == 1_685_427_784.25


async def test_what_an_endpoint_says_is_seen_and_it_is_sent_the_headers(tmp_path: Path) -> None:
    requests: list[bytes] = []
    files = {"Authorization": secret_file(tmp_path, "Bearer abc\n", name="token")}
    async with endpoint('{"state": "Hot"}', requests) as url:
        source = {
            "type": "http",
            "url": url,
            "pointer": "/state",
            "words": {"hot": "ONLINE"},
            "header_files": files,
        }
        found = await seen(with_sources(tmp_path, source))
    assert (found[MAIN].role, found[MAIN].source) == (Role.ONLINE, f"http {url}")
    assert b"\r\nAuthorization: Bearer abc\r\n" in requests[0]


async def test_a_pair_s_endpoint_names_the_online_agent(tmp_path: Path) -> None:
    async with endpoint("B") as url:
        names = {"B": "db2.elsewhere.test."}
        shared = {"type": "http", "url": url, "names": names}
        found = await seen(put(tables(tmp_path), "pairs.2.sources", [shared]), "service")
    assert {agent: one.role for agent, one in found.items()} == {
        "db1.elsewhere.test.": Role.OFFLINE,
        "db2.elsewhere.test.": Role.ONLINE,
    }


def on_loopback(found: dict[str, Any]) -> dict[str, Any]:
    """Return the tables with a virtual IP that every host holds."""
    zone = {"name": "127.in-addr.arpa.", "primaries": ["127.0.0.1"], "key": "failover-key"}
    return put(put(found, "zones.2", zone), "pairs.0.virtual_ips", ["127.0.0.1"])


async def test_trusted_addresses_of_this_host_are_a_claim(tmp_path: Path) -> None:
    source = {"type": "addresses", "trust": True}
    assert (await seen(on_loopback(with_sources(tmp_path, source))))[MAIN].role is Role.ONLINE
    assert (await seen(with_sources(tmp_path, source)))[MAIN].role is Role.OFFLINE


async def test_addresses_that_are_not_held_veto_what_a_file_says(tmp_path: Path) -> None:
    (tmp_path / "main").write_text("ONLINE")
    sources = {"type": "file", "path": str(tmp_path / "main")}, {"type": "addresses"}
    held = await seen(on_loopback(with_sources(tmp_path, *sources, combine="all")))
    assert held[MAIN].role is Role.ONLINE
    gone = await seen(with_sources(tmp_path, *sources, combine="all"))
    assert gone[MAIN].role is Role.UNKNOWN
    assert "the host does not hold 10.10.10.5" in gone[MAIN].reason


async def test_the_first_source_that_knows_a_role_decides(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(LOG_LINE)
    sources = (
        {"type": "dms", "path": str(tmp_path / "none")},
        {"type": "failover-log", "path": str(tmp_path / "log")},
    )
    found = await seen(with_sources(tmp_path, *sources, combine="first"))
    assert (found[MAIN].role, found[MAIN].source) == (Role.ONLINE, f"log {tmp_path}/log")


async def test_outside_of_the_daemon_nobody_listens_to_a_fifo(tmp_path: Path) -> None:
    source = {"type": "keepalived", "fifo": str(tmp_path / "fifo"), "instance": "VI"}
    found = await seen(with_sources(tmp_path, source))
    assert found[MAIN].reason == "only the running daemon listens to it"
    assert not (tmp_path / "fifo").exists()


async def test_two_instances_of_one_fifo_are_heard_by_one_ear(tmp_path: Path) -> None:
    source = {"type": "keepalived", "fifo": str(tmp_path / "fifo"), "instance": "VI_DMA"}
    found = with_sources(tmp_path, source)
    found = put(found, "pairs.1.agents.0.sources.0", {**source, "instance": "VI_VIP"})
    woken = {"dma": asyncio.Event(), "vip": asyncio.Event()}
    async with (
        wiring.previews(wiring.chosen(read(found), ["dma", "vip"])) as (dma, vip),
        watched(dma, woken["dma"]),
        watched(vip, woken["vip"]),
        asyncio.timeout(LONG_S),
    ):
        writer = os.open(tmp_path / "fifo", os.O_WRONLY)
        try:
            os.write(writer, b'INSTANCE "VI_DMA" MASTER 100\nINSTANCE "VI_VIP" BACKUP 100\n')
            await asyncio.gather(*(event.wait() for event in woken.values()))
            assert (await dma.decide()).seen[MAIN].role is Role.ONLINE
            assert (await vip.decide()).seen["vip1.example.test."].role is Role.OFFLINE
        finally:
            os.close(writer)


@asynccontextmanager
async def watched(path: Proposer, woken: asyncio.Event) -> AsyncIterator[None]:
    async with path.sources[0].watched(woken.set):
        yield


def test_files_that_tell_of_changes_are_watched_together_and_each_share_by_itself(tmp_path: Path) -> None:
    found = with_sources(
        tmp_path,
        {"type": "dms", "path": "/srv/main/DMS.xml"},
        {"type": "failover-log", "path": "/mnt/main/SLFailover.txt", "polling": True},
        {"type": "failover-status", "path": "/mnt/main/FailoverStatus.txt", "polling": True},
        {"type": "http", "url": "http://10.10.10.1/"},
        combine="first",
    )
    shared = {"type": "file", "path": "/mnt/shared/leader", "polling": True, "poll_s": 5}
    found = put(found, "pairs.2.sources", [shared])
    assert adapters.watches(read(put(found, "pairs.1", GONE))) == (
        Watch(
            name="watching files",
            pairs={"/srv/main/DMS.xml": ("dma",), f"{tmp_path}/backup": ("dma",)},
        ),
        Watch(
            name="watching /mnt/main",
            pairs={
                "/mnt/main/SLFailover.txt": ("dma",),
                "/mnt/main/FailoverStatus.txt": ("dma",),
            },
            poll_s=1.0,
        ),
        Watch(name="watching /mnt/shared", pairs={"/mnt/shared/leader": ("service",)}, poll_s=5.0),
    )


def test_a_file_of_two_pairs_wakes_both(tmp_path: Path) -> None:
    found = put(tables(tmp_path), "pairs.0.agents.0.sources", GONE)
    found = put(found, "pairs.0.agents.1.sources", GONE)
    found = put(found, "pairs.0.sources", [{"type": "file", "path": "/run/leader"}])
    (watch,) = adapters.watches(read(found))
    assert watch.pairs["/run/leader"] == ("dma", "service")
