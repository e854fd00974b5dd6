"""Telling systemd how the service does: sd_notify(3), one datagram a message.

systemd names its socket in NOTIFY_SOCKET: a path, or a name in the abstract namespace, written with `@`. Where
nobody named one, on Windows above all, nothing is told.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic_ns


class Systemd:
    """The manager that started this process, if it is systemd; `pid` is this process's own."""

    def __init__(self, environ: Mapping[str, str], *, pid: int, platform: str = sys.platform) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", "")) if platform != "win32" else None
        self.watchdog_s = _watchdog_s(environ, pid) if self._address else None
        """How long after a sign of life systemd waits for the next one; None where it does not watch."""

    def tell(self, *lines: str) -> bool:
        """Send one message, such as `READY=1`; return whether systemd has it. Never blocks, never raises."""
        if self._address is None:
            return False
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.setblocking(False)
            channel.sendto("\n".join(lines).encode(), self._address)
            return True
        return False

    def reloading(self) -> bool:
        """Say that the configuration is being read anew; `READY=1` ends it. systemd 253 wants the time too."""
        return self.tell("RELOADING=1", f"MONOTONIC_USEC={monotonic_ns() // 1000}")


def _address(text: str) -> str | None:
    if text.startswith("@"):
        return "\0" + text[1:]
    return text if text.startswith("/") else None


def _watchdog_s(environ: Mapping[str, str], pid: int) -> float | None:
    """Return WATCHDOG_USEC in seconds, unless WATCHDOG_PID says that another process is meant."""
    usec, meant = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", str(pid))
    if not (usec.isascii() and usec.isdecimal()) or meant != str(pid):
        return None
    return int(usec) / 1e6 or None
