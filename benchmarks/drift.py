"""How soon a record that somebody else adds is gone again: by NOTIFY, and by the audit alone.

    ./run bench drift [--rounds 50]

A round adds the virtual IP's A record at the offline agent, by an update signed with a key that is not the
daemon's, as `nsupdate` would send it. It is measured from just before that update is sent until the primary,
which the measuring process asks every millisecond, has the record no more. docs/performance.md says more.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dns.message
import dns.query
import dns.rcode

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.parts.daemon import ADDRESS, AGENTS, Daemon, running_daemon
from benchmarks.parts.disk import add_directory, file_system, on_disk
from benchmarks.parts.named import AT_ONCE, free_port, running_primary
from benchmarks.parts.numbers import percentile, row
from benchmarks.switch import ZONES
from failover_dns.core.changelog import Cause, Intent, decode
from failover_dns.effects.changelog import read_lines
from tests.servers.client import DnsServer

ZONE = "example.test."
STALE = f"{AGENTS[1]}.{ZONE}"
MAX_ROUNDS = 900
"""Of 1000 times that one record may return (`drift_limit`)."""

GOAL_MS = 100.0
ASK_S = 0.001
PATIENCE_S = 20.0
TIMEOUT_S = 5.0
AT_REST_S = (2.2, 3.2)
"""Before a round by NOTIFY: the daemon hears of a zone at once if it heard nothing of it for 1 to 2 s."""

ANY_TIME_S = (0.0, 1.0)
"""Before a round by audit, so that it begins anywhere between two audits."""

NOTIFY = "by NOTIFY"
AUDIT = "by audit, audit_s = 1"


def main() -> int:
    arguments = _arguments()
    load, _, _ = os.getloadavg()
    print(f"{arguments.rounds} rounds each; BIND on loopback with {AT_ONCE.rstrip(';')}, TSIG hmac-sha256")
    print("the stale record: one update signed with another key (hmac-sha384), as nsupdate would send it")
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} processors, load {load:.1f} before, "
        f"{file_system(arguments.directory)}"
    )
    taken: dict[str, list[float]] = {}
    with on_disk(arguments.directory) as folder:
        with _notified(folder / "notify") as (server, daemon):
            taken[NOTIFY] = [_round_ms(server, AT_REST_S) for _ in range(arguments.rounds)]
        _require_repairs(daemon, arguments.rounds, wake="notify")
        with _auditing(folder / "audit") as (server, daemon):
            taken[AUDIT] = [_round_ms(server, ANY_TIME_S) for _ in range(arguments.rounds)]
        _require_repairs(daemon, arguments.rounds, wake="audit")
    print("\nms from sending the stale record until the primary has it no more")
    print(row("", ["median", "p90", "max"]))
    for name, times_ms in taken.items():
        print(row(name, [percentile(times_ms, share) for share in (0.5, 0.9, 1)]))
    print(row("goal, by NOTIFY", [f"{GOAL_MS:g}"]))
    print(f"\nverified: the change log has each repair once, as drift, woken so ({arguments.rounds} each)")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How soon a record that somebody else adds is gone again.")
    parser.add_argument("--rounds", type=int, default=50, help="each way (default %(default)s)")
    add_directory(parser)
    arguments = parser.parse_args()
    if not 1 <= arguments.rounds <= MAX_ROUNDS:
        parser.error(f"--rounds is from 1 to {MAX_ROUNDS}")
    return arguments


@contextmanager
def _notified(folder: Path) -> Iterator[tuple[DnsServer, Daemon]]:
    port = free_port()
    notify = f'\n[notify]\nlisten = "127.0.0.1:{port}"\nfrom = ["127.0.0.1"]\n'
    settings = "audit_s = 86400\ndrift_limit = 1000\n"
    with (
        running_primary(ZONES, tells=[port]) as server,
        running_daemon(folder, server, settings=settings, tables=notify) as daemon,
    ):
        yield server, daemon


@contextmanager
def _auditing(folder: Path) -> Iterator[tuple[DnsServer, Daemon]]:
    settings = "audit_s = 1\ndrift_limit = 1000\n"
    with (
        running_primary(ZONES, tells=[]) as server,
        running_daemon(folder, server, settings=settings) as daemon,
    ):
        yield server, daemon


def _round_ms(server: DnsServer, pause_s: tuple[float, float]) -> float:
    time.sleep(random.uniform(*pause_s))  # noqa: S311 - spreads rounds, guards no secret
    update = server.update(ZONE, key=server.keys["hmac-sha384"])
    update.add(AGENTS[1], 60, "A", ADDRESS)
    began_s = time.perf_counter()
    answer = dns.query.udp(update, server.host, timeout=TIMEOUT_S, port=server.port)
    if answer.rcode() != dns.rcode.NOERROR:
        raise RuntimeError(f"the stale record was not taken: {dns.rcode.to_text(answer.rcode())}")
    while _is_there(server):
        if time.perf_counter() > began_s + PATIENCE_S:
            raise TimeoutError(f"{STALE} still has {ADDRESS} after {PATIENCE_S:g} s")
        time.sleep(ASK_S)
    return (time.perf_counter() - began_s) * 1000


def _is_there(server: DnsServer) -> bool:
    query = dns.message.make_query(STALE, "A")
    answer = dns.query.udp(query, server.host, timeout=TIMEOUT_S, port=server.port)
    return any(str(value) == ADDRESS for rrset in answer.answer for value in rrset)


def _require_repairs(daemon: Daemon, rounds: int, *, wake: str) -> None:
    """Raise RuntimeError unless the change log has, after the start, so many repairs woken by `wake` and no more."""
    lines = map(decode, read_lines(daemon.state))
    intents = [line.entry for line in lines if isinstance(line.entry, Intent)]
    found = [(intent.cause, intent.wake) for intent in intents if intent.cause is not Cause.START]
    if found != [(Cause.DRIFT, wake)] * rounds:
        raise RuntimeError(f"the change log has {found}, and not {rounds} repairs woken by {wake}")


if __name__ == "__main__":
    sys.exit(main())
