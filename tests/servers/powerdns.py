"""Start a real PowerDNS on loopback for as long as a test needs it, and stop that process only.

Its zones are in a SQLite database of its own. Caches are as packaged (answers 20 s, database rows 20 s and
their absence 60 s) unless a test says otherwise: `RECOMMENDED` is what docs/servers.md tells operators.
"""

from __future__ import annotations

import base64
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from tests.servers.client import DnsServer
from tests.servers.programs import find_program, serving
from tests.servers.zones import ZONES

PROGRAMS = ("pdns_server", "pdnsutil")
SCHEMA = Path("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql")
RECOMMENDED = {"cache-ttl": "5", "query-cache-ttl": "0", "negquery-cache-ttl": "0"}
UPDATES = {"dnsupdate": "yes", "allow-dnsupdate-from": "127.0.0.0/8"}
AS_PACKAGED: Mapping[str, str] = {}


@contextmanager
def running_powerdns(
    zones: Mapping[str, str] = ZONES, settings: Mapping[str, str] = AS_PACKAGED
) -> Iterator[DnsServer]:
    """Run `pdns_server` with these zones (origin -> master file text) until the block ends.

    Every key may update and transfer every zone.
    """
    with (
        tempfile.TemporaryDirectory(prefix="pdns-") as directory,
        powerdns_in(Path(directory), zones, settings) as server,
    ):
        yield server


@contextmanager
def powerdns_in(
    folder: Path,
    zones: Mapping[str, str] = ZONES,
    settings: Mapping[str, str] = AS_PACKAGED,
    grants: Iterable[str] | None = None,
) -> Iterator[DnsServer]:
    """The same with its files in `folder`, for a test that uses `pdnsutil` there.

    `grants` are lines for `pdnsutil`, instead of leave for every key.
    """

    def configure(server: DnsServer) -> Sequence[str]:
        _write_configuration(folder, server, settings)
        _fill_database(folder, zones, server)
        for line in _all_granted(zones, server) if grants is None else grants:
            pdnsutil(folder, *line.split())
        return [find_program("pdns_server") or "pdns_server", f"--config-dir={folder}"]

    with serving("powerdns", next(iter(zones)), configure, log=folder / "log") as server:
        yield server


def pdnsutil(folder: Path, *arguments: str) -> None:
    """Change the database in `folder` past the running server, as an operator or a web page does."""
    command = [find_program("pdnsutil") or "pdnsutil", f"--config-dir={folder}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        raise RuntimeError(f"pdnsutil {' '.join(arguments)}: {done.stdout}{done.stderr}")


def _write_configuration(folder: Path, server: DnsServer, settings: Mapping[str, str]) -> None:
    changed = "".join(f"{name}={value}\n" for name, value in {**UPDATES, **settings}.items())
    (folder / "pdns.conf").write_text(f"""
launch=gsqlite3
gsqlite3-database={folder / "zones.sqlite3"}
gsqlite3-pragma-synchronous=0
local-address={server.host}
local-port={server.port}
socket-dir={folder}
security-poll-suffix=
distributor-threads=1
{changed}""")


def _fill_database(folder: Path, zones: Mapping[str, str], server: DnsServer) -> None:
    database = folder / "zones.sqlite3"
    database.unlink(missing_ok=True)
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(SCHEMA.read_text())
    files = []
    for origin, text in zones.items():
        (folder / f"{origin}zone").write_text(text)
        files += [origin, str(folder / f"{origin}zone")]
    pdnsutil(folder, "load-zone", *files)
    for key in server.keys.values():
        secret = base64.b64encode(key.secret).decode()
        algorithm = key.algorithm.to_text(omit_final_dot=True)
        pdnsutil(folder, "import-tsig-key", str(key.name), algorithm, secret)


def _all_granted(zones: Mapping[str, str], server: DnsServer) -> Iterator[str]:
    names = " ".join(str(key.name) for key in server.keys.values())
    for origin in zones:
        yield f"set-meta {origin} TSIG-ALLOW-DNSUPDATE {names}"
        yield f"set-meta {origin} TSIG-ALLOW-AXFR {names}"
