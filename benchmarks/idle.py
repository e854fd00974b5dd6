"""What the daemon costs while nothing happens: with one pair and with two hundred, looked at every 2 s.

    ./run bench idle [--seconds 20]

Every pair has a status file of its own; both daemons run at the same time, each with a BIND of its own.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import Popen

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.parts.daemon import COMMAND, connection
from benchmarks.parts.disk import add_directory, on_disk
from benchmarks.parts.numbers import row
from benchmarks.parts.process import cpu_ms, running
from tests.servers.bind import running_bind

PAIRS = (1, 200)
LOOK_S = 2.0
SETTLE_S = 3.0
"""After the first walks, which read DNS."""

HEAD = """
$TTL 60
@ 3600 IN SOA ns.example.test. hostmaster.example.test. 1 3600 600 86400 30
@ 3600 IN NS ns.example.test.
"""

PAIR = """
[[pairs]]
name = "pair{number}"
virtual_ips = ["10.10.10.{number}"]
agents = [{{ name = "main{number}.example.test." }}, {{ name = "backup{number}.example.test." }}]

[[pairs.sources]]
type = "file"
path = "{folder}/status/{number}"
"""


def main() -> int:
    arguments = _arguments()
    with on_disk(arguments.directory) as folder, ExitStack() as stack:
        processes = {count: stack.enter_context(_daemon(folder / str(count), count)) for count in PAIRS}
        time.sleep(SETTLE_S)
        used_ms = _used_ms(processes)
        began_s = time.monotonic()
        time.sleep(arguments.seconds)
        took_ms = (time.monotonic() - began_s) * 1000
        share = {count: (ms - used_ms[count]) / took_ms for count, ms in _used_ms(processes).items()}
        memory = {count: _memory_mib(process) for count, process in processes.items()}
    print(f"the daemon while nothing happens, over {arguments.seconds:g} s, look_s = {LOOK_S:g}")
    print(row("", ["% of a CPU", "MiB"]))
    for count in PAIRS:
        print(row(f"{count} pair{'s' * (count > 1)}", [share[count] * 100, memory[count]]))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What the daemon costs while nothing happens.")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long (default %(default)g)")
    add_directory(parser)
    return parser.parse_args()


@contextmanager
def _daemon(folder: Path, pairs: int) -> Iterator[Popen[bytes]]:
    """Run a daemon with so many pairs, all in order, and a primary for it."""
    numbers = range(1, pairs + 1)
    status = folder / "status"
    status.mkdir(parents=True)
    for number in numbers:
        (status / str(number)).write_text(f"main{number}\n")
    with running_bind(_zones(numbers)) as server:
        configuration = folder / "failover-dns.toml"
        head = connection(folder, server)
        tables = "".join(PAIR.format(number=number, folder=folder) for number in numbers)
        configuration.write_text(f"look_s = {LOOK_S}\n{head}{tables}")
        command = [str(COMMAND), "run", "--config", str(configuration)]
        with running(command, folder / "stderr", ready='"ready"') as process:
            yield process


def _zones(numbers: range) -> Mapping[str, str]:
    agents = "".join(
        f"main{number} IN A 10.10.10.{number}\nbackup{number} IN A 10.10.20.{number}\n" for number in numbers
    )
    pointers = "".join(f"{number} IN PTR main{number}.example.test.\n" for number in numbers)
    return {
        "example.test.": f"{HEAD}ns IN A 192.0.2.53\n{agents}",
        "10.10.10.in-addr.arpa.": f"{HEAD}{pointers}",
    }


def _used_ms(processes: Mapping[int, Popen[bytes]]) -> dict[int, float]:
    return {count: cpu_ms(process) for count, process in processes.items()}


def _memory_mib(process: Popen[bytes]) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    sys.exit(main())
