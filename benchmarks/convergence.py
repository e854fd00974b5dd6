"""How soon two secondaries show a switch, with BIND's NOTIFY as it comes and as an operator may set it.

    ./run bench convergence [--switches 50]

A switch is measured from just before the status file is replaced: to the primary's outcomes of both zones in
the daemon's change log, and to when both secondaries give the new records of both zones to the measuring
process. Beside that stands what the change log's `converged` lines say. docs/performance.md says more.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.message
import dns.query
import dns.reversename

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.parts.daemon import ADDRESS, Daemon, running_daemon
from benchmarks.parts.disk import add_directory, file_system, on_disk
from benchmarks.parts.named import AT_ONCE, SILENT, free_port, running_primary, running_secondary
from benchmarks.parts.numbers import percentile, row
from benchmarks.switch import MAX_SWITCHES, ZONES
from failover_dns.core.changelog import Converged, decode
from failover_dns.effects.changelog import read_lines
from tests.servers.client import DnsServer

SECONDARIES = 2
PATIENCE_S = 60.0
ASK_S = 0.005
LOOK_S = 0.05
TIMEOUT_S = 5.0
FEW = 3
FAST = f"{AT_ONCE} notify-rate 1000;"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How the primary tells its secondaries, and how long nothing happens before a switch (seconds)."""

    name: str
    options: str
    quiet_s: tuple[float, float]
    switches: int | None = None
    of_secondaries: str = SILENT


WAYS = (
    Way(name="notify-delay 5 (default), rested", options="", quiet_s=(6.0, 6.5), switches=FEW),
    Way(name="notify-delay 5 (default), in a row", options="", quiet_s=(0.01, 0.02), switches=FEW),
    Way(name="notify-delay 0", options=AT_ONCE, quiet_s=(0.05, 0.15)),
    Way(name="the same, notify-rate 1000", options=FAST, quiet_s=(0.05, 0.15)),
    Way(
        name="the same, secondaries serial-query-rate 1000",
        options=FAST,
        of_secondaries=f"{SILENT} serial-query-rate 1000;",
        quiet_s=(0.05, 0.15),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What one switch took, in ms; `logged` is the last secondary's delay by the change log, from the wake-up."""

    primary: float
    secondaries: float
    logged: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The daemon, and the secondaries of its primary."""

    daemon: Daemon
    secondaries: Sequence[DnsServer]


def main() -> int:
    arguments = _arguments()
    load, _, _ = os.getloadavg()
    print(f"a BIND primary and {SECONDARIES} BIND secondaries on loopback, a forward and a reverse zone")
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} processors, load {load:.1f} before, "
        f"{file_system(arguments.directory)}"
    )
    print(
        "\nms from replacing the status file, medians and p90: until the primary's outcomes of both zones, and"
    )
    print(
        "until the last secondary gave the new records; beside it the last delay_ms of the `converged` lines"
    )
    print(row("", ["switches", "primary", "p90", "last", "p90", "logged", "p90"]))
    with on_disk(arguments.directory) as folder:
        for number, way in enumerate(WAYS):
            count = min(arguments.switches, way.switches or arguments.switches)
            with _running(folder / str(number), way) as running:
                taken = [_switch(running, way) for _ in range(count)]
            print(row(way.name, _cells(taken)), flush=True)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How soon two secondaries show a switch.")
    parser.add_argument(
        "--switches",
        type=int,
        default=50,
        help=f"each way (default %(default)s; {FEW} with the default delay)",
    )
    add_directory(parser)
    arguments = parser.parse_args()
    if not 1 <= arguments.switches <= MAX_SWITCHES:
        parser.error(f"--switches is from 1 to {MAX_SWITCHES}")
    return arguments


@contextmanager
def _running(folder: Path, way: Way) -> Iterator[Running]:
    """Run primary, secondaries and daemon, the latter with no servers to ask but these."""
    ports = [free_port() for _ in range(SECONDARIES)]
    servers = ", ".join(f'"127.0.0.1:{port}"' for port in ports)
    of_zones = f"watch_ns = false\nsecondaries = [{servers}]\n"
    with ExitStack() as stack:
        primary = stack.enter_context(running_primary(ZONES, tells=ports, options=way.options))
        secondaries = [
            stack.enter_context(running_secondary(primary, ZONES, port=port, options=way.of_secondaries))
            for port in ports
        ]
        daemon = stack.enter_context(running_daemon(folder, primary, of_zones=of_zones))
        _await(
            lambda: len(_converged(daemon)) == len(ZONES),
            every_s=LOOK_S,
            what="a secondary does not show the fence of the start",
        )
        yield Running(daemon=daemon, secondaries=secondaries)


def _switch(running: Running, way: Way) -> Taken:
    side, before = running.daemon.side, len(_converged(running.daemon))
    side.prepare()
    time.sleep(random.uniform(*way.quiet_s))  # noqa: S311 - spreads switches, guards no secret
    began_s = time.perf_counter()
    primary_s = side.run()
    _await(
        lambda: all(_shows(server, side.online) for server in running.secondaries),
        every_s=ASK_S,
        what="a secondary does not show the switch",
    )
    ended_s = time.perf_counter()
    _await(
        lambda: len(_converged(running.daemon)) == before + len(ZONES),
        every_s=LOOK_S,
        what="the change log has no `converged` line of each zone",
    )
    delays = [s.delay_ms for line in _converged(running.daemon)[before:] for s in line.servers]
    known = [delay_ms for delay_ms in delays if delay_ms is not None]
    if len(known) != len(ZONES) * SECONDARIES:
        raise RuntimeError(f"the change log has not the delay of every secondary: {delays}")
    return Taken(primary=primary_s * 1000, secondaries=(ended_s - began_s) * 1000, logged=max(known))


def _await(condition: Callable[[], bool], *, every_s: float, what: str) -> None:
    deadline_s = time.perf_counter() + PATIENCE_S
    while not condition():
        if time.perf_counter() > deadline_s:
            raise TimeoutError(f"{what}, within {PATIENCE_S:g} s")
        time.sleep(every_s)


def _shows(server: DnsServer, online: str) -> bool:
    """Say whether the server has both the A and the PTR record of the agent that is online."""
    name = f"{online}.example.test."
    pointer = dns.reversename.from_address(ADDRESS).to_text()
    return ADDRESS in _values(server, name, "A") and [name] == _values(server, pointer, "PTR")


def _values(server: DnsServer, name: str, rdtype: str) -> list[str]:
    query = dns.message.make_query(name, rdtype)
    answer = dns.query.udp(query, server.host, timeout=TIMEOUT_S, port=server.port)
    return [str(value) for rrset in answer.answer for value in rrset]


def _converged(daemon: Daemon) -> list[Converged]:
    lines = map(decode, read_lines(daemon.state))
    return [line.entry for line in lines if isinstance(line.entry, Converged)]


def _cells(taken: Sequence[Taken]) -> list[str]:
    columns = ([t.primary for t in taken], [t.secondaries for t in taken], [t.logged for t in taken])
    shares = [f"{percentile(column, share):.1f}" for column in columns for share in (0.5, 0.9)]
    return [str(len(taken)), *shares]


if __name__ == "__main__":
    sys.exit(main())
