"""Real servers that allow what `failover-dns grants` printed, and nothing else.

The key `server.key` has the printed grants. Another, `OBSERVER`, may only transfer the zones: with it tests
look at what is there.
"""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.matrix.zones import MATRIX_ZONES
from tests.servers.client import DnsServer
from tests.servers.knot import running_knot
from tests.servers.powerdns import powerdns_in
from tests.servers.programs import find_program, serving

OBSERVER = "hmac-sha512.key."
NOBODY = {"allow-dnsupdate-from": ""}
MARK = "    // type, file and the rest stay as they are\n"


@contextmanager
def running_granted(kind: str, printed: str, zones: Mapping[str, str] = MATRIX_ZONES) -> Iterator[DnsServer]:
    """Run a server of that kind with these zones and grants until the block ends."""
    with tempfile.TemporaryDirectory(prefix=f"{kind}-") as directory:
        folder = Path(directory)
        match kind:
            case "bind":
                running = _bind(folder, zones, printed)
            case "knot":
                running = running_knot(zones, grants=_knot(zones, printed))
            case "powerdns":
                running = powerdns_in(folder, zones, NOBODY, _powerdns(zones, printed))
            case _:
                raise ValueError(kind)
        with running as server:
            yield server


def observer(server: DnsServer) -> DnsServer:
    """Return the server as the observer's key sees it."""
    return replace(server, keys={"hmac-sha256": server.keys["hmac-sha512"]})


@contextmanager
def _bind(folder: Path, zones: Mapping[str, str], printed: str) -> Iterator[DnsServer]:
    def configure(server: DnsServer) -> Sequence[str]:
        _write_named_conf(folder, zones, server, printed)
        return [find_program("named") or "named", "-g", "-n", "1", "-c", str(folder / "named.conf")]

    with serving("bind", next(iter(zones)), configure, log=folder / "log") as server:
        yield server


def _write_named_conf(folder: Path, zones: Mapping[str, str], server: DnsServer, printed: str) -> None:
    for origin, text in zones.items():
        (folder / f"{origin}zone").write_text(text)
        clause = f'zone "{origin}" {{\n'
        kept = f'    type primary; file "{origin}zone";\n'
        if clause in printed:
            printed = printed.replace(clause + MARK, clause + kept)
        else:
            printed += clause + kept + "};\n"
    keys = "".join(
        f'key "{key.name}" {{ algorithm {key.algorithm.to_text(omit_final_dot=True)}; '
        f'secret "{base64.b64encode(key.secret).decode()}"; }};\n'
        for key in server.keys.values()
    )
    (folder / "named.conf").write_text(f"""
options {{
  directory "{folder}"; listen-on port {server.port} {{ {server.host}; }}; listen-on-v6 {{ none; }};
  pid-file none; session-keyfile none; recursion no; notify no; dnssec-validation no;
  empty-zones-enable no; max-cache-size 2m; allow-transfer {{ key "{OBSERVER}"; }};
}};
controls {{ }};
{keys}{printed}""")


def _knot(zones: Mapping[str, str], printed: str) -> str:
    rules, _, domains = printed.partition("zone:\n")
    rules += f'  - id: observer\n    key: "{OBSERVER}"\n    action: transfer\n'
    domains = domains.replace("    acl: [", "    acl: [observer, ")
    for origin in zones:
        if f'"{origin}"' not in domains:
            domains += f'  - domain: "{origin}"\n    acl: [observer]\n'
    return f"{rules}zone:\n{domains}"


def _powerdns(zones: Mapping[str, str], printed: str) -> list[str]:
    mine = printed.replace('"$DAEMON"', "127.0.0.1").splitlines()
    lines = [line.removeprefix("pdnsutil ") for line in mine if line.startswith("pdnsutil ")]
    return lines + [f"set-meta {origin} TSIG-ALLOW-AXFR {OBSERVER}" for origin in zones]
