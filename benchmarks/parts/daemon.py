"""The daemon as one side: its own process, a configuration file, a state directory on a disk."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.parts.keyfile import write_key
from benchmarks.parts.process import running
from benchmarks.parts.side import Side
from failover_dns.core.changelog import Cause, Intent, Line, Result, Verified, decode, verify
from failover_dns.core.outcome import Verdict
from failover_dns.effects.changelog import NAME, read_lines
from tests.servers.client import DnsServer

AGENTS = ("dma-main", "dma-backup")
ADDRESS = "10.10.10.5"
COMMAND = Path(sys.executable).with_name("failover-dns")
ZONES = {"example.test.": "forward", "10.10.10.in-addr.arpa.": "reverse"}

CONNECTION = """
state_dir = "{folder}/state"

[keys."{key}"]
secret_file = "{key_file}"

[[zones]]
name = "example.test."
primaries = ["{primary}"]
key = "{key}"

[[zones]]
name = "10.10.10.in-addr.arpa."
primaries = ["{primary}"]
key = "{key}"
"""

PAIR = """
[[pairs]]
name = "dma"
virtual_ips = ["10.10.10.5"]
agents = [
    {{ name = "dma-main.example.test.", addresses = ["10.10.10.1"] }},
    {{ name = "dma-backup.example.test.", addresses = ["10.10.10.2"] }},
]

[[pairs.sources]]
type = "file"
path = "{status}"

[damping]
enabled = false
"""


@dataclass(frozen=True, slots=True)
class Daemon:
    """The daemon's side, its process and its state directory."""

    side: Side
    process: subprocess.Popen[bytes]
    state: Path


@contextmanager
def running_daemon(
    folder: Path, server: DnsServer, *, settings: str = "", of_zones: str = "", tables: str = ""
) -> Iterator[Daemon]:
    """Run the daemon in `folder` until the block ends, with these lines of configuration beside the usual.

    `settings` come first, `of_zones` into each zone, `tables` last.
    """
    status, state = folder / "status" / "online", folder / "state"
    status.parent.mkdir(parents=True)
    status.write_text(f"{AGENTS[0]}\n")
    configuration = folder / "failover-dns.toml"
    usual = connection(folder, server).replace("[[zones]]\n", f"[[zones]]\n{of_zones}")
    configuration.write_text(settings + usual + PAIR.format(status=status) + tables)
    command = [str(COMMAND), "run", "--config", str(configuration)]
    with (
        running(command, folder / "stderr", ready='"ready"') as process,
        Side("failover-dns", AGENTS, status, state / NAME, _outcome) as side,
    ):
        yield Daemon(side, process, state)
    if process.returncode != 0:
        raise RuntimeError(f"the daemon ended with {process.returncode}: {(folder / 'stderr').read_text()}")


def connection(folder: Path, server: DnsServer) -> str:
    """Return the configuration's part on state, zones, primary and key; the key's file is in `folder`."""
    return CONNECTION.format(
        folder=folder,
        key=server.key.name,
        key_file=write_key(folder, server),
        primary=f"{server.host}:{server.port}",
    )


def _outcome(line: bytes) -> str | None:
    read = json.loads(line)
    if read["event"] != "outcome":
        return None
    if read["verdict"] != Verdict.APPLIED:
        raise RuntimeError(f"the daemon's log says: {line.decode()}")
    return ZONES[read["zone"]]


def verified(state: Path, switches: int) -> str:
    """Return what the change log proves; RuntimeError unless it has every switch, in an unbroken chain."""
    lines = list(read_lines(state))
    chain = verify(lines)
    if not isinstance(chain, Verified):
        raise RuntimeError(f"the change log is broken: {chain}")  # noqa: TRY004 - of a file, not of a type
    found, switches_at = Counter[str](), set[int]()
    for line in lines:
        match decode(line):
            case Line(seq=seq, entry=Intent(zone=zone, cause=Cause.SWITCH)):
                switches_at.add(seq)
                found[f"intended {ZONES[zone]}"] += 1
            case Line(entry=Result(zone=zone, verdict=Verdict.APPLIED, intent=seq)) if seq in switches_at:
                found[f"applied {ZONES[zone]}"] += 1
    if found != {f"{what} {zone}": switches for what in ("intended", "applied") for zone in ZONES.values()}:
        raise RuntimeError(f"the change log has {dict(found)}, and not each of {switches} switches once")
    return f"{switches} switches in both zones, {chain.lines} lines in an unbroken chain"
