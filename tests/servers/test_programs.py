"""A missing program skips a test where people work, and fails it in CI."""

from __future__ import annotations

import pytest

from tests.servers.programs import count_skips, find_program, require


def test_a_program_that_is_there_lets_the_test_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    require("sh")


def test_a_missing_program_skips_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-program"):
        require("sh", "no-such-program")


def test_a_missing_program_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-program"):
        require("no-such-program")


def test_a_program_is_sought_in_usr_sbin_too(monkeypatch: pytest.MonkeyPatch) -> None:
    require("named")
    monkeypatch.setenv("PATH", "/nowhere")
    assert find_program("named") is not None


def test_skips_for_other_reasons_are_not_counted() -> None:
    assert count_skips([report("these programs are missing: named nsupdate"), report("only on Windows")]) == (
        1,
        {"named", "nsupdate"},
    )


def report(reason: str) -> pytest.TestReport:
    return pytest.TestReport(
        nodeid="t",
        location=("t", 0, "t"),
        keywords={},
        outcome="skipped",
        longrepr=("t", 0, f"Skipped: {reason}"),
        when="setup",
    )
