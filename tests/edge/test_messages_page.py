"""docs/messages.md explains each word that operators may meet: none is missing, and none is left over."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from failover_dns.conduct.walk import Why
from failover_dns.core import decide, events
from failover_dns.core.entries import Cause
from failover_dns.core.guard import Refused
from failover_dns.core.model import Role
from failover_dns.core.outcome import Said, Verdict
from failover_dns.edge import logs, status
from failover_dns.edge.cli import EXIT_CODES

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "daemon" / "failover_dns"
PAGE = (ROOT / "docs" / "messages.md").read_text(encoding="utf-8")
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
LOGS = {"log", "_log"}


def explained(heading: str) -> list[str]:
    """Return the words that the first column of a section's table has."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)


def told(call: ast.Call) -> str | None:
    """Return the event that a call logs, None for any other call."""
    match call:
        case ast.Call(
            func=ast.Attribute(attr=level, value=ast.Name(id=log) | ast.Attribute(attr=log)),
            args=[ast.Constant(value=str(event)), *_],
        ) if level in LEVELS and log in LOGS:
            return event
        case ast.Call(func=ast.Name(id="tell"), args=[ast.Constant(value=str(event)), *_]):
            return event
        case _:
            return None


def calls(path: Path) -> Iterator[ast.Call]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def logged() -> set[str]:
    """Return every event that the daemon may log."""
    found = {told(call) for path in PACKAGE.rglob("*.py") for call in calls(path)} - {None}
    return {str(event) for event in found} | set(logs.EVENTS.values())


def shown(**pair: Any) -> str:
    """Return what `status` has in its column DNS."""
    nothing = dict.fromkeys(("online", "reason", "since", "last_change", "frozen", "penalty", "in_flight"))
    row = {"pair": "dma", **nothing, "agents": (), "dns": (), "wrong": (), "in_order": False, **pair}
    _, line = status.table([row], colour=False)
    return re.split(r"\s{2,}", line)[3]


def test_every_log_event_is_explained() -> None:
    found = explained("Log events")
    assert sorted(found) == sorted(logged())


def test_an_event_would_be_found_wherever_it_is_logged() -> None:
    call = next(ast.walk(ast.parse("self._log.warning('new_event', pair=pair)", mode="eval").body))
    assert isinstance(call, ast.Call)
    assert told(call) == "new_event"


@pytest.mark.parametrize(
    ("heading", "words"),
    [
        ("Roles", Role),
        ("Reasons", decide.Reason),
        ("Refusals", Refused),
        ("Verdicts", Verdict),
        ("Answers", Said),
        ("Wake-ups", Why),
        ("Causes", Cause),
    ],
)
def test_every_word_is_explained(heading: str, words: type[StrEnum]) -> None:
    assert sorted(explained(heading)) == sorted(words)


def test_every_line_of_the_change_log_is_explained() -> None:
    assert sorted(explained("Lines of the change log")) == sorted(events.EVENTS)


def test_every_state_of_a_pair_is_explained() -> None:
    states = {
        shown(decision="none"),
        shown(decision="hold"),
        shown(decision="move", in_order=True),
        shown(decision="move", in_order=False),
    }
    assert sorted(explained("States in `status`")) == sorted(states)


def test_every_exit_code_is_explained() -> None:
    assert explained("Exit codes") == re.findall(r"^  (\d+) ", EXIT_CODES, re.MULTILINE)
