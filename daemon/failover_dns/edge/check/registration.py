"""Whether Windows registers the addresses of this host's virtual IPs by itself."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence

from failover_dns.edge.findings import Finding
from failover_dns.edge.settings.loaded import Loaded
from failover_dns.effects.addresses import Interfaces, carriers, interfaces_up, registration

POWERSHELL_S = 30.0
"""It takes seconds to start on a machine that has just booted."""


def registrations(
    loaded: Loaded,
    platform: str,
    *,
    run: Callable[[Sequence[str]], str] | None = None,
    interfaces: Callable[[], Interfaces] = interfaces_up,
) -> Iterator[Finding]:
    """Return the interfaces with a virtual IP whose addresses Windows registers by itself."""
    if platform != "win32":
        return
    moving = {ip for pair in loaded.pairs for ip in pair.virtual_ips}
    carrying = carriers(moving, interfaces())
    if carrying:
        for found in registration(run or _printed, platform, carrying):
            yield Finding(ok=False, what=found.what, cure=found.cure)


def _printed(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command of the system's
            command, capture_output=True, text=True, check=True, timeout=POWERSHELL_S
        )
    except subprocess.SubprocessError as error:
        raise OSError(str(error)) from error
    return done.stdout
