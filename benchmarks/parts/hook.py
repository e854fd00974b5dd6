"""What people use today, hook.sh, as one side of the benchmark."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.parts import inotify
from benchmarks.parts.keyfile import write_key
from benchmarks.parts.process import running
from benchmarks.parts.side import Side
from tests.servers.client import DnsServer

AGENTS = ("hook-main", "hook-backup")
ADDRESS = "10.10.10.6"
MODES = {
    "one-after-the-other": "hook, nsupdate twice, one after the other",
    "side-by-side": "hook, nsupdate twice, side by side",
    "one-process": "hook, one nsupdate for both zones",
}
SCRIPT = Path(__file__).with_name("hook.sh")


def events() -> tuple[str, list[str]]:
    """Return what tells the hook of a change, in words and as a command that lacks the directory."""
    found = shutil.which("inotifywait")
    if found:
        return "inotifywait --monitor", [
            found,
            "--monitor",
            "--event",
            "close_write,moved_to",
            "--format",
            "%f",
        ]
    what = "a minimal inotify loop in Python (inotifywait is not installed)"
    return what, [sys.executable, "-S", inotify.__file__]


@contextmanager
def running_hook(mode: str, folder: Path, server: DnsServer) -> Iterator[Side]:
    """Run the hook in `folder` until the block ends."""
    watched = folder / "status"
    watched.mkdir(parents=True)
    status, log = watched / "online", folder / "log"
    log.touch()
    arguments = [
        str(argument) for argument in (status, write_key(folder, server), server.host, server.port, log, mode)
    ]
    command = ["/bin/sh", str(SCRIPT), *arguments, *events()[1], str(watched)]
    with (
        running(command, folder / "stderr", ready="Watches established."),
        Side(MODES[mode], AGENTS, status, log, _outcome) as side,
    ):
        yield side


def _outcome(line: bytes) -> str | None:
    zone, _, end = line.decode().partition(" ")
    if end != "done":
        raise RuntimeError(f"the hook's log says: {line.decode()}")
    return zone
