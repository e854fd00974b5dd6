"""Sources of every kind become the core's values, and each mistake is one problem with its place and its cure."""

from __future__ import annotations

import re
import tomllib
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from failover_dns.core.combine import How
from failover_dns.core.dms import DmsSource
from failover_dns.core.health import PRESETS, HttpSource, Tls
from failover_dns.core.holding import HoldingSource
from failover_dns.core.keepalived import KeepalivedSource
from failover_dns.core.model import Role
from failover_dns.core.slfailover import TextSource
from failover_dns.core.sources import FileSource
from failover_dns.edge.settings.load import read_tables
from failover_dns.edge.settings.reads import FailoverLog, FailoverStatus, Reads, Source
from tests.edge.settings.kinds import kinds
from tests.edge.settings.test_load import (
    BACKUP,
    GONE,
    MAIN,
    problems,
    put,
    read,
    secret_file,
    tables,
    what,
)


def with_source(folder: Path, source: dict[str, Any]) -> dict[str, Any]:
    return put(tables(folder), "pairs.0.agents.0.sources.0", source)


def test_dataminer_s_files_are_read_in_the_order_of_preference(tmp_path: Path) -> None:
    main, _ = read(kinds(tmp_path)).sources["dma"]
    assert main == Reads(
        agent=MAIN,
        combine=How.FIRST,
        sources=(
            Source(
                what=DmsSource(
                    path="/srv/main/DMS.xml", agent=MAIN, zone=ZoneInfo("Europe/Brussels"), keep_good_s=20.0
                )
            ),
            Source(
                what=FailoverLog(
                    TextSource(path="/srv/main/SLFailover.txt", agent=MAIN, zone=ZoneInfo("UTC"))
                ),
                poll_s=2.0,
            ),
            Source(what=FailoverStatus(TextSource(path="/srv/main/FailoverStatus.txt", agent=MAIN))),
        ),
    )


def test_an_endpoint_has_its_preset_s_rules_with_what_is_written_over_them(tmp_path: Path) -> None:
    source = read(kinds(tmp_path)).sources["dma"][1].sources[0].what
    assert isinstance(source, HttpSource)
    assert source.url == "https://backup.example.test:8443/api?x=1"
    assert source.agent == BACKUP
    assert source.rules.pointer == "/role"
    assert source.rules.since_pointer == "/since"
    assert source.rules.status == {200: Role.ONLINE, 503: Role.OFFLINE}
    assert source.rules.require == {"/state": "running", "/service": "up"}
    assert source.rules.words == {**PRESETS["patroni"].words, "hot": Role.ONLINE}
    assert source.rules.pattern is not None
    assert source.headers == {"Authorization": "Bearer abc"}
    assert source.tls == Tls(
        ca_file="/etc/ca.pem",
        cert_file="/etc/client.pem",
        key_file="/etc/client.key",
        server_name="backup.example.test",
    )
    assert (source.interval_s, source.max_age_s, source.rise, source.fall) == (10.0, 30.0, 2, 4)


@pytest.mark.parametrize("preset", list(PRESETS))
def test_a_preset_alone_is_its_rules(tmp_path: Path, preset: str) -> None:
    found = with_source(tmp_path, {"type": "http", "url": "http://10.10.10.1/", "preset": preset})
    assert what(read(found)) == HttpSource(url="http://10.10.10.1/", agent=MAIN, rules=PRESETS[preset])


def test_an_endpoint_with_nothing_but_its_address_says_one_built_in_word(tmp_path: Path) -> None:
    found = with_source(tmp_path, {"type": "http", "url": "http://10.10.10.1/"})
    assert what(read(found)) == HttpSource(url="http://10.10.10.1/", agent=MAIN)


def test_a_pair_s_endpoint_names_the_online_agent(tmp_path: Path) -> None:
    source = what(read(kinds(tmp_path)), "service")
    assert isinstance(source, HttpSource)
    assert (source.agent, source.names["a"]) == (None, "db1.elsewhere.test.")
    assert source.agents == ("db1.elsewhere.test.", "db2.elsewhere.test.")


def test_keepalived_and_the_addresses_of_this_host_are_combined(tmp_path: Path) -> None:
    agent, _ = read(kinds(tmp_path)).sources["vip"]
    assert agent == Reads(
        agent="vip1.example.test.",
        combine=How.ALL,
        sources=(
            Source(
                what=KeepalivedSource(
                    fifo="/run/keepalived.fifo", instance="VI_VIP", agent="vip1.example.test."
                )
            ),
            Source(what=HoldingSource(agent="vip1.example.test.", addresses=(ip_address("10.10.10.15"),))),
        ),
    )


def test_a_file_on_a_share_is_looked_at_every_second_unless_said_otherwise(tmp_path: Path) -> None:
    found = with_source(tmp_path, {"type": "file", "path": "/mnt/a", "polling": True})
    assert read(found).sources["dma"][0].sources == (
        Source(what=FileSource(path="/mnt/a", agent=MAIN), poll_s=1.0),
    )


def test_one_fifo_may_tell_of_two_instances(tmp_path: Path) -> None:
    found = put(
        kinds(tmp_path),
        "pairs.0.agents.0.sources.0",
        {"type": "keepalived", "fifo": "/run/keepalived.fifo", "instance": "VI_DMA"},
    )
    assert what(read(found)) == KeepalivedSource(fifo="/run/keepalived.fifo", instance="VI_DMA", agent=MAIN)


def test_one_endpoint_may_tell_two_roles_by_two_pointers(tmp_path: Path) -> None:
    found = tables(tmp_path)
    for index, name in enumerate(("main", "backup")):
        source = {"type": "http", "url": "http://monitor/", "pointer": f"/{name}"}
        found = put(found, f"pairs.0.agents.{index}.sources.0", source)
    assert [r.agent for r in read(found).sources["dma"]] == [MAIN, BACKUP]


HTTP: dict[str, Any] = {"type": "http", "url": "https://10.10.10.1/"}
PLAIN: dict[str, Any] = {"type": "http", "url": "http://10.10.10.1/"}
DMS: dict[str, Any] = {"type": "dms", "path": "/srv/DMS.xml"}
FIFO: dict[str, Any] = {"type": "keepalived", "fifo": "/run/fifo", "instance": "VI"}

BAD = [
    (
        {"type": "ftp"},
        '.type: "ftp" is not known; write "addresses" or "dms" or "failover-log" or "failover-s',
    ),
    ({"type": "addresses"}, ".trust: is not true, and holding an address is evidence of being online and no"),
    ({"type": "addresses", "trust": "yes"}, '.trust: "yes" is not true or false; write trust = false'),
    ({"type": "file", "path": "/a", "poll_s": 1}, ".poll_s: has no effect without polling; add polling = tr"),
    (
        {"type": "file", "path": "/a", "polling": True, "poll_s": 0},
        ".poll_s: 0 is out of range; give a number from 0.1 to 60",
    ),
    (
        {**DMS, "timezone": "Europe/Bruxelles"},
        '.timezone: "Europe/Bruxelles" is not a known time zone; did you',
    ),
    (
        {**DMS, "timezone": "Mars"},
        '.timezone: "Mars" is not a known time zone; write its IANA name, such as "E',
    ),
    ({**DMS, "timezone": 1}, ".timezone: 1 is not a known time zone; write its IANA name"),
    ({**DMS, "keep_good_s": -1}, ".keep_good_s: -1 is out of range; give a number from 0 to 3600"),
    (
        {**DMS, "pointer": "/a"},
        ".pointer: is not a known key; remove it, or write one of: type, path, polling",
    ),
    ({"type": "dms"}, '.path: is missing; add path = "/run/failover/dma-main.status"'),
    ({**FIFO, "fifo": "run/fifo"}, '.fifo: "run/fifo" is not an absolute path; write it from the root'),
    ({**FIFO, "instance": 'V"I'}, '.instance: "V\\"I" is not a name of a vrrp_instance; write it as in keep'),
    ({"type": "keepalived", "fifo": "/run/fifo"}, '.instance: is missing; add instance = "VI_DMA"'),
    ({"type": "http"}, '.url: is missing; add url = "https://dma-main.example.test/health"'),
    (
        {"type": "http", "url": "10.10.10.1"},
        ".url: it is not the URL of an http or https server; write it as",
    ),
    ({"type": "http", "url": "HTTP://a/"}, ".url: it is not the URL of an http or https server; write it as"),
    ({"type": "http", "url": "http://[::1/"}, ".url: it is not a URL; write it as"),
    (
        {"type": "http", "url": "http://me:abc@a/"},
        ".url: it holds a user or a password; leave them out, and name a file with the header",
    ),
    ({**HTTP, "preset": "patrony"}, '.preset: "patrony" is not known; write "dataminer" or "keepalived" or '),
    ({**HTTP, "regex": "("}, ".regex: is not a regular expression: missing ), unterminated subpattern at po"),
    ({**HTTP, "regex": "a"}, ".regex: needs a group in parentheses around the word; write one such as"),
    (
        {**HTTP, "regex": "(a+)+"},
        ".regex: + at 4 must follow a single character or a class; groups cannot be",
    ),
    ({**HTTP, "regex": "(.*?)"}, ".regex: *? at 2: say what ends it, as in [^<]*; write one such as"),
    ({**HTTP, "regex": 1}, ".regex: 1 is not a regular expression; write one such as"),
    (
        {**HTTP, "status": {"2xx": "ONLINE"}},
        '.status: "2xx" is not an HTTP status code; write one from 100 t',
    ),
    ({**HTTP, "status": {"200": "UP"}}, '.status.200: "UP" is not known; write "ONLINE" or "OFFLINE" or "SW'),
    (
        {**HTTP, "status": {"200": "ONLINE"}, "expect_status": 200},
        ".expect_status: has no effect beside the roles of status codes; remove it, or give that code",
    ),
    (
        {**HTTP, "preset": "patroni", "expect_status": 200},
        ".expect_status: has no effect beside the roles of status codes",
    ),
    ({**HTTP, "since_pointer": "/a"}, ".since_pointer: has no effect without pointer, since the body is the"),
    ({**HTTP, "require": {"state": "up"}}, '.require.state: "state" does not start with "/"; write "/state"'),
    ({**HTTP, "max_age_s": 7}, ".max_age_s: 7.0 is less than looks are apart; give at least 8: 1.2 times in"),
    ({**HTTP, "rise": 0}, ".rise: 0 is out of range; give a number from 1 to 100"),
    ({**HTTP, "interval_s": 0}, ".interval_s: 0 is out of range; give a number from 0.1 to 3600"),
    ({**HTTP, "names": {"a": MAIN}}, ".names: is not a known key; remove it, or write one of: type, url"),
    ({**HTTP, "key_file": "/k"}, ".key_file: stands without cert_file, the certificate that it belongs to; "),
    ({**HTTP, "insecure": True, "ca_file": "/c"}, ".ca_file: has no effect with insecure = true, which chec"),
    ({**HTTP, "insecure": True, "server_name": "a"}, ".server_name: has no effect with insecure = true"),
    ({**PLAIN, "insecure": True}, ".insecure: has no meaning with http://; write https:// in url, or remove"),
    (
        {**PLAIN, "ca_file": "/c"},
        ".ca_file: has no meaning with http://; write https:// in url, or remove it",
    ),
    ({**PLAIN, "cert_file": "/c"}, ".cert_file: has no meaning with http://; write https:// in url"),
    ({**HTTP, "header_files": {"a b": "/a"}}, '.header_files."a b": "a b" is not the name of a header; writ'),
    (
        {**HTTP, "header_files": {"A": "a"}},
        ".header_files.A: what it says is not an absolute path; write it from",
    ),
    (
        {**HTTP, "header_files": {"A": "/nonexistent"}},
        ".header_files.A: the file that it names cannot be rea",
    ),
]


@pytest.mark.parametrize(("source", "said"), BAD)
def test_one_mistake_in_a_source_is_one_problem_with_its_cure(
    tmp_path: Path, source: dict[str, Any], said: str
) -> None:
    (problem,) = problems(with_source(tmp_path, source))
    assert f"pairs[0].agents[0].sources[0]{said}" in problem


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (
            "pairs.1.agents.1.sources.0",
            {"type": "addresses", "trust": True},
            'pairs[1].agents[1].sources[0].type: "addresses" is pairs[1].agents[0].sources[1].type too, and on',
        ),
        (
            "pairs.1.agents.0.combine",
            GONE,
            'pairs[1].agents[0].combine: is missing, and this agent has 2 sources; add combine = "all" if they',
        ),
        (
            "pairs.1.agents.0.combine",
            "any",
            'pairs[1].agents[0].combine: "any" is not known; write "all" or "first"',
        ),
        (
            "pairs.1.agents.0.sources.2",
            {"type": "addresses", "trust": True},
            'pairs[1].agents[0].sources[2].type: "addresses" is pairs[1].agents[0].sources[1].type too; remove',
        ),
        (
            "pairs.1.agents.1.sources.0",
            {"type": "keepalived", "fifo": "/run/./keepalived.fifo", "instance": "VI_VIP"},
            'pairs[1].agents[1].sources[0].instance: "VI_VIP" is pairs[1].agents[0].sources[0].instance too; one',
        ),
        (
            "pairs.1.agents.1.sources.0",
            {"type": "dms", "path": "/srv/main/DMS.xml"},
            'pairs[1].agents[1].sources[0].path: "/srv/main/DMS.xml" is pairs[0].agents[0].sources[0].path too',
        ),
        (
            "pairs.0.agents.0.sources.2",
            {"type": "dms", "path": "/srv/main/DMS.xml"},
            'sources[2].path: "/srv/main/DMS.xml" is pairs[0].agents[0].sources[0].path too; remove one of the',
        ),
        (
            "pairs.2.agents.0.sources",
            [{"type": "http", "url": "http://10.10.10.21/"}],
            "pairs[2].sources: stands beside sources of the pair's agents; keep either this one, which names",
        ),
        (
            "pairs.2.sources.0.names",
            {"A": MAIN},
            'pairs[2].sources[0].names.A: "dma-main.example.test." is not an agent of this pair; write "db1.els',
        ),
        ("pairs.2.sources.0.status", {"200": "ONLINE"}, "pairs[2].sources[0].status: is not a known key; "),
        ("pairs.2.sources.0.preset", "patroni", "pairs[2].sources[0].preset: is not a known key; did"),
        (
            "pairs.2.sources.1",
            {"type": "http", "url": "http://other/"},
            "pairs[2].sources: has 2 entries; give at most 1",
        ),
    ],
)
def test_one_mistake_between_sources_is_one_problem_with_its_cure(
    tmp_path: Path, place: str, value: object, said: str
) -> None:
    (problem,) = problems(put(kinds(tmp_path), place, value))
    assert said in problem


def test_one_endpoint_is_not_two_agents_roles(tmp_path: Path) -> None:
    found = tables(tmp_path)
    for index in range(2):
        found = put(found, f"pairs.0.agents.{index}.sources.0", {"type": "http", "url": "http://monitor/"})
    (problem,) = problems(found)
    assert (
        '.url: "http://monitor/" is pairs[0].agents[0].sources[0].url too; one word cannot be two' in problem
    )


def test_a_service_name_has_no_addresses_to_hold(tmp_path: Path) -> None:
    found = put(tables(tmp_path), "pairs.2.sources", GONE)
    found = put(found, "pairs.2.agents.0.sources", [{"type": "addresses", "trust": True}])
    found = put(found, "pairs.2.agents.1.sources", [{"type": "file", "path": "/run/db2"}])
    (problem,) = problems(found)
    assert '.type: "addresses" has no place in layout "service-name", which has no virtual IP' in problem


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        ("Bearer abc", 0o640, "can be read or changed by its group or others (mode 0640); run `chmod 600"),
        ("Bearer abc", 0o604, "can be read or changed by its group or others (mode 0604); run `chmod 600"),
        ("", 0o600, "the file that it names does not hold one line; write the header's value"),
        ("a\nb", 0o600, "the file that it names does not hold one line; write the header's value"),
        ("é", 0o600, "the file that it names holds more than ASCII; write the header's value"),
        ("A" * 9000, 0o600, "is larger than 8192 bytes; name the file that holds one secret only"),
    ],
)
def test_a_header_s_file_that_cannot_serve_is_told_and_never_repeated(
    tmp_path: Path, content: str, mode: int, said: str
) -> None:
    token = secret_file(tmp_path, content, mode, "bad-token")
    source = {**HTTP, "header_files": {"Authorization": token}}
    (problem,) = problems(with_source(tmp_path, source))
    assert ".header_files.Authorization: " in problem
    assert said in problem
    assert "Bearer" not in problem.replace("such as: Bearer 0123456789abcdef", "")


def test_no_text_of_a_configuration_shows_a_header(tmp_path: Path) -> None:
    loaded = read(kinds(tmp_path))
    assert "Bearer" not in f"{loaded} {loaded!r}"


PAGES = sorted((Path(__file__).parents[3] / "docs/sources").glob("*.md"))
BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, block in enumerate(
        re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    )
]


@pytest.mark.parametrize("block", BLOCKS)
def test_each_example_of_the_pages_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: str
) -> None:
    printed = 'key "failover-key" { algorithm hmac-sha256; secret "c2VjcmV0LW9mLWVub3VnaC1ieXRlcw=="; };'
    monkeypatch.chdir(tmp_path)  # a file of this whole name stands for Windows's
    secret_file(tmp_path, printed, name=r"C:\ProgramData\failover-dns\failover-key.key")
    block = block.replace("/etc/failover-dns/failover-key.key", secret_file(tmp_path, printed))
    block = block.replace("/etc/failover-dns/token", secret_file(tmp_path, "Bearer abc", name="token"))
    platform = "win32" if "C:" in block else "linux"
    loaded = read_tables(tomllib.loads(block), {}, path=tmp_path / "x.toml", platform=platform)
    assert all(loaded.sources[pair.name] for pair in loaded.pairs)
