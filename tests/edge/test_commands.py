from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.edge.commands import Site, site
from tests.servers.client import DnsServer

SLOW = ("dns", "pydantic", "structlog", "watchdog", "asyncio", "aiohttp")


@pytest.fixture
def here(tmp_path: Path, embedded: DnsServer) -> Site:
    return site(tmp_path, embedded)


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_import_nothing_that_is_slow(option: str) -> None:
    code = (
        "import sys; from failover_dns.edge.cli import main\n"
        f"try: main([{option!r}])\n"
        "except SystemExit: pass\n"
        f"print([name for name in {SLOW!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"
    assert "failover-dns" in done.stdout + done.stderr


def test_history_of_a_named_directory_needs_no_library(tmp_path: Path) -> None:
    code = (
        "import sys; from failover_dns.edge.cli import main\n"
        f"main(['history', '--state-dir', {str(tmp_path)!r}])\n"
        "print([name for name in ('dns', 'pydantic', 'structlog') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_command_line_that_is_not_understood_exits_with_64(here: Site) -> None:
    done = here.run("plan", "--no-such-option")
    assert done.returncode == 64
    assert "--no-such-option" in done.stderr


def test_a_wrong_configuration_exits_with_78_and_says_where_and_what(here: Site) -> None:
    here.configuration.write_text(here.configuration.read_text().replace("virtual_ips", "virtual_ip"))
    done = here.run("run")
    assert done.returncode == 78
    assert "pairs[0].virtual_ip" in done.stderr
    assert "virtual_ips" in done.stderr


def test_a_pair_that_is_not_configured_exits_with_78_and_names_those_that_are(here: Site) -> None:
    done = here.run("plan", "dmx")
    assert done.returncode == 78
    assert "no pair is called dmx; the pairs are: dma" in done.stderr


def test_plan_shows_what_would_change_and_changes_nothing(here: Site) -> None:
    here.status(main="OFFLINE", backup="ONLINE")
    before = here.server.records("example.test.")
    done = here.run("plan")
    assert done.returncode == 2
    assert "-dma-main.example.test. A 10.10.10.5" in done.stdout
    assert "+dma-backup.example.test. A 10.10.10.5" in done.stdout
    assert here.server.records("example.test.") == before
    assert not (here.directory / "state").exists()


def test_plan_exits_with_0_when_dns_says_so_already(here: Site) -> None:
    here.run("resync")
    done = here.run("plan")
    assert (done.returncode, "DNS says so already" in done.stdout) == (0, True)


def test_plan_exits_with_1_where_a_fence_is_none_and_does_not_call_that_zone_done(here: Site) -> None:
    here.run("resync")
    update = here.server.update("example.test.")
    update.replace("_failover-dns.dma", 60, "TXT", '"no fence"')
    assert here.server.rcode(update) == "NOERROR"
    done = here.run("plan")
    assert done.returncode == 1
    assert "withheld: " in done.stdout
    assert "DNS says so already" not in done.stdout


def test_plan_exits_with_1_when_a_primary_cannot_be_read(here: Site) -> None:
    text = here.configuration.read_text()
    here.configuration.write_text(text.replace(f":{here.server.port}", ":1"))
    done = here.run("plan")
    assert done.returncode == 1
    assert "cannot be reached" in done.stdout


def test_resync_moves_the_records_and_says_what_it_did_in_json(here: Site) -> None:
    here.status(main="OFFLINE", backup="ONLINE")
    done = here.run("resync", "--json")
    said = json.loads(done.stdout)
    assert done.returncode == 0
    assert said["online"] == "dma-backup.example.test."
    assert said["in_order"] is True
    assert {change["verdict"]["verdict"] for change in said["changes"]} == {"applied"}
    assert here.run("plan").returncode == 0


def test_resync_of_a_pair_of_which_nothing_is_known_holds_and_exits_with_1(here: Site) -> None:
    here.status(main="", backup="not online")
    done = here.run("resync")
    assert done.returncode == 1
    assert "held, DNS stays as it is (nobody_online" in done.stdout
    assert "which is not a known word" in done.stdout


def test_history_shows_the_changes_and_verifies_their_chain(here: Site) -> None:
    here.status(main="OFFLINE", backup="ONLINE")
    here.run("resync")
    assert here.run("history").stdout.count("applied") == 2
    lines = here.run("history", "--json", "--event", "intent").stdout.splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["intent", "intent"]
    done = here.run("history", "--verify")
    assert (done.returncode, "the chain is whole" in done.stdout) == (0, True)


def test_history_verify_names_the_first_broken_line(here: Site) -> None:
    here.status(main="OFFLINE", backup="ONLINE")
    here.run("resync")
    log = here.directory / "state" / "changes.jsonl"
    log.write_bytes(log.read_bytes().replace(b"10.10.10.5", b"10.10.10.6", 1))
    done = here.run("history", "--verify")
    assert done.returncode == 1
    assert "the chain is broken at line 3" in done.stderr


def test_history_where_there_is_none_says_where_it_was_looked_for(here: Site) -> None:
    done = here.run("history")
    assert done.returncode == 1
    assert f"there is no change log in {here.directory}/state" in done.stderr


def test_check_says_of_each_line_that_it_is_ok(here: Site) -> None:
    done = here.run("check")
    assert done.returncode == 0
    assert all(line.startswith("ok") for line in done.stdout.splitlines())
    assert "dma-backup.example.test. A may be changed" in done.stdout


def test_check_changes_nothing(here: Site) -> None:
    before = {zone: here.server.records(zone) for zone in ("example.test.", "10.10.10.in-addr.arpa.")}
    serial = here.server.serial("example.test.")
    here.run("check")
    assert {zone: here.server.records(zone) for zone in before} == before
    assert here.server.serial("example.test.") == serial


@pytest.mark.parametrize("lines", [0, 1, 4])
def test_check_ends_quietly_when_nobody_reads_on(here: Site, lines: int) -> None:
    done = here.read_only(lines, "check")
    assert (done.returncode, done.stderr) == (0, "")


def test_watch_ends_quietly_when_nobody_reads_on(here: Site) -> None:
    here.configuration.write_text(f"look_s = 0.1\n{here.configuration.read_text()}")
    done = here.read_only(0, "watch", "--json")
    assert (done.returncode, done.stderr) == (0, "")


def test_check_says_what_is_wrong_with_a_key_and_what_to_do(here: Site) -> None:
    (here.directory / "key").write_text("d3Jvbmcgc2VjcmV0IG9mIDMyIG9jdGV0cyBsZW5ndGg=")
    done = here.run("check")
    assert done.returncode == 1
    assert "BADSIG" in done.stdout
    assert "compare secret and algorithm" in done.stdout


def test_check_says_of_an_unknown_source_that_it_moves_nothing(here: Site) -> None:
    (here.directory / "dma-main.status").unlink()
    done = here.run("check")
    assert done.returncode == 1
    assert "dma-main.example.test. is UNKNOWN" in done.stdout


@pytest.mark.parametrize("agent", ["dma-backup", "dma-backup.example.test.", "DMA-BACKUP.example.test"])
def test_report_writes_the_agents_status_file(here: Site, agent: str) -> None:
    assert here.run("report", "dma", agent, "online").returncode == 0
    assert (here.directory / "dma-backup.status").read_text().strip() == "ONLINE"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["dma", "dma-third", "ONLINE"],
            "pair dma has no agent dma-third; its agents are dma-main.example.test.",
        ),
        (["dma", "dma-main", "RUNNING"], "say ONLINE, OFFLINE, SWITCHING or UNKNOWN"),
        (["dmx", "dma-main", "ONLINE"], "no pair is called dmx"),
    ],
)
def test_report_refuses_what_it_does_not_know(here: Site, arguments: list[str], said: str) -> None:
    done = here.run("report", *arguments)
    assert done.returncode in {1, 78}
    assert said in done.stderr
    assert (here.directory / "dma-main.status").read_text() == "ONLINE"


def test_report_to_a_pairs_file_writes_who_is_online(here: Site) -> None:
    text = here.configuration.read_text()
    for agent in ("main", "backup"):
        path = f"{here.directory}/dma-{agent}.status"
        text = text.replace(f'sources = [{{ type = "file", path = "{path}" }}]\n', "")
    at = text.index("[[pairs.agents]]")
    pair = f'sources = [{{ type = "file", path = "{here.directory}/online" }}]\n'
    here.configuration.write_text(text[:at] + pair + text[at:])
    assert here.run("report", "dma", "dma-backup", "ONLINE").returncode == 0
    assert "dma-backup.example.test. is online" in here.run("resync").stdout
    refused = here.run("report", "dma", "dma-backup", "OFFLINE")
    assert refused.returncode == 1
    assert "report the other agent ONLINE" in refused.stderr


def test_report_to_an_agent_of_another_source_is_refused(here: Site) -> None:
    text = here.configuration.read_text()
    path = f'{here.directory}/dma-main.status"'
    here.configuration.write_text(
        text.replace(f'type = "file", path = "{path}', f'type = "dms", path = "{path}')
    )
    done = here.run("report", "dma", "dma-main", "ONLINE")
    assert done.returncode == 1
    assert "has no status file; its source is of another type: nothing to report to" in done.stderr


def test_init_prints_a_draft_from_each_agent_s_file(tmp_path: Path, here: Site) -> None:
    for name in ("main", "backup"):
        xml = '<DMS><Failover><VirtualIPs><VirtualIP address="10.10.10.5"/></VirtualIPs></Failover></DMS>'
        (tmp_path / f"{name}.xml").write_text(xml)
    done = here.run(
        "init", "--dms", f"{tmp_path}/main.xml", "--dms", f"{tmp_path}/backup.xml", configured=False
    )
    assert done.returncode == 0
    (pair,) = tomllib.loads(done.stdout)["pairs"]
    assert pair["virtual_ips"] == ["10.10.10.5"]
    paths = [agent["sources"][0]["path"] for agent in pair["agents"]]
    assert paths == [f"{tmp_path}/main.xml", f"{tmp_path}/backup.xml"]


def test_init_without_a_file_exits_with_64(here: Site) -> None:
    done = here.run("init", configured=False)
    assert done.returncode == 64
    assert "--dms" in done.stderr


def test_status_says_which_zone_is_done_and_which_is_behind(here: Site) -> None:
    here.status(main="OFFLINE", backup="ONLINE")
    text = here.configuration.read_text()
    ours, unserved = f":{here.server.port}", ":1"
    at = text.rindex(ours)
    here.run("resync")
    assert here.run("status").returncode == 0
    here.status(main="ONLINE", backup="OFFLINE")
    here.configuration.write_text(text[:at] + unserved + text[at + len(ours) :])
    here.run("resync")
    done = here.run("status")
    assert done.returncode == 1
    assert "zone example.test.  dma-main.example.test. online: done " in done.stdout
    assert "zone 10.10.10.in-addr.arpa.  dma-backup.example.test. online: done " in done.stdout
    assert "behind: another zone was moved later" in done.stdout
    assert {json.loads(line)["zone"] for line in here.run("status", "--json").stdout.splitlines()} == {
        "example.test.",
        "10.10.10.in-addr.arpa.",
    }
