"""systemd's journal, told in its native protocol: one datagram an entry, each field by its name.

https://systemd.io/JOURNAL_NATIVE_PROTOCOL/ says how an entry is written. One that is too large for a datagram
goes as a sealed file in memory, whose descriptor is sent in its place.
"""

from __future__ import annotations

import os
import socket
import sys
from array import array
from collections.abc import Mapping
from errno import EMSGSIZE

if sys.platform == "linux":
    import fcntl

SOCKET = "/run/systemd/journal/socket"


class Journal:
    """The journal of this machine."""

    def __init__(self, address: str = SOCKET) -> None:
        self._address = address
        self._channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._channel.setblocking(False)

    def send(self, fields: Mapping[str, str]) -> bool:
        """Write one entry; return whether the journal has it. Never blocks, never raises."""
        entry = encode(fields)
        try:
            self._channel.sendto(entry, self._address)
        except OSError as error:
            return error.errno == EMSGSIZE and self._send_large(entry)
        return True

    def close(self) -> None:
        """Write no more."""
        self._channel.close()

    def _send_large(self, entry: bytes) -> bool:
        if sys.platform != "linux":
            return False
        try:
            descriptor = _sealed(entry)
            try:
                # Not send_fds: it leaves the address out.
                rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [descriptor]))
                self._channel.sendmsg([], [rights], 0, self._address)
            finally:
                os.close(descriptor)
        except OSError:
            return False
        return True


def encode(fields: Mapping[str, str]) -> bytes:
    """Return the entry: `NAME=value` a line, or for a value of several lines its length in the next eight octets."""
    return b"".join(_field(name, value.encode(errors="replace")) for name, value in fields.items())


def is_stream(stream: str | None, descriptor: int) -> bool:
    """Say whether `descriptor` is the stream to the journal that JOURNAL_STREAM names, as `device:inode`."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return stream == f"{status.st_dev}:{status.st_ino}"


def _field(name: str, value: bytes) -> bytes:
    if b"\n" in value:
        return name.encode() + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"
    return name.encode() + b"=" + value + b"\n"


def _sealed(entry: bytes) -> int:
    descriptor = os.memfd_create("journal-entry", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(entry)
        seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
