"""How soon DNS follows a switch: the daemon beside what people use today, in turns, on one BIND.

    ./run bench switch [--switches 200]

A switch is measured from just before the status file is replaced until the outcomes of the forward and of the
reverse zone are in the side's log. docs/performance.md says what is compared, and why so.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.parts import daemon, floor, hook
from benchmarks.parts.disk import add_directory, file_system, on_disk
from benchmarks.parts.process import cpu_ms
from benchmarks.parts.side import Side
from benchmarks.parts.tables import floor_table, ratios_table, times_table
from benchmarks.parts.turns import BLOCK, Times, run_after_quiet, run_once, take_turns
from tests.servers.bind import running_bind
from tests.servers.client import DnsServer

MAX_SWITCHES = 2000
"""More would fill the change log so far that it rotates while it is watched."""

ZONES = {
    "example.test.": """
$TTL 60
@ 3600 IN SOA ns hostmaster 1 3600 600 86400 30
@ 3600 IN NS ns
ns IN A 192.0.2.53
dma-main IN A 10.10.10.1
dma-main IN A 10.10.10.5
dma-backup IN A 10.10.10.2
hook-main IN A 10.10.10.3
hook-main IN A 10.10.10.6
hook-backup IN A 10.10.10.4
""",
    "10.10.10.in-addr.arpa.": """
$TTL 60
@ 3600 IN SOA ns.example.test. hostmaster.example.test. 1 3600 600 86400 30
@ 3600 IN NS ns.example.test.
5 IN PTR dma-main.example.test.
6 IN PTR hook-main.example.test.
""",
}


def main() -> int:
    arguments = _arguments()
    print(*_conditions(arguments), sep="\n")
    with on_disk(arguments.directory) as folder, running_bind(ZONES) as server:
        with ExitStack() as stack:
            hooks = [
                stack.enter_context(hook.running_hook(mode, folder / mode, server)) for mode in hook.MODES
            ]
            running = stack.enter_context(daemon.running_daemon(folder / "daemon", server))
            peers = [Times(side) for side in hooks]
            ours = Times(running.side, cpu_ms=lambda: cpu_ms(running.process))
            floors = [Times(part) for part in stack.enter_context(floor.floors(folder / "floor", server))]
            take_turns([*peers, ours, *floors], arguments.switches)
            run_after_quiet([*peers, ours])
            for side in (*hooks, running.side):
                run_once(side)
                _require_in_dns(side, server)
        proof = daemon.verified(running.state, running.side.switches)
    for table in (times_table([*peers, ours]), ratios_table(peers, ours), floor_table(floors, ours)):
        print("", *table, sep="\n")
    print(f"\nverified: DNS says what each side was told last; the daemon's change log has {proof}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How soon DNS follows a switch: the daemon beside nsupdate.")
    parser.add_argument("--switches", type=int, default=200, help="of each side (default %(default)s)")
    add_directory(parser)
    arguments = parser.parse_args()
    if not 1 <= arguments.switches <= MAX_SWITCHES:
        parser.error(f"--switches is from 1 to {MAX_SWITCHES}")
    return arguments


def _conditions(arguments: argparse.Namespace) -> Iterable[str]:
    named = subprocess.run(["named", "-V"], check=True, capture_output=True, text=True).stdout.split()
    disk = file_system(arguments.directory)
    load, _, _ = os.getloadavg()
    yield f"{arguments.switches} switches of each side, in turns of {BLOCK}"
    yield f"{named[0]} {named[1]} on loopback, a forward and a reverse zone, TSIG hmac-sha256"
    yield f"Python {platform.python_version()}, {os.cpu_count()} processors, load {load:.1f} before, {disk}"
    yield f"the hook is a shell loop, woken by {hook.events()[0]}"


def _require_in_dns(side: Side, server: DnsServer) -> None:
    """Raise RuntimeError unless the side's virtual IP is published as it was told last, and only so."""
    address = daemon.ADDRESS if side.agents == daemon.AGENTS else hook.ADDRESS
    online = f"{side.online}.example.test."
    forward, reverse = (server.records(zone) for zone in ZONES)
    pointer = f"{address.rpartition('.')[2]}.10.10.10.in-addr.arpa. 60 PTR "
    found = [record for record in forward | reverse if record.endswith(f" {address}") or pointer in record]
    if sorted(found) != sorted([f"{online} 60 A {address}", pointer + online]):
        raise RuntimeError(f"{side.name}: {side.online} is online, and DNS says {found}")


if __name__ == "__main__":
    sys.exit(main())
