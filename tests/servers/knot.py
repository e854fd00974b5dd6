"""Start a real Knot DNS on loopback for as long as a test needs it, and stop that process only."""

from __future__ import annotations

import base64
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import dns.tsig

from tests.servers.client import DnsServer
from tests.servers.programs import find_program, serving
from tests.servers.zones import ZONES

PROGRAMS = ("knotd", "knotc")


@contextmanager
def running_knot(zones: Mapping[str, str] = ZONES, *, grants: str | None = None) -> Iterator[DnsServer]:
    """Run `knotd` with these zones (origin -> master file text) until the block ends.

    Every key may update and transfer every zone, unless `grants` is the whole configuration of `acl` and
    `zone` instead.
    """
    with (
        tempfile.TemporaryDirectory(prefix="knot-") as directory,
        knot_in(Path(directory), zones, grants=grants) as server,
    ):
        yield server


@contextmanager
def knot_in(
    folder: Path, zones: Mapping[str, str] = ZONES, *, grants: str | None = None
) -> Iterator[DnsServer]:
    """The same with its files in `folder`, for a test that uses `knotc` there."""

    def configure(server: DnsServer) -> Sequence[str]:
        _write_configuration(folder, zones, server, grants)
        return [find_program("knotd") or "knotd", "--config", str(folder / "knot.conf")]

    with serving("knot", next(iter(zones)), configure, log=folder / "log") as server:
        yield server


def knotc(folder: Path, *arguments: str) -> None:
    """Tell the server whose files are in `folder` what to do, as an operator does, and wait until it did."""
    command = [find_program("knotc") or "knotc", "--socket", str(folder / "knot.sock"), "--blocking"]
    subprocess.run([*command, *arguments], check=True, capture_output=True, timeout=30)


def _write_configuration(
    folder: Path, zones: Mapping[str, str], server: DnsServer, grants: str | None
) -> None:
    for origin, text in zones.items():
        (folder / f"{origin}zone").write_text(text)
    keys = "".join(_key_clause(key) for key in server.keys.values())
    (folder / "knot.conf").write_text(f"""
server:
  rundir: {folder}
  listen: {server.host}@{server.port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: {folder}
log:
  - target: stderr
    any: info
template:
  - id: default
    storage: {folder}
    file: "%s.zone"
    zonefile-sync: -1
key:
{keys}{grants or _all_granted(zones, server)}""")


def _key_clause(key: dns.tsig.Key) -> str:
    secret = base64.b64encode(key.secret).decode()
    algorithm = key.algorithm.to_text(omit_final_dot=True)
    return f"  - id: {key.name}\n    algorithm: {algorithm}\n    secret: {secret}\n"


def _all_granted(zones: Mapping[str, str], server: DnsServer) -> str:
    names = ", ".join(str(key.name) for key in server.keys.values())
    acl = f"acl:\n  - id: keys\n    key: [{names}]\n    action: [transfer, update]\nzone:\n"
    return acl + "".join(f'  - domain: "{origin}"\n    acl: keys\n' for origin in zones)
