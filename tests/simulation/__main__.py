"""Run seeds: `./run simulate --seeds N [--seed S]`.

Exit 0 if no seed violates an invariant; 1 if one does: then its story is printed, and what replays it; 2 if the
simulation itself fails.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TextIO

from tests.simulation.simulation import Report, simulate

HASH_SEED = "0"
"""What a seed replays under: the order of sets of texts is part of what happens."""

EVERY_S = 10.0


def main() -> int:
    arguments = _arguments()
    run = partial(simulate, count=arguments.steps, fence=not arguments.without_fence)
    seeds = range(arguments.seed, arguments.seed + arguments.seeds)
    if len(seeds) == 1:
        report = run(seeds[0])
        _say(str(report))
        return _verdict(report, arguments)
    began_s = told_s = time.monotonic()
    messages = changes = 0
    with ProcessPoolExecutor(arguments.processes) as pool:
        for done, report in enumerate(pool.map(run, seeds, chunksize=arguments.share), start=1):
            messages, changes = messages + report.messages, changes + report.changes
            if report.violations or report.troubles:
                pool.shutdown(wait=False, cancel_futures=True)
                _say(str(report))
                return _verdict(report, arguments)
            if time.monotonic() - told_s > EVERY_S:
                told_s = time.monotonic()
                _say(f"{done} of {len(seeds)} seeds", sys.stderr)
    took_s = time.monotonic() - began_s
    _say(
        f"{len(seeds)} seeds from {seeds[0]}, {arguments.steps} steps each: no invariant violated; "
        f"{messages} messages, {changes} changes of zones, {took_s:.0f} s"
    )
    return 0


def _verdict(report: Report, arguments: argparse.Namespace) -> int:
    for violation in report.violations:
        _say(f"violated: {violation}")
    for trouble in report.troubles:
        _say(f"the simulation itself failed: {trouble}")
    if report.violations or report.troubles:
        options = " --without-fence" if arguments.without_fence else ""
        _say(f"replay: ./run simulate --seeds 1 --seed {report.seed} --steps {arguments.steps}{options}")
    return 2 if report.troubles else 1 if report.violations else 0


def _say(text: str, to: TextIO = sys.stdout) -> None:
    to.write(f"{text}\n")
    to.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many seeds (default 100)")
    parser.add_argument(
        "--seed", type=int, default=1, help="the first seed (default 1); alone, its story is printed"
    )
    parser.add_argument(
        "--steps", type=int, default=200, help="steps of a seed, before the quiet end (default 200)"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="how many at once")
    parser.add_argument("--share", type=int, default=10, help="how many seeds a process takes at a time")
    parser.add_argument(
        "--without-fence", action="store_true", help="leave the decisions of several daemons unordered"
    )
    return parser.parse_args()


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != HASH_SEED:
        os.environ["PYTHONHASHSEED"] = HASH_SEED
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]])  # noqa: S606
    sys.exit(main())
