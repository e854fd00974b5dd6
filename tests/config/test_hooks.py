"""The hooks' text, as far as it can be judged without Windows, and the notify script, really run."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

from failover_dns.core.model import Role
from failover_dns.core.roles import Format, read_text

CONFIG = Path(__file__).parents[2] / "config"
GOLDEN = Path(__file__).parent / "golden"
HOOKS = ("VIPAcquired", "VIPReleased")
SCRIPTS = (*HOOKS, "Set-DnsRegistration")
FORM = Format(pointer="/role", since_pointer="/since")
posix = pytest.mark.skipif(sys.platform == "win32", reason="a shell script")


def script(name: str) -> str:
    return (CONFIG / "dataminer" / f"{name}.ps1").read_bytes().decode("ascii")


def code(name: str) -> str:
    """Return the script without the lines that are comments."""
    return "\n".join(line for line in script(name).splitlines() if not line.lstrip().startswith("#"))


def wrong(node: Node) -> Iterator[Node]:
    if node.is_error or node.is_missing:
        yield node
    for child in node.children:
        yield from wrong(child)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_parses(name: str) -> None:
    tree = Parser(Language(tree_sitter_powershell.language())).parse(script(name).encode())
    assert not list(wrong(tree.root_node))


def test_a_script_that_does_not_parse_would_be_noticed() -> None:
    tree = Parser(Language(tree_sitter_powershell.language())).parse(b"try { $a = ")
    assert list(wrong(tree.root_node))


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_uses_nothing_newer_than_powershell_5(name: str) -> None:
    assert not re.search(r"\?\?|\?\.|&&|\|\||-Parallel|\? .* : |ConvertFrom-Json -AsHashtable", code(name))


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_never_fails_the_switch(name: str) -> None:
    text = code(name)
    assert text.rstrip().endswith("exit 0")
    assert text.count("exit") == 1
    statements = text[text.rindex("\ntry {") :]
    assert re.search(r"\} catch \{\n    Write-Warning [^\n]*\n\}\nexit 0\s*$", statements)
    assert "[Environment]::Exit" not in text  # it would end the program that runs the hook


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_is_bounded_in_time(name: str) -> None:
    text = code(name)
    assert "WaitOne($MaxSeconds * 1000)" in text
    assert "if ([DateTime]::UtcNow -ge $Until) { throw }" in text


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_writes_beside_and_puts_in_place_and_appends_nothing(name: str) -> None:
    text = code(name)
    for needed in ("[System.IO.File]::Replace($beside, $Path", "[System.IO.File]::Move($beside, $Path)"):
        assert needed in text
    assert "UTF8Encoding($false)" in text
    assert not re.search(r"Add-Content|Out-File|Set-Content|AppendAll|>>|Start-Transcript", text)


def test_the_hooks_differ_in_the_role_only() -> None:
    acquired, released = (code(name).splitlines() for name in HOOKS)
    assert [pair for pair in zip(acquired, released, strict=True) if pair[0] != pair[1]] == [
        ("$Role = 'ONLINE'", "$Role = 'OFFLINE'")
    ]


@pytest.mark.parametrize(("name", "role"), [("VIPAcquired", Role.ONLINE), ("VIPReleased", Role.OFFLINE)])
def test_what_a_hook_writes_reads_as_its_role_since_its_time(name: str, role: Role) -> None:
    golden = (GOLDEN / f"{name}.json").read_bytes()
    reading = read_text(golden, FORM)
    assert (reading.role, reading.since_s) == (role, 1_685_460_184.25)
    (composed,) = re.findall(r"\$text = (.*)", code(name))
    said = {"$Role": role.value, "$since": "2023-05-30T15:23:04.250Z"}
    assert "".join(said.get(part, part.strip("'")) for part in composed.split(" + ")).encode() == golden
    assert """ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", """ in code(name)


def test_registration_is_changed_with_apply_only_and_the_way_back_is_told() -> None:
    text = code("Set-DnsRegistration")
    (change,) = re.findall(r"^\s*Set-DnsClient .*$", text, re.MULTILINE)
    assert "-RegisterThisConnectionsAddress $false" in change
    assert (
        text.index("} elseif ($Apply) {")
        < text.index(change)
        < text.index('} else {\n            "$($client')
    )
    assert "To go back: $back" in text
    assert "-RegisterThisConnectionsAddress `$true" in text


def notify(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [CONFIG / "keepalived" / "notify.sh", *words], capture_output=True, text=True, timeout=60, check=False
    )


@posix
@pytest.mark.parametrize(
    ("state", "role"),
    [
        ("MASTER", Role.ONLINE),
        ("BACKUP", Role.OFFLINE),
        ("FAULT", Role.OFFLINE),
        ("STOP", Role.OFFLINE),
        ("DELETED", Role.UNKNOWN),
    ],
)
def test_the_notify_script_writes_what_keepalived_says(tmp_path: Path, state: str, role: Role) -> None:
    path = tmp_path / "dma-main.json"
    path.write_text("old")
    assert notify("VI_DMA", str(path), "INSTANCE", "VI_DMA", state, "100").returncode == 0
    reading = read_text(path.read_bytes(), FORM)
    assert reading.role is role
    assert reading.since_s is not None
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644


@posix
@pytest.mark.parametrize(
    "words",
    [
        ("INSTANCE", "VI_OTHER", "MASTER", "100"),
        ("GROUP", "VI_DMA", "MASTER", "0"),
        ("INSTANCE", "VI_DMA", "MASTER_RX_LOWER_PRI", "100"),
    ],
)
def test_the_notify_script_leaves_the_file_when_it_is_not_meant(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    path = tmp_path / "dma-main.json"
    path.write_text("old")
    assert notify("VI_DMA", str(path), *words).returncode == 0
    assert path.read_text() == "old"


@posix
def test_the_notify_script_says_what_it_needs_and_leaves_no_file_behind(tmp_path: Path) -> None:
    asked = notify("VI_DMA")
    assert asked.returncode == 64
    assert "usage:" in asked.stderr
    assert notify("VI_DMA", str(tmp_path / "no" / "file"), "INSTANCE", "VI_DMA", "MASTER").returncode != 0
    assert list(tmp_path.iterdir()) == []
