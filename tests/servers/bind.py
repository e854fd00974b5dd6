"""Start a real BIND on loopback for as long as a test needs it, and stop that process only."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import dns.tsig

from tests.servers.client import DnsServer
from tests.servers.programs import find_program, serving
from tests.servers.zones import ZONES

SILENT = "notify no;"
"""What it says to other servers unless a test wants more."""


@contextmanager
def running_bind(zones: Mapping[str, str] = ZONES, *, options: str = SILENT) -> Iterator[DnsServer]:
    """Run `named` with these zones (origin -> master file text) and `options` until the block ends."""
    with tempfile.TemporaryDirectory(prefix="named-") as directory:
        folder = Path(directory)

        def configure(server: DnsServer) -> Sequence[str]:
            write_configuration(folder, zones, server, options=options)
            return command(folder)

        with serving("bind", next(iter(zones)), configure, log=folder / "log") as server:
            yield server


def command(folder: Path) -> Sequence[str]:
    """Return what starts `named` with the configuration in `folder`."""
    program = find_program("named")
    if program is None:
        raise FileNotFoundError("named")
    return [program, "-g", "-n", "1", "-c", str(folder / "named.conf")]


def write_configuration(
    folder: Path, zones: Mapping[str, str], server: DnsServer, *, options: str = SILENT
) -> None:
    """Write `named.conf` and the zones' files; every key may update and transfer every zone."""
    grants = " ".join(f'key "{key.name}";' for key in server.keys.values())
    for origin, text in zones.items():
        (folder / f"{origin}zone").write_text(text)
    keys = "".join(_key_clause(key) for key in server.keys.values())
    clauses = "".join(
        f'zone "{origin}" {{ type primary; file "{origin}zone"; allow-update {{ {grants} }}; }};\n'
        for origin in zones
    )
    (folder / "named.conf").write_text(f"""
options {{
  directory "{folder}";
  listen-on port {server.port} {{ {server.host}; }};
  listen-on-v6 {{ none; }};
  pid-file none;
  session-keyfile none;
  recursion no;
  {options}
  dnssec-validation no;
  empty-zones-enable no;
  max-cache-size 2m;
  allow-transfer {{ {grants} }};
}};
controls {{ }};
{keys}{clauses}""")


def _key_clause(key: dns.tsig.Key) -> str:
    secret = base64.b64encode(key.secret).decode()
    algorithm = key.algorithm.to_text(omit_final_dot=True)
    return f'key "{key.name}" {{ algorithm {algorithm}; secret "{secret}"; }};\n'
