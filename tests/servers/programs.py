"""Find and start the real programs that tests need; say so, and fail in CI, where one is missing."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import dns.exception
import pytest

from tests.servers.client import DnsServer
from tests.servers.keys import make_keys

MISSING = "these programs are missing: "
HOST = "127.0.0.1"
START_S = 10.0
STOP_S = 5.0
POLL_S = 0.01
ATTEMPTS = 5


def find_program(name: str) -> str | None:
    """Return the program's path; Debian keeps servers in /usr/sbin, which a user's PATH may lack."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))


def require(*names: str) -> None:
    """Skip the running test if a program is missing; with CI=true fail it, since there nobody reads skips."""
    missing = [name for name in names if find_program(name) is None]
    if not missing:
        return
    reason = MISSING + " ".join(missing)
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def count_skips(reports: list[pytest.TestReport]) -> tuple[int, set[str]]:
    """Return how many tests were skipped for want of a program, and which programs."""
    reasons = [str(report.longrepr).partition(MISSING)[2].rstrip("')") for report in reports]
    wanted = [reason for reason in reasons if reason]
    return len(wanted), {name for reason in wanted for name in reason.split()}


@contextmanager
def serving(
    kind: str, zone: str, configure: Callable[[DnsServer], Sequence[str]], *, log: Path
) -> Iterator[DnsServer]:
    """Run a server on loopback until the block ends; it is ready when it answers a signed query for `zone`.

    `configure` writes down what the server is to be and returns the command that starts it. If another
    process takes the port first, another port is tried.
    """
    for _ in range(ATTEMPTS):
        server = DnsServer(host=HOST, port=free_port(), keys=make_keys(), kind=kind)
        command = configure(server)
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            if answers_in_time(process, server, zone):
                yield server
                return
        finally:
            stop(process)
    raise RuntimeError(f"{kind} did not start: {log.read_text()[-2000:]}")


def free_port() -> int:
    """Return a port that is free on loopback now, for TCP and, if the first guess is good, for UDP."""
    with socket.socket() as streams, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        streams.bind((HOST, 0))
        port: int = streams.getsockname()[1]
        with suppress(OSError):  # taken for UDP alone: the server says so, and the next attempt has another
            datagrams.bind((HOST, port))
        return port


def answers_in_time(process: subprocess.Popen[bytes], server: DnsServer, zone: str) -> bool:
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


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the process, by force if it does not end by itself."""
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
