"""Seeds in a process of their own: the order of sets is the same there every time, and so a seed's story."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 900.0


def run_seeds(
    first: int, count: int, *, package: Path | None = None, steps: int = 200
) -> subprocess.CompletedProcess[str]:
    """Run seeds as `./run simulate` does, with the package that lies in the directory `package`, if one is named."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    environment["PYTHONPATH"] = os.pathsep.join(str(path) for path in (package, ROOT) if path is not None)
    command = [sys.executable, "-m", "tests.simulation", "--processes", "1", "--share", "1"]
    return subprocess.run(
        [*command, "--seed", str(first), "--seeds", str(count), "--steps", str(steps)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )
