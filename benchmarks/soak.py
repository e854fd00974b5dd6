"""Whether memory or descriptors grow: hours' worth of switches, one right after the other.

    ./run bench soak [--switches 7200] [--every 1000]

A switch a second is two hours; here the next one comes as soon as the outcomes of both zones are in the change log.
What the daemon has is counted between switches, and the whole change log is verified at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import Popen

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.parts.daemon import AGENTS, ZONES, running_daemon
from benchmarks.parts.disk import add_directory, on_disk
from benchmarks.parts.numbers import row
from benchmarks.parts.process import Held, cpu_ms, held
from failover_dns.core.changelog import Result, Verified, decode, verify
from failover_dns.core.outcome import Verdict
from failover_dns.effects.changelog import NAME, read_lines
from tests.servers.bind import running_bind

SWITCHES = 7200
EVERY = 1000
WARM = 200
"""Switches before the first count: what is loaded late and pools that fill are no growth."""

PATIENCE_S = 30.0
POLL_S = 0.0005

WATCHED = "look_s = 1\naudit_s = 10\n"


class Switching:
    """A status file, and the change log that tells what became of a switch, through its rotations."""

    def __init__(self, status: Path, log: Path) -> None:
        self._status = status
        self._next = status.with_name(f".{status.name}.tmp")
        self._log = log
        self._file = log.open("rb")
        self._file.seek(0, os.SEEK_END)
        self._online = 0

    def switch(self) -> None:
        """Name the other agent, and return once both zones' outcomes are in the log."""
        self._online = 1 - self._online
        self._next.write_text(f"{AGENTS[self._online]}\n")
        self._next.replace(self._status)
        missing, deadline_s = set(ZONES), time.monotonic() + PATIENCE_S
        while missing:
            line = self._line()
            if line and (read := json.loads(line))["event"] == "outcome" and read["verdict"] == "applied":
                missing.discard(read["zone"])
            elif not line and time.monotonic() > deadline_s:
                raise TimeoutError(f"no outcome of {missing} within {PATIENCE_S:g} s")

    def _line(self) -> bytes:
        """Return the next whole line; nothing, after a moment, where there is none yet."""
        at = self._file.tell()
        line = self._file.readline()
        if line.endswith(b"\n"):
            return line
        self._file.seek(at)
        with suppress(FileNotFoundError):  # between a rotation and the next line
            if self._log.stat().st_ino != os.fstat(self._file.fileno()).st_ino and not line:
                self._file.close()
                self._file = self._log.open("rb")
        time.sleep(POLL_S)
        return b""


def main() -> int:
    arguments = _arguments()
    with (
        on_disk(arguments.directory) as folder,
        running_bind() as server,
        running_daemon(folder, server, settings=WATCHED) as daemon,
    ):
        switching = Switching(folder / "status" / "online", daemon.state / NAME)
        began_s = time.monotonic()
        print(f"{arguments.switches} switches, each as soon as the one before is done")
        print(row("after switches", ["MiB", "files", "threads", "ms CPU *"]))
        counted = list(_soak(switching, daemon.process, arguments.switches, arguments.every))
        took_s = time.monotonic() - began_s
        chain = _applied(daemon.state, 1 + WARM + arguments.switches)  # the fence's first record is one more
    first, last = counted[0], counted[-1]
    print("* of the daemon's processor time for each switch since the line before")
    per_thousand = (last.kib - first.kib) / arguments.switches * 1000
    print(row("KiB more for 1,000 switches", [per_thousand]))
    print(row("descriptors more", [f"{last.descriptors - first.descriptors}"]))
    print(f"{arguments.switches} switches in {took_s:.0f} s; {chain}")
    return int(last.descriptors != first.descriptors)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Whether memory or descriptors grow with switches.")
    parser.add_argument("--switches", type=int, default=SWITCHES, help="how many (default %(default)d)")
    parser.add_argument("--every", type=int, default=EVERY, help="count after so many (default %(default)d)")
    add_directory(parser)
    return parser.parse_args()


def _soak(switching: Switching, process: Popen[bytes], switches: int, every: int) -> Iterator[Held]:
    for _ in range(WARM):
        switching.switch()
    before_ms, before = cpu_ms(process), 0
    print(row("0", _cells(held(process.pid), 0.0)))
    yield held(process.pid)
    for number in range(1, switches + 1):
        switching.switch()
        if number % every == 0 or number == switches:
            now, now_ms = held(process.pid), cpu_ms(process)
            print(row(f"{number:,}", _cells(now, (now_ms - before_ms) / (number - before))), flush=True)
            yield now
            before_ms, before = now_ms, number


def _applied(state: Path, switches: int) -> str:
    """Return what the change log proves; RuntimeError unless each zone was changed for every switch."""
    lines = list(read_lines(state))
    chain = verify(lines)
    results = [entry for line in lines if isinstance(entry := decode(line).entry, Result)]
    found = Counter(result.zone for result in results if result.verdict is Verdict.APPLIED)
    if not isinstance(chain, Verified) or found != dict.fromkeys(ZONES, switches):
        raise RuntimeError(
            f"the change log has {dict(found)} changes, and not {switches} in a chain: {chain}"
        )
    return f"{chain.lines} lines of change log in an unbroken chain"


def _cells(now: Held, each_ms: float) -> list[float | str]:
    return [now.kib / 1024, str(now.descriptors), str(now.threads), each_ms]


if __name__ == "__main__":
    sys.exit(main())
