"""BIND that tells of changes by NOTIFY, and BIND that has its zones from such a one; both on loopback.

`tests.servers.bind` starts one that tells nobody; here stands only what these two have besides.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.servers.bind import (
    HOST,
    _answers_in_time,
    _free_port,
    _launch,
    _stop,
    _write_configuration,
)
from tests.servers.client import DnsServer
from tests.servers.keys import make_keys

AT_ONCE = "notify-delay 0;"
"""What an operator sets for others to hear of each change: BIND keeps 5 s between two NOTIFY of a zone by itself."""

SILENT = "notify no;"


def free_port() -> int:
    """Return a port that is free now, for UDP and TCP."""
    return _free_port()


@contextmanager
def running_primary(
    zones: Mapping[str, str], *, tells: Iterable[int], options: str = AT_ONCE
) -> Iterator[DnsServer]:
    """Run a primary that sends NOTIFY to the ports that it `tells`, with these `options` beside."""
    told = "".join(f" {HOST} port {port};" for port in tells)

    def write(folder: Path, server: DnsServer) -> None:
        _write_configuration(folder, zones, server)
        file = folder / "named.conf"
        telling = f"notify explicit; also-notify {{{told} }}; {options}"
        file.write_text(file.read_text().replace(SILENT, telling))

    server = DnsServer(host=HOST, port=free_port(), keys=make_keys(), kind="bind")
    with _running(server, zones, write):
        yield server


@contextmanager
def running_secondary(
    primary: DnsServer, zones: Iterable[str], *, port: int, options: str = SILENT
) -> Iterator[DnsServer]:
    """Run a secondary of `primary` at `port`, with these `options`, from when it has all the zones."""
    zones = tuple(zones)
    server = DnsServer(host=HOST, port=port, keys=primary.keys, kind="bind")
    source = f'{primary.host} port {primary.port} key "{primary.key.name}";'
    clauses = "".join(
        f'zone "{zone}" {{ type secondary; file "{zone}copy"; primaries {{ {source} }}; }};\n'
        for zone in zones
    )

    def write(folder: Path, server: DnsServer) -> None:
        _write_configuration(folder, {}, server)
        file = folder / "named.conf"
        file.write_text(file.read_text().replace(SILENT, options) + clauses)

    with _running(server, zones, write):
        yield server


@contextmanager
def _running(
    server: DnsServer, zones: Iterable[str], write: Callable[[Path, DnsServer], None]
) -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="named-") as directory:
        folder = Path(directory)
        write(folder, server)
        process = _launch(folder)
        try:
            if not all(_answers_in_time(process, server, zone) for zone in zones):
                raise RuntimeError(f"named did not start: {(folder / 'log').read_text()[-2000:]}")
            yield
        finally:
            _stop(process)
