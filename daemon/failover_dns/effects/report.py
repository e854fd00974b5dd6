"""Writing a status file for scripts, so that no reader ever sees half of one.

The new content is written beside the file and put in its place in one step (rename(2)). What is written reads
back, by the same format, as the role that was meant.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from failover_dns.core.model import Role
from failover_dns.core.roles import Format, fold, read_text

DEFAULT_MODE = 0o644
"""For a file that is new: the daemon, under its own account, must be able to read it."""

MAX_TRIES = 20
PAUSE_S = 0.05
"""Windows lets nobody replace a file that a reader has open; a reader has it open for milliseconds."""


class UnwritableError(ValueError):
    """The format has no way to say the role, or has it where no object can hold it."""


def write_status(  # noqa: PLR0913 - the last two are another platform, for tests
    path: str,
    role: Role,
    since_s: float,
    *,
    form: Format | None = None,
    platform: str = sys.platform,
    replace: Callable[[str, Path], None] = os.replace,
) -> None:
    """Write that `role` holds since `since_s` (seconds since 1970) into the status file at `path`.

    Raises UnwritableError if `form` cannot say it, OSError if the file cannot be written.
    """
    content = compose(role, since_s, form or Format())
    target = Path(os.path.realpath(path))  # a link stays, and leads to the new file
    written = _write_beside(target, content)
    try:
        _replace(written, target, replace, MAX_TRIES if platform == "win32" else 1)
    except OSError:
        Path(written).unlink(missing_ok=True)
        raise
    if platform != "win32":
        _sync_directory(target.parent)


def compose(role: Role, since_s: float, form: Format) -> bytes:
    """Return the content that reads back as `role` by `form`; UnwritableError if there is none."""
    word = _word(role, form)
    text = word if form.pointer is None else json.dumps(_document(word, since_s, form))
    content = f"{text}\n".encode()
    said = read_text(content, form)
    if said.role is not role or (said.since_s is None and form.since_pointer and form.pointer is not None):
        raise UnwritableError(f"{text!r} does not read back as {role} since {since_s:g}; change the format")
    return content


def _word(role: Role, form: Format) -> str:
    candidates = [role.value, *sorted(word for word, meant in form.words.items() if meant is role)]
    for word in candidates:
        if form.words.get(fold(word), Role.UNKNOWN) is role:
            return word
    raise UnwritableError(f"no word of the format stands for {role}; add one to its words")


def _document(word: str, since_s: float, form: Format) -> Any:
    root: dict[str, Any] = {}
    if form.pointer:
        _put(root, form.pointer, word)
    if form.since_pointer:
        _put(root, form.since_pointer, datetime.fromtimestamp(since_s, UTC).isoformat())
    return root if form.pointer else word  # an empty pointer means the whole document


def _put(root: dict[str, Any], pointer: str, value: str) -> None:
    """Put `value` where the JSON pointer points, in objects that are made as needed."""
    here: Any = root
    *above, last = [_name(step, pointer) for step in pointer.split("/")]
    for name in above[1:]:
        here = here.setdefault(name, {}) if isinstance(here, dict) else None
    if not isinstance(here, dict) or last in here:
        raise UnwritableError(f"{pointer!r} leads through what another pointer holds; part the two")
    here[last] = value


def _name(step: str, pointer: str) -> str:
    if step == "-" or (step.isascii() and step.isdigit()):
        raise UnwritableError(f"{pointer!r} points into a list; only objects are written, so give it names")
    return step.replace("~1", "/").replace("~0", "~")


def _write_beside(target: Path, content: bytes) -> str:
    descriptor, written = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            Path(written).chmod(_mode(target))
            os.fsync(descriptor)
    except OSError:
        Path(written).unlink(missing_ok=True)
        raise
    return written


def _mode(target: Path) -> int:
    try:
        return stat.S_IMODE(target.stat().st_mode)
    except FileNotFoundError:
        return DEFAULT_MODE


def _replace(written: str, target: Path, replace: Callable[[str, Path], None], tries: int) -> None:
    for _ in range(tries - 1):
        try:
            return replace(written, target)
        except PermissionError:
            time.sleep(PAUSE_S)
    return replace(written, target)


def _sync_directory(directory: Path) -> None:
    with contextlib.suppress(OSError):  # some shares refuse; the file is in place already
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
