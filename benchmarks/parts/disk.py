"""Where a benchmark keeps its files: on a disk, since what is in memory costs no fsync."""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = {"tmpfs", "ramfs"}


def add_directory(parser: argparse.ArgumentParser) -> None:
    """Let the command line say which disk to use."""
    parser.add_argument(
        "--directory",
        type=Path,
        default=Path("/var/tmp"),  # noqa: S108 - on a disk as a rule (FHS 5.15); only a new directory is used
        help="on the disk to measure with (default %(default)s)",
    )


@contextmanager
def on_disk(parent: Path) -> Iterator[Path]:
    """Return a directory in `parent` that is gone afterwards; whatever else is temporary goes there too."""
    if file_system(parent) in MEMORY:
        raise SystemExit(
            f"{parent} is in memory ({file_system(parent)}); give a --directory that is on a disk"
        )
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="failover-dns-bench-", dir=parent) as folder:
        tempfile.tempdir = folder
        try:
            yield Path(folder)
        finally:
            tempfile.tempdir = before


def file_system(place: Path) -> str:
    """Return the kind of file system that holds `place`, as stat(1) calls it."""
    command = ["stat", "--file-system", "--format", "%T", str(place)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
