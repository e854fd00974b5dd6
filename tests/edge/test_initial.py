"""`failover-dns init` drafts what DMS.xml says, asks for the rest, and copies nothing else."""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path
from typing import Any

import pytest

from failover_dns.core.errors import FailoverDnsError
from failover_dns.edge.initial import init
from failover_dns.edge.settings.load import read_tables
from failover_dns.edge.settings.problems import ConfigurationError

FILE = """<DMS xmlns="http://www.skyline.be/config/dms">
  <Redirects><Redirect to="10.1.1.1" user="admin" pwd="c29tZSBwYXNzd29yZA"/></Redirects>
  <Failover active="true"><State state="online"/>{}
    <VirtualIPs>
      <VirtualIP address="10.10.10.5"/><VirtualIP address="2001:db8::5"/><VirtualIP address=""/>
    </VirtualIPs>
  </Failover>
</DMS>"""
AGENTS = '<Agents><Agent name="DMA-MAIN.example.test"/><Agent name="DMA-BACKUP"/></Agents>'


def written(folder: Path, name: str, content: str) -> str:
    (folder / name).write_text(content)
    return str(folder / name)


def drafted(capsys: pytest.CaptureFixture[str], *paths: str) -> tuple[str, dict[str, Any]]:
    assert init(argparse.Namespace(dms=list(paths))) == 0
    text = capsys.readouterr().out
    return text, tomllib.loads(text)


def test_one_file_gives_its_virtual_ips_and_a_question_mark_for_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, "DMS.xml", FILE.format(""))
    text, tables = drafted(capsys, path)
    (pair,) = tables["pairs"]
    assert (pair["layout"], pair["virtual_ips"]) == ("agent-name", ["10.10.10.5", "2001:db8::5"])
    first, second = pair["agents"]
    assert (first["name"], first["addresses"]) == ("?", ["?"])
    assert first["sources"] == [{"type": "dms", "path": path}]
    assert second["sources"] == [{"type": "dms", "path": "?"}]
    assert [zone["name"] for zone in tables["zones"]] == ["?", "?", "?"]
    assert "the zone of 5.10.10.10.in-addr.arpa., often 10.10.10.in-addr.arpa." in text
    assert "c29tZSBwYXNzd29yZA" not in text
    assert "admin" not in text


def test_two_files_are_the_two_agents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [written(tmp_path, name, FILE.format("")) for name in ("main.xml", "backup.xml")]
    _, tables = drafted(capsys, *paths)
    assert [agent["sources"][0]["path"] for agent in tables["pairs"][0]["agents"]] == paths


def test_agents_that_are_named_keep_their_names_and_a_missing_domain_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, tables = drafted(capsys, written(tmp_path, "DMS.xml", FILE.format(AGENTS)))
    assert [agent["name"] for agent in tables["pairs"][0]["agents"]] == [
        "dma-main.example.test.",
        "dma-backup.?",
    ]


def test_a_name_that_is_none_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = AGENTS.replace("DMA-BACKUP", "x&quot;]&#10;[keys.evil]")
    _, tables = drafted(capsys, written(tmp_path, "DMS.xml", FILE.format(odd)))
    assert [agent["name"] for agent in tables["pairs"][0]["agents"]] == ["?", "?"]


def test_files_that_disagree_are_left_to_a_person(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main = written(tmp_path, "main.xml", FILE.format(""))
    backup = written(tmp_path, "backup.xml", "<DMS><Failover/></DMS>")
    text, tables = drafted(capsys, main, backup)
    assert tables["pairs"][0]["virtual_ips"] == ["?"]
    assert "# the files disagree: 10.10.10.5, 2001:db8::5 and none" in text


def test_a_file_without_virtual_ips_asks_for_them_and_for_their_zone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, tables = drafted(capsys, written(tmp_path, "DMS.xml", "<DMS><Failover/></DMS>"))
    assert tables["pairs"][0]["virtual_ips"] == ["?"]
    assert "the reverse zone of the virtual IP" in text


def test_each_question_mark_is_refused_and_the_end_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, tables = drafted(capsys, written(tmp_path, "DMS.xml", FILE.format("")))
    assert text.rstrip().splitlines()[-1] == "#   5. failover-dns run"
    with pytest.raises(ConfigurationError) as refused:
        read_tables(tables, {}, path=tmp_path / "failover-dns.toml", platform="linux")
    told = str(refused.value)
    for key in (
        "keys.failover-key.secret_file",
        "zones[0].name",
        "zones[2].primaries[0]",
        "pairs[0].agents[0].name",
        "pairs[0].agents[1].addresses[0]",
    ):
        assert f"{key}: " in told


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (
            FILE.format("").replace("<Failover", '<Failover FailoverType="HostName"'),
            "the pair shares a host name",
        ),
        ("<DMS/>", "has no Failover"),
        ("<DMS>", "it is not complete XML"),
        ("<!DOCTYPE DMS><DMS/>", "it has a document type"),
    ],
)
def test_what_is_no_pair_with_virtual_ips_ends_with_exit_code_1(
    tmp_path: Path, content: str, what: str
) -> None:
    path = written(tmp_path, "DMS.xml", content)
    with pytest.raises(FailoverDnsError, match=what) as refused:
        init(argparse.Namespace(dms=[path]))
    assert refused.value.exit_code == 1


@pytest.mark.parametrize(
    ("paths", "what"),
    [
        (["/nonexistent/DMS.xml"], "cannot be read"),
        (["x\0"], "cannot be read"),
        ([], "0 files were given"),
        (["a", "b", "c"], "3 files were given"),
    ],
)
def test_files_that_cannot_be_read_are_told(paths: list[str], what: str) -> None:
    with pytest.raises(FailoverDnsError, match=what):
        init(argparse.Namespace(dms=paths))
