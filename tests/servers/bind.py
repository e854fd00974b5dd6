"""Start a real BIND on loopback for as long as a test needs it, and stop that process only."""

from __future__ import annotations

import base64
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import dns.exception
import dns.tsig

from tests.servers.client import DnsServer
from tests.servers.keys import make_keys
from tests.servers.programs import find_program
from tests.servers.zones import ZONES

HOST = "127.0.0.1"
START_S = 10.0
STOP_S = 5.0
POLL_S = 0.01
ATTEMPTS = 5


@contextmanager
def running_bind(zones: Mapping[str, str] = ZONES) -> Iterator[DnsServer]:
    """Run `named` with these zones (origin -> master file text) until the block ends."""
    with tempfile.TemporaryDirectory(prefix="named-") as directory:
        process, server = _start(Path(directory), zones)
        try:
            yield server
        finally:
            _stop(process)


def _start(folder: Path, zones: Mapping[str, str]) -> tuple[subprocess.Popen[bytes], DnsServer]:
    """Start on a port that is free now; if another process takes it before `named` does, try again."""
    for _ in range(ATTEMPTS):
        server = DnsServer(host=HOST, port=_free_port(), keys=make_keys(), kind="bind")
        _write_configuration(folder, zones, server)
        process = _launch(folder)
        if _answers_in_time(process, server, next(iter(zones))):
            return process, server
        _stop(process)
    raise RuntimeError(f"named did not start: {(folder / 'log').read_text()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as streams, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        streams.bind((HOST, 0))
        port: int = streams.getsockname()[1]
        with suppress(OSError):  # taken for UDP alone: `named` will say so, and the next attempt has another
            datagrams.bind((HOST, port))
        return port


def _launch(folder: Path) -> subprocess.Popen[bytes]:
    program = find_program("named")
    if program is None:
        raise FileNotFoundError("named")
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [program, "-g", "-n", "1", "-c", str(folder / "named.conf")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def _answers_in_time(process: subprocess.Popen[bytes], server: DnsServer, zone: str) -> bool:
    """Ask for the SOA until it comes, signed, so that no other process on the port passes for this one."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with suppress(OSError, EOFError, dns.exception.DNSException):
            if server.send(server.signed_query(zone, "SOA")).answer:
                return True
        with suppress(subprocess.TimeoutExpired):
            process.wait(POLL_S)
            return False
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _write_configuration(folder: Path, zones: Mapping[str, str], server: DnsServer) -> None:
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
  notify no;
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
