"""Telling the commands of this host where the control channel is, and what its token is: two files of the owner's."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from failover_dns.edge.control.words import PLACE, TOKEN

REPLACE_TRIES = 20
REPLACE_PAUSE_S = 0.05
"""Windows lets nobody replace a file that a reader has open (WinError 5, 32, 33); a reader has it for moments."""


@contextmanager
def announced(directory: Path, place: Mapping[str, Any], token: str) -> Iterator[None]:
    """Have both files in the state directory for as long as this lasts; each is put there in one step."""
    said = {**place, "pid": os.getpid()}
    _put(directory / TOKEN, f"{token}\n")
    _put(directory / PLACE, json.dumps(said) + "\n")
    try:
        yield
    finally:
        for path in (directory / PLACE, directory / TOKEN):
            with suppress(OSError):  # a command may read it now (Windows); what is left behind leads nowhere
                path.unlink()


def _put(target: Path, text: str) -> None:
    descriptor, name = tempfile.mkstemp(
        dir=target.parent, prefix=f".{target.name}.", suffix=".tmp"
    )  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        _replace(Path(name), target)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _replace(written: Path, target: Path) -> None:
    for _ in range(REPLACE_TRIES - 1):
        try:
            written.replace(target)
        except PermissionError:
            time.sleep(REPLACE_PAUSE_S)
        else:
            return
    written.replace(target)
