"""bandit's rules, which ruff has as S, hold for the whole program; each exception stands with its reason."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
EXCEPTION = re.compile(r"# noqa: .*\bS\d{3}\b.*")


def lint() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    return found


def test_no_rule_of_bandits_is_off_for_the_program() -> None:
    off = [rule for rule in lint()["ignore"] if re.fullmatch(r"S\d*", rule)]
    for place, rules in lint()["per-file-ignores"].items():
        if place.startswith("daemon"):
            off += [rule for rule in rules if re.fullmatch(r"S\d*", rule)]
    assert (lint()["select"], off) == (["ALL"], [])


def test_each_exception_in_the_program_says_why() -> None:
    silent = [
        f"{path.name}: {line.strip()}"
        for path in sorted((ROOT / "daemon").rglob("*.py"))
        for line in path.read_text().splitlines()
        if (found := EXCEPTION.search(line)) and " - " not in found[0]
    ]
    assert silent == []
