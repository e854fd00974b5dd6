"""How many health endpoints one core can poll: the real client and the real counts, on one process.

    ./run bench polling [--agents 10000] [--interval 5] [--seconds 30]

A second process answers each agent, at an address of its own in 127.0.0.0/8, as Patroni's GET /primary does,
over connections that are kept alive. After two intervals to connect and settle, the measured time begins.
What stands by then is frozen (gc.freeze), so that the garbage collector does not go through all of it again
and again; --collect leaves that out. The goal is 10,000 agents every 5 s within one core.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import random
import statistics
import subprocess
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

import psutil

from failover_dns.conduct.poll import FromHttp
from failover_dns.core.health import PRESETS, HttpAnswer, HttpSource
from failover_dns.core.model import Role
from failover_dns.effects import clock
from failover_dns.effects.health import HttpClient
from failover_dns.effects.lane import Lane

BODY = (
    b'{"state": "running", "postmaster_start_time": "2026-01-05 19:39:26.352526+00:00", "role": "primary", '
    b'"server_version": 160004, "xlog": {"location": 67395656}, "timeline": 1, "replication": [{"usename": '
    b'"replicator", "application_name": "patroni2", "client_addr": "10.89.0.6", "state": "streaming", '
    b'"sync_state": "async", "sync_priority": 0}], "dcs_last_seen": 1767641966, "database_system_identifier": '
    b'"7268616322854375442", "patroni": {"version": "4.0.0", "scope": "demo", "name": "patroni1"}}'
)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(BODY),
    BODY,
)


class Endpoint(asyncio.Protocol):
    """Gives the same answer to every request."""

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request in `data`; the client's are short enough to come whole."""
        self.transport.write(ANSWER * data.count(b"\r\n\r\n"))


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Endpoint, "0.0.0.0", 0, backlog=4096)  # noqa: S104
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)  # until the other process ends


class Recorded:
    """The real client, which also notes how late each poll began."""

    def __init__(self, http: HttpClient) -> None:
        self.late_s: list[float] = []
        self.problems: list[str] = []
        self.by_url: dict[str, FromHttp] = {}
        self._http = http

    async def get(self, source: HttpSource) -> HttpAnswer:
        """Ask, and note what it took."""
        polling = self.by_url[source.url].polling
        if polling is not None:
            self.late_s.append(polling.late_s)
        answer = await self._http.get(source)
        if answer.problem is not None:
            self.problems.append(answer.problem)
        return answer


def source(index: int, port: int, interval_s: float) -> HttpSource:
    own = index if sys.platform == "linux" else 0  # elsewhere only 127.0.0.1 is there by itself
    address = f"127.0.{1 + own // 250}.{1 + own % 250}"
    return HttpSource(
        url=f"http://{address}:{port}/primary?{index}",
        agent=f"agent-{index}.example.test.",
        rules=PRESETS["patroni"],
        interval_s=interval_s,
    )


async def poll(port: int, agents: int, interval_s: float, seconds: float, *, collect: bool = False) -> None:
    rng = random.Random(0)  # noqa: S311 - spreads timers, guards no secret
    woken: list[None] = []
    async with AsyncExitStack() as stack:
        recorded = Recorded(await stack.enter_async_context(HttpClient(lane=Lane)))
        for index in range(agents):
            polled = FromHttp(source(index, port, interval_s), recorded, clock.now, rng)
            recorded.by_url[polled.source.url] = polled
            await stack.enter_async_context(polled.watched(lambda: woken.append(None)))
        await asyncio.sleep(2 * interval_s)
        if not collect:
            gc.freeze()
        recorded.late_s.clear()
        recorded.problems.clear()
        wall, used = time.perf_counter(), time.process_time()
        await asyncio.sleep(seconds)
        wall, used = time.perf_counter() - wall, time.process_time() - used
        late_ms = [1000 * late_s for late_s in recorded.late_s] or [0.0, 0.0]
        memory = psutil.Process().memory_info().rss / 2**20
        looks = [polled.polling.look() for polled in recorded.by_url.values() if polled.polling]
        online = sum(seen[0].role is Role.ONLINE for seen in await asyncio.gather(*looks))
        problems = Counter(recorded.problems)
    p50_ms, p99_ms = (statistics.quantiles(late_ms, n=100)[index] for index in (49, 98))
    print(f"agents, of them ONLINE      {agents}, {online}")
    print(f"requests a second           {len(late_ms) / wall:.0f}, due {agents / interval_s:.0f}")
    print(f"requests that failed        {dict(problems) or 0}")
    print(f"share of one processor      {100 * used / wall:.0f} %")
    print(f"processor time a request    {1e6 * used / len(late_ms):.0f} us")
    print(f"memory                      {memory:.0f} MiB")
    print(f"begun late by               {p50_ms:.1f} ms (median), {p99_ms:.1f} ms (p99)")


def pin(cores: set[int]) -> None:
    if sys.platform == "linux":
        os.sched_setaffinity(0, cores)


def allow_files(wanted: int) -> None:
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - not there on Windows

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--agents", type=int, default=10_000)
    parser.add_argument("--interval", type=float, default=5.0)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--collect", action="store_true", help="do not freeze what stands")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
    allow_files(chosen.agents + 200)
    if chosen.serve:
        pin({*cores[:1]})
        asyncio.run(serve())
        return
    server = subprocess.Popen(
        [sys.executable, __file__, "--serve", "--agents", str(chosen.agents)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with server:
        assert server.stdout is not None  # noqa: S101 - it is a pipe
        port = int(server.stdout.readline())
        pin({*cores[-1:]})
        try:
            asyncio.run(poll(port, chosen.agents, chosen.interval, chosen.seconds, collect=chosen.collect))
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
