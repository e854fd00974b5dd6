"""A real BIND that lets the key change the forward zone only: the usual half-granted installation."""

from __future__ import annotations

import base64
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import dns.exception

from tests.conduct.world import FORWARD, REVERSE
from tests.servers.client import DnsServer
from tests.servers.keys import make_keys
from tests.servers.programs import find_program, require
from tests.servers.zones import ZONES

ATTEMPTS = 5
START_S = 10.0
POLL_S = 0.01


@contextmanager
def running_strict_bind() -> Iterator[DnsServer]:
    """Run `named` until the block ends; it refuses updates of the reverse zone, and allows reading it."""
    require("named")
    with tempfile.TemporaryDirectory(prefix="strict-named-") as directory:
        for _ in range(ATTEMPTS):
            server = DnsServer(host="127.0.0.1", port=_free_port(), keys=make_keys(), kind="bind")
            process = _start(Path(directory), server)
            try:
                if _answers(process, server):
                    yield server
                    return
            finally:
                process.terminate()
                process.wait(START_S)
    raise RuntimeError("named did not start")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _start(folder: Path, server: DnsServer) -> subprocess.Popen[bytes]:
    secret = base64.b64encode(server.key.secret).decode()
    for zone in (FORWARD, REVERSE):
        (folder / f"{zone}zone").write_text(ZONES[zone])
    (folder / "named.conf").write_text(f"""
options {{
  directory "{folder}"; listen-on port {server.port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  pid-file none; session-keyfile none; recursion no; notify no; dnssec-validation no;
  empty-zones-enable no; max-cache-size 2m; allow-transfer {{ any; }};
}};
controls {{ }};
key "{server.key.name}" {{ algorithm hmac-sha256; secret "{secret}"; }};
zone "{FORWARD}" {{ type primary; file "{FORWARD}zone"; update-policy {{ grant * zonesub ANY; }}; }};
zone "{REVERSE}" {{ type primary; file "{REVERSE}zone"; update-policy {{ grant other.key. zonesub ANY; }}; }};
""")
    program = find_program("named")
    assert program is not None
    return subprocess.Popen(
        [program, "-g", "-n", "1", "-c", str(folder / "named.conf")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _answers(process: subprocess.Popen[bytes], server: DnsServer) -> bool:
    deadline_s = time.monotonic() + START_S
    while time.monotonic() < deadline_s:
        with suppress(OSError, EOFError, dns.exception.DNSException):
            if server.send(server.signed_query(FORWARD, "SOA")).answer:
                return True
        with suppress(subprocess.TimeoutExpired):
            process.wait(POLL_S)
            return False
    return False
