from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from failover_dns.edge.cli import HANDLERS, SHELLS
from failover_dns.edge.completion import completion_text
from failover_dns.edge.manpage import manpage
from tests.edge.test_service_command import run_command
from tests.servers.programs import require


def test_the_page_has_every_command_and_the_exit_codes() -> None:
    page = manpage()
    for command in HANDLERS:
        assert f"failover\\-dns {command}" in page
    assert "78   the configuration is wrong" in page


def test_the_page_is_the_same_on_any_day_and_at_any_width(monkeypatch: pytest.MonkeyPatch) -> None:
    before = manpage()
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    assert manpage() == before


def test_groff_finds_nothing_wrong_with_the_page(tmp_path: Path) -> None:
    require("groff")
    page = tmp_path / "failover-dns.1"
    page.write_text(manpage(), encoding="utf-8")
    done = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8", page], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    assert "keeps DNS telling the truth" in done.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_s_completion_has_every_command(shell: str) -> None:
    done = run_command("completion", shell)
    assert done.returncode == 0
    assert [command for command in HANDLERS if command not in done.stdout] == []


def completed(*words: str, directory: Path) -> list[str]:
    """Return what bash offers for the last of `words`."""
    script = (
        f"{completion_text('bash')}\n"
        'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_TYPE=9\n'
        '_shtab_failover_dns failover-dns "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"\n'
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", script, "bash", *words],
        cwd=directory,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.split()


@pytest.mark.needs("bash")
def test_bash_completes_a_command(tmp_path: Path) -> None:
    assert completed("failover-dns", "res", directory=tmp_path) == ["resync"]


@pytest.mark.needs("bash")
def test_bash_completes_a_file_where_a_file_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "site.toml").touch()
    assert completed("failover-dns", "run", "--config", "si", directory=tmp_path) == ["site.toml"]
