"""The file that keeps operators' orders, `orders.json` in the state directory: commands write it, the daemon reads it.

Who writes holds the state directory's lock. Who reads needs none: the file is put in its place in one step.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from failover_dns.core.errors import FailoverDnsError
from failover_dns.core.orders import BrokenOrdersError, Orders, decode, encode
from failover_dns.effects import me

NAME = "orders.json"
MAX_BYTES = 16 * 1024 * 1024
"""More than an order for each of the pairs of the largest configuration."""
REPLACE_TRIES = 20
REPLACE_PAUSE_S = 0.05
"""Windows lets nobody replace a file that a reader has open (WinError 5, 32, 33); a reader has it for moments."""

_UNTIL_THEN = "nothing is changed in DNS until then"


class OrdersError(FailoverDnsError):
    """The orders cannot be read or written; what is ordered is not known, so nothing may be changed."""


class OrdersFile:
    """The orders of one state directory."""

    def __init__(self, state_dir: Path, *, replace: Callable[[Path, Path], object] = os.replace) -> None:
        self.path = state_dir / NAME
        self._replace = replace
        self._seen: tuple[int, int, int] | None = None
        self._orders = Orders()

    def read(self) -> Orders:
        """Return the orders, none if there is no file; it is read only if it is another than last time.

        OrdersError if it cannot be read or is damaged.
        """
        try:
            found = self.path.stat()
            identity = (found.st_ino, found.st_mtime_ns, found.st_size)
            if identity != self._seen:
                self._orders = decode(self._content())
                self._seen = identity
        except FileNotFoundError:
            self._seen, self._orders = None, Orders()
        except BrokenOrdersError as error:
            cure = f"mend it, or remove it and order anew what shall hold; {_UNTIL_THEN}"
            raise OrdersError(f"{self.path} is damaged: {error}", cure) from error
        except OSError as error:
            cure = f"let {me()} read it; {_UNTIL_THEN}"
            raise OrdersError(f"{self.path} cannot be read: {error.strerror or error}", cure) from error
        return self._orders

    def write(self, orders: Orders) -> None:
        """Put `orders` in the place of those before, on the disk and in one step; OrdersError if that fails."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            written = _write_beside(self.path, encode(orders))
            try:
                self._put(written)
            except OSError:
                written.unlink(missing_ok=True)
                raise
        except OSError as error:
            cure = f"let {me()} write there, on a disk with space; what was ordered before holds on"
            raise OrdersError(f"{self.path} cannot be written: {error.strerror or error}", cure) from error
        _sync_directory(self.path.parent)

    def _content(self) -> bytes:
        with self.path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise BrokenOrdersError(f"longer than {MAX_BYTES} bytes")
        return content

    def _put(self, written: Path) -> None:
        for _ in range(REPLACE_TRIES - 1):
            try:
                self._replace(written, self.path)
            except PermissionError:
                time.sleep(REPLACE_PAUSE_S)
            else:
                return
        self._replace(written, self.path)


def _write_beside(target: Path, content: bytes) -> Path:
    """Return a new file of this content, on the disk, that its owner alone may read."""
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
    written = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    except OSError:
        written.unlink(missing_ok=True)
        raise
    return written


def _sync_directory(directory: Path) -> None:
    """Make the file's name durable, where directories can be synced (not on Windows)."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
