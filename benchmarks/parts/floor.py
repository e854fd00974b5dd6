"""What no daemon can do without, each bare: a file event, a durable line, two signed updates."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import dns.message
import dns.rcode
import dns.tsig
import dns.update
from watchdog.events import FileMovedEvent, FileSystemEvent, FileSystemEventHandler

from benchmarks.parts.turns import Runnable
from failover_dns.effects.watch import native_observer
from tests.servers.client import DnsServer

PATIENCE_S = 10.0
LINE = b"x" * 900 + b"\n"
"""As long as an intent's line in the change log."""

NAMES = {"example.test.": "floor.example.test.", "10.10.10.in-addr.arpa.": "7.10.10.10.in-addr.arpa."}


@contextmanager
def floors(folder: Path, server: DnsServer) -> Iterator[Sequence[Runnable]]:
    """Open all parts of the floor; files are kept in `folder`."""
    folder.mkdir()
    with ExitStack() as stack:
        observer = native_observer()
        event = FileEvent(folder)
        observer.schedule(event, str(folder), event_filter=[FileMovedEvent])
        observer.start()
        stack.callback(observer.join)
        stack.callback(observer.stop)
        log = stack.enter_context((folder / "log").open("ab", buffering=0))
        address = (server.host, server.port)
        kept = [stack.enter_context(socket.create_connection(address, PATIENCE_S)) for _ in NAMES]
        yield event, DurableLine(log.fileno()), TwoUpdates(kept, server.key)


class FileEvent(FileSystemEventHandler):
    """From just before a file is replaced until watchdog's thread tells of it."""

    name = "a file event through watchdog"

    def __init__(self, folder: Path) -> None:
        self._status = folder / "status"
        self._next = folder / ".status.tmp"
        self._heard = threading.Semaphore(0)

    def on_moved(self, _: FileSystemEvent) -> None:
        """Hear of a file that was replaced."""
        self._heard.release()

    def prepare(self) -> None:
        """Write the next content."""
        self._next.write_text("online\n")

    def run(self) -> float:
        """Replace the file; return the seconds until it was heard of."""
        began_s = time.perf_counter()
        self._next.replace(self._status)
        if not self._heard.acquire(timeout=PATIENCE_S):
            raise TimeoutError("watchdog did not tell of a replaced file")
        return time.perf_counter() - began_s


class DurableLine:
    """A line appended to a file and on the disk."""

    name = "one fsync of a log line"

    def __init__(self, log: int) -> None:
        self._log = log

    def prepare(self) -> None:
        """Need nothing."""

    def run(self) -> float:
        """Append the line; return the seconds until it is durable."""
        began_s = time.perf_counter()
        os.write(self._log, LINE)
        os.fdatasync(self._log)
        return time.perf_counter() - began_s


class TwoUpdates:
    """An update of each zone, signed beforehand, exchanged side by side over connections that are kept."""

    name = "two signed updates over kept connections"

    def __init__(self, kept: Sequence[socket.socket], key: dns.tsig.Key) -> None:
        self._kept = kept
        self._key = key
        self._number = 0
        self._wires: list[bytes] = []
        for connection in kept:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def prepare(self) -> None:
        """Build and sign updates that do change something."""
        self._number += 1
        self._wires = [_signed(zone, name, self._number, self._key) for zone, name in NAMES.items()]

    def run(self) -> float:
        """Send both; return the seconds until both answers are there."""
        began_s = time.perf_counter()
        for connection, wire in zip(self._kept, self._wires, strict=True):
            connection.sendall(wire)
        answers = list(map(_receive, self._kept))
        took_s = time.perf_counter() - began_s
        for answer in answers:
            _require_done(answer)
        return took_s


def _signed(zone: str, name: str, number: int, key: dns.tsig.Key) -> bytes:
    update = dns.update.UpdateMessage(zone)
    update.replace(name, 60, "TXT", str(number))
    update.use_tsig(key)
    wire = update.to_wire()
    return len(wire).to_bytes(2) + wire


def _receive(connection: socket.socket) -> bytes:
    """Return one whole answer, acknowledged at once: else it delays the next one by 40 ms on Linux."""
    got = b""
    while len(got) < 2 or len(got) < 2 + int.from_bytes(got[:2]):
        more = connection.recv(65536)
        if not more:
            raise ConnectionError("the server closed the connection")
        got += more
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
    return got[2:]


def _require_done(answer: bytes) -> None:
    rcode = dns.message.from_wire(answer, keyring=False).rcode()
    if rcode != dns.rcode.NOERROR:
        raise RuntimeError(f"the server answered {dns.rcode.to_text(rcode)} to a bare update")
