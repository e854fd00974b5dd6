"""Every rule of the daemon that is broken on purpose is found within the budget of CI."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation.faults import FAULTS, Edit, Fault, NoOpError, broken_copy
from tests.simulation.running import run_seeds

SEEDS = 200


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_broken_rule_is_found(fault: Fault, tmp_path: Path) -> None:
    broken_copy(fault, tmp_path)
    ran = run_seeds(1, SEEDS, package=tmp_path)
    assert ran.returncode == 1, ran.stdout[-2000:] + ran.stderr[-2000:]
    assert fault.shows in "".join(line for line in ran.stdout.splitlines() if line.startswith("violated: "))


def test_a_fault_that_changes_nothing_is_no_fault(tmp_path: Path) -> None:
    fault = Fault("nothing", "", (Edit("core/decide.py", "a text that is not there", ""),))
    with pytest.raises(NoOpError):
        broken_copy(fault, tmp_path)
