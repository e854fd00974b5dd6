"""A program that a benchmark starts, waits for and ends, with all that it started itself."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

START_S = 20.0
STOP_S = 10.0
POLL_S = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a process holds."""

    kib: int
    descriptors: int
    threads: int


@contextmanager
def running(command: Sequence[str], errors: Path, *, ready: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command`, whose standard error is kept in `errors`, from when it says `ready` there.

    At the end it gets SIGTERM, as from a service manager, and what is left of its process group is killed.
    """
    with errors.open("wb") as file:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=file, process_group=0)
    try:
        _await(process, errors, ready)
        yield process
    finally:
        _stop(process)


def cpu_ms(process: subprocess.Popen[bytes]) -> float:
    """Return the processor time that all threads of the process have used (clock_getcpuclockid(3))."""
    return time.clock_gettime_ns((~process.pid << 3) | 2) / 1e6


def held(pid: int) -> Held:
    """Return what the process holds now."""
    process = Path(f"/proc/{pid}")
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    return Held(
        kib=int(status["VmRSS"].split()[0]),
        descriptors=len(list((process / "fd").iterdir())),
        threads=int(status["Threads"]),
    )


def _await(process: subprocess.Popen[bytes], errors: Path, ready: str) -> None:
    deadline = time.monotonic() + START_S
    while ready not in errors.read_text():
        with suppress(subprocess.TimeoutExpired):
            process.wait(POLL_S)
            raise RuntimeError(f"{process.args!r} ended at once: {errors.read_text()[-2000:]}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"{process.args!r} is not ready: {errors.read_text()[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
