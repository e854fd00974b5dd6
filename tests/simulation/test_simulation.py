"""Whatever happens to hosts, servers, network and daemons, no invariant is violated (`invariants`)."""

from __future__ import annotations

import pytest

from tests.simulation.running import run_seeds

SEEDS = 2000
STEPS = 200
SHARE = 50


@pytest.mark.parametrize("first", range(1, SEEDS + 1, SHARE))
def test_no_invariant_is_violated(first: int) -> None:
    ran = run_seeds(first, SHARE, steps=STEPS)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("seed", [3, 17, 1_000_003])
def test_a_seed_tells_the_same_story_every_time(seed: int) -> None:
    once, again = run_seeds(seed, 1), run_seeds(seed, 1)
    assert once.stdout.count("step ") == STEPS
    assert once.stdout == again.stdout
