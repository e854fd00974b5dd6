"""BIND that tells of changes by NOTIFY, and BIND that has its zones from such a one; both on loopback.

`tests.servers.bind` starts one that tells nobody; here stands only what these two have besides.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.servers.bind import SILENT, command, running_bind, write_configuration
from tests.servers.client import DnsServer
from tests.servers.programs import HOST, answers_in_time, free_port, stop

__all__ = ["AT_ONCE", "SILENT", "free_port", "running_primary", "running_secondary"]

AT_ONCE = "notify-delay 0;"
"""What an operator sets for others to hear of each change: BIND keeps 5 s between two NOTIFY of a zone by itself."""


@contextmanager
def running_primary(
    zones: Mapping[str, str], *, tells: Iterable[int], options: str = AT_ONCE
) -> Iterator[DnsServer]:
    """Run a primary that sends NOTIFY to the ports that it `tells`, with these `options` beside."""
    told = "".join(f" {HOST} port {port};" for port in tells)
    telling = f"notify explicit; also-notify {{{told} }}; {options}"
    with running_bind(zones, options=telling) as server:
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
    with tempfile.TemporaryDirectory(prefix="named-") as directory:
        folder = Path(directory)
        write_configuration(folder, {}, server, options=options)
        with (folder / "named.conf").open("a") as file:
            file.write(clauses)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command(folder), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            if not all(answers_in_time(process, server, zone) for zone in zones):
                raise RuntimeError(f"named did not start: {(folder / 'log').read_text()[-2000:]}")
            yield server
        finally:
            stop(process)
