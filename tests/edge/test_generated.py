import re
import shutil
from pathlib import Path

import pytest

from failover_dns.core.model import Layout
from failover_dns.core.roles import WORDS
from failover_dns.edge.generate import MANPAGE, OPENAPI, README, REFERENCE, SCHEMA, generated, main
from failover_dns.edge.settings.load import load
from tests.edge.settings.test_load import secret_file

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "config/failover-dns.toml"
PRINTED = 'key "failover-key" { algorithm hmac-sha256; secret "c2VjcmV0LW9mLWVub3VnaC1ieXRlcw=="; };'


def test_the_schema_and_the_reference_are_as_the_code_has_them() -> None:
    for path, text in generated(ROOT):
        assert (ROOT / path).read_text(encoding="utf-8") == text, f"{path} is stale: ./run generate"


def test_check_names_what_is_stale_and_writing_mends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (SCHEMA, REFERENCE, README, MANPAGE, OPENAPI):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    assert main(["--check"], tmp_path) == 0
    (tmp_path / SCHEMA).unlink()
    (tmp_path / REFERENCE).write_text("<!-- generated: LogTable -->\nold\n<!-- end -->\n")
    assert main(["--check"], tmp_path) == 1
    assert capsys.readouterr().err == (
        "config/schema.json is stale: write it anew with ./run generate\n"
        "docs/configuration.md is stale: write it anew with ./run generate\n"
    )
    assert main([], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0
    assert "| `level` |" in (tmp_path / REFERENCE).read_text()


def load_text(text: str, folder: Path) -> Layout:
    file = folder / "failover-dns.toml"
    key = secret_file(folder, PRINTED)
    file.write_text(text.replace("/etc/failover-dns/failover-key.key", key), encoding="utf-8")
    (pair,) = load(file, {}, platform="linux").pairs
    return pair.layout


def test_the_example_is_a_right_configuration(tmp_path: Path) -> None:
    assert load_text(EXAMPLE.read_text(encoding="utf-8"), tmp_path) is Layout.AGENT_NAME


def test_the_example_s_comments_are_right_keys_too(tmp_path: Path) -> None:
    text = re.sub(r"^# (\w+ = )", r"\1", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert "\nkeep_physical = true" in text
    assert load_text(text, tmp_path) is Layout.AGENT_NAME


def test_each_layout_has_an_example_that_is_right(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", (ROOT / REFERENCE).read_text(encoding="utf-8"), re.DOTALL)
    assert [load_text(block, tmp_path) for block in blocks] == list(Layout)


def test_the_reference_lists_every_built_in_word() -> None:
    reference = (ROOT / REFERENCE).read_text(encoding="utf-8")
    assert [word for word in WORDS if f"`{word.upper()}`" not in reference] == []


def test_the_reference_shows_a_message_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "failover-dns.toml"
    file.write_text(EXAMPLE.read_text(encoding="utf-8").replace("dma-backup.example.test.", "dma-backup"))
    with pytest.raises(Exception, match="fully qualified") as raised:
        load(file, {}, platform="linux")
    (message,) = (line for line in str(raised.value).splitlines() if "agents[1].name" in line)
    assert message.replace(f"{file}", "failover-dns.toml") in (ROOT / REFERENCE).read_text(encoding="utf-8")
