import copy
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import pytest

from failover_dns.core.model import Agent, BothOnline, Layout, Pair, Role
from failover_dns.core.roles import WORDS, Format
from failover_dns.core.sources import FileSource
from failover_dns.edge.settings.keys import TsigKey
from failover_dns.edge.settings.load import ConfigurationError, load, locate, read_tables
from failover_dns.edge.settings.loaded import Loaded, Log, Timings
from failover_dns.edge.settings.problems import Loc
from failover_dns.edge.settings.reads import Reads, Source, What
from failover_dns.edge.settings.values import Server

SECRET = "c2VjcmV0LW9mLWVub3VnaC1ieXRlcw=="
PATH = Path("failover-dns.toml")
MAIN = "dma-main.example.test."
BACKUP = "dma-backup.example.test."


def secret_file(folder: Path, content: str = SECRET, mode: int = 0o600, name: str = "failover.key") -> str:
    file = folder / name
    file.write_text(content)
    file.chmod(mode)
    return str(file)


def tables(folder: Path) -> dict[str, Any]:
    """Return a right configuration, as TOML would have it: one pair for each layout."""

    def agent(name: str, address: str, path: str) -> dict[str, Any]:
        return {"name": name, "addresses": [address], "sources": [{"type": "file", "path": path}]}

    def zone(name: str) -> dict[str, Any]:
        return {"name": name, "primaries": ["127.0.0.1:5300"], "key": "failover-key"}

    return {
        "keys": {"failover-key": {"algorithm": "hmac-sha256", "secret_file": secret_file(folder)}},
        "zones": [zone("example.test."), zone("10.10.10.in-addr.arpa.")],
        "pairs": [
            {
                "name": "dma",
                "virtual_ips": ["10.10.10.5"],
                "agents": [
                    agent("dma-main.example.test.", "10.10.10.1", "/run/dma-main"),
                    agent("dma-backup.example.test.", "10.10.10.2", "/run/dma-backup"),
                ],
            },
            {
                "name": "vip",
                "layout": "virtual-name",
                "virtual_ips": ["10.10.10.15"],
                "published_as": "vip.example.test.",
                "agents": [
                    agent("vip1.example.test.", "10.10.10.11", "/run/vip1"),
                    agent("vip2.example.test.", "10.10.10.12", "/run/vip2"),
                ],
            },
            {
                "name": "service",
                "layout": "service-name",
                "published_as": "service.example.test.",
                "agents": [
                    {"name": "db1.elsewhere.test.", "addresses": ["10.10.10.21"]},
                    {"name": "db2.elsewhere.test.", "addresses": ["10.10.10.22"]},
                ],
                "sources": [{"type": "file", "path": "/run/leader"}],
            },
        ],
    }


def read(found: dict[str, Any], **environ: str) -> Loaded:
    return read_tables(found, environ, path=PATH, platform="linux")


def key_of(loaded: Loaded) -> TsigKey:
    """Return the key of the first zone."""
    signer = loaded.zones[0].signer
    assert isinstance(signer, TsigKey)
    return signer


def what(loaded: Loaded, pair: str = "dma") -> What:
    """Return the first source of the pair's first agent, or of the pair."""
    return loaded.sources[pair][0].sources[0].what


def problems(found: dict[str, Any], **environ: str) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        read(found, **environ)
    assert str(raised.value).split("\n") == [str(problem) for problem in raised.value.problems]
    return [str(problem) for problem in raised.value.problems]


GONE = object()


def put(found: dict[str, Any], place: str, value: object) -> dict[str, Any]:
    """Return the tables with `value` at a place such as `pairs.0.name`, or with nothing there."""
    return put_at(found, tuple(int(step) if step.isdigit() else step for step in place.split(".")), value)


def put_at(found: dict[str, Any], at: Loc, value: object) -> dict[str, Any]:
    changed = copy.deepcopy(found)
    *way, last = at
    here: Any = changed
    for step in way:
        here = here[step]
    if value is GONE:
        del here[last]
    elif isinstance(here, list) and last == len(here):
        here.append(value)
    else:
        here[last] = value
    return changed


def test_what_is_right_becomes_the_core_s_own_model(tmp_path: Path) -> None:
    found = tables(tmp_path) | {"state_dir": "/srv/state", "log": {"level": "debug"}, "look_s": 3}
    found["zones"][0]["primaries"] = [
        "NS1.Example.test",
        "[2001:db8::53]:5300",
        "[2001:db8::54]",
        "192.0.2.1",
    ]
    found["pairs"][0] |= {"ttl_s": 30, "keep_physical": True, "settle_s": 2, "both_online": "hold"}
    loaded = read(found)

    assert loaded.path == PATH
    assert loaded.state_dir == Path("/srv/state")
    assert loaded.log == Log(level="debug", format="auto")
    assert loaded.timings == Timings(look_s=3.0, audit_s=60.0, deadline_s=5.0)
    assert loaded.max_changes == 64
    assert loaded.zones[0].name == "example.test."
    assert loaded.zones[0].primaries == (
        Server(host="ns1.example.test"),
        Server(host=IPv6Address("2001:db8::53"), port=5300),
        Server(host=IPv6Address("2001:db8::54")),
        Server(host=IPv4Address("192.0.2.1")),
    )
    key = key_of(loaded)
    assert key.name == "failover-key."
    assert key.algorithm == "hmac-sha256"
    assert key.secret.get_secret_value() == b"secret-of-enough-bytes"
    assert loaded.pairs[0] == Pair(
        name="dma",
        agents=(
            Agent(name="dma-main.example.test.", addresses=(IPv4Address("10.10.10.1"),)),
            Agent(name="dma-backup.example.test.", addresses=(IPv4Address("10.10.10.2"),)),
        ),
        layout=Layout.AGENT_NAME,
        virtual_ips=(IPv4Address("10.10.10.5"),),
        ttl_s=30,
        keep_physical=True,
        settle_s=2.0,
        both_online=BothOnline.HOLD,
        fence=True,
    )
    assert [pair.published_as for pair in loaded.pairs] == [
        None,
        "vip.example.test.",
        "service.example.test.",
    ]
    assert loaded.sources["dma"] == (
        Reads(agent=MAIN, sources=(Source(what=FileSource(path="/run/dma-main", agent=MAIN)),)),
        Reads(agent=BACKUP, sources=(Source(what=FileSource(path="/run/dma-backup", agent=BACKUP)),)),
    )


def test_a_source_s_own_words_go_over_the_built_in_ones(tmp_path: Path) -> None:
    own = {
        "type": "file",
        "path": "/run/dma-main",
        "pointer": "/role",
        "since_pointer": "/since",
        "max_age_s": 300,
        "words": {" Running  HOT": "ONLINE", "Standby": "SWITCHING"},
    }
    loaded = read(put(tables(tmp_path), "pairs.0.agents.0.sources.0", own))
    assert what(loaded) == FileSource(
        path="/run/dma-main",
        agent="dma-main.example.test.",
        form=Format(
            pointer="/role",
            since_pointer="/since",
            words={**WORDS, "running hot": Role.ONLINE, "standby": Role.SWITCHING},
        ),
        max_age_s=300,
    )


def test_a_pair_s_source_knows_its_agents_by_their_names_and_by_words_of_the_operator_s(
    tmp_path: Path,
) -> None:
    loaded = read(put(tables(tmp_path), "pairs.2.sources.0.names", {"Node 1": "DB1.elsewhere.test."}))
    source = what(loaded, "service")
    assert isinstance(source, FileSource)
    assert source.agent is None
    assert source.names == {
        "db1.elsewhere.test.": "db1.elsewhere.test.",
        "db1.elsewhere.test": "db1.elsewhere.test.",
        "db1": "db1.elsewhere.test.",
        "node 1": "db1.elsewhere.test.",
        "db2.elsewhere.test.": "db2.elsewhere.test.",
        "db2.elsewhere.test": "db2.elsewhere.test.",
        "db2": "db2.elsewhere.test.",
    }


def test_a_first_label_that_both_agents_have_names_neither(tmp_path: Path) -> None:
    found = put(tables(tmp_path), "pairs.2.agents.0.name", "db.one.test.")
    found = put(found, "pairs.2.agents.1.name", "db.two.test.")
    source = what(read(found), "service")
    assert isinstance(source, FileSource)
    assert set(source.names) == {"db.one.test.", "db.one.test", "db.two.test.", "db.two.test"}


def test_names_become_lower_case_a_labels(tmp_path: Path) -> None:
    found = put(tables(tmp_path), "pairs.0.agents.0.name", "DMA-MÜNCHEN.Example.TEST.")
    assert read(found).pairs[0].agents[0].name == "xn--dma-mnchen-eeb.example.test."


def test_a_key_is_one_whether_or_not_its_name_ends_with_a_dot(tmp_path: Path) -> None:
    found = tables(tmp_path)
    found["keys"] = {"Failover-Key.": found["keys"]["failover-key"]}
    assert read(found).zones[0].signer.name == "failover-key."


def test_no_text_of_a_configuration_shows_its_secrets(tmp_path: Path) -> None:
    loaded = read(tables(tmp_path))
    assert "secret-of-enough" not in f"{loaded} {loaded!r}"
    assert SECRET not in f"{loaded} {loaded!r}"


BAD = [
    ("pairs.0.settel_s", 1, "pairs[0].settel_s: is not a known key; did you mean settle_s?"),
    ("log", {"colour": True}, "log.colour: is not a known key; remove it, or write one of: level, format"),
    (
        "keys.failover-key.secret",
        SECRET,
        "keys.failover-key.secret: is not a known key; put the secret into a file of its own",
    ),
    (
        "pairs.0.agents.0.sources.0.pionter",
        "/a",
        "pairs[0].agents[0].sources[0].pionter: is not a known key; did ",
    ),
    ("bad key", 1, '"bad key": is not a known key; remove it, or write one of: state_dir, '),
    (
        "pairs.0.agents.1.name",
        "dma-backup",
        'pairs[0].agents[1].name: "dma-backup" is not fully qualified; write it with its domain and a last d',
    ),
    ("pairs.0.agents.1.name", "b.example.test", 'such as "b.example.test."'),
    ("pairs.0.agents.1.name", "b c", 'such as "dma-main.example.test."'),
    (
        "pairs.0.agents.1.name",
        "b c.test.",
        'pairs[0].agents[1].name: "b c.test." is not a name that DNS allows for',
    ),
    (
        "pairs.0.agents.1.name",
        "b..test.",
        '"b..test." is not a name that DNS allows (A DNS label is empty); a name',
    ),
    (
        "pairs.0.agents.1.name",
        "b" * 64 + ".test.",
        "is not a name that DNS allows (A DNS label is > 63 octets long)",
    ),
    (
        "pairs.0.agents.1.name",
        "-b.example.test.",
        '"-b.example.test." is not a name that DNS allows for a host; a',
    ),
    (
        "pairs.0.agents.1.name",
        "*.example.test.",
        '"*.example.test." is not a name that DNS allows for a host; a na',
    ),
    (
        "pairs.0.agents.1.name",
        ".",
        '"." is not a name that DNS allows for a host; a name has labels of letters',
    ),
    (
        "pairs.0.agents.1.name",
        "10.10.10.2.",
        '"10.10.10.2." looks like an address and is no name; a name has label',
    ),
    ("pairs.0.agents.1.name", 5, "pairs[0].agents[1].name: 5 is not a text in quotes; write name = "),
    (
        "pairs.0.virtual_ips",
        ["10.10.10.256"],
        'pairs[0].virtual_ips[0]: "10.10.10.256" is not an address; write an IPv4 or IPv6 address, such as "',
    ),
    (
        "pairs.0.virtual_ips",
        ["10.10.10.5/24"],
        '"10.10.10.5/24" is not an address; write an IPv4 or IPv6 address',
    ),
    (
        "pairs.0.virtual_ips",
        [168430085],
        "168430085 is not an address; write an IPv4 or IPv6 address, such as",
    ),
    ("pairs.0.virtual_ips", ["0.0.0.0"], '"0.0.0.0" is not the address of one host; write an IPv4 or IPv6'),
    (
        "pairs.0.virtual_ips",
        ["fe80::1%eth0"],
        '"fe80::1%eth0" is not the address of one host; write an IPv4 or',
    ),
    (
        "pairs.0.virtual_ips",
        "10.10.10.5",
        'pairs[0].virtual_ips: "10.10.10.5" is not a list; write virtual_ips = [',
    ),
    (
        "pairs.1.virtual_ips",
        ["10.10.10.5"],
        "pairs[1].virtual_ips[0]: 10.10.10.5 is pairs[0].virtual_ips[0] too; a virtual IP belongs to one pai",
    ),
    (
        "pairs.0.virtual_ips",
        ["10.10.10.12"],
        "pairs[0].virtual_ips[0]: 10.10.10.12 is an agent's own address too, pairs[1].agents[1].addresses[0]",
    ),
    (
        "pairs.1.agents.0.name",
        "dma-main.example.test.",
        'pairs[1].agents[0].name: "dma-main.example.test." is pairs[0].agents[0].name too; a name is one age',
    ),
    (
        "pairs.0.agents.1.name",
        "DMA-main.example.test.",
        'pairs[0].agents[1].name: "dma-main.example.test." is pairs[0].agents[0].name too; a name is one age',
    ),
    (
        "pairs.1.published_as",
        "vip2.example.test.",
        'pairs[1].published_as: "vip2.example.test." is pairs[1].agents[1].name too; a name is one agent\'s,',
    ),
    (
        "pairs.0.agents.1.addresses",
        ["10.10.10.1"],
        "pairs[0].agents[1].addresses[0]: 10.10.10.1 is pairs[0].agents[0].addresses[0] too; an address belo",
    ),
    (
        "pairs.1.published_as",
        GONE,
        'pairs[1].published_as: is missing, and layout "virtual-name" needs the name to publish; add publish',
    ),
    (
        "pairs.0.published_as",
        "dma.example.test.",
        'pairs[0].published_as: has no place in layout "agent-name", which publishes the agents\' own names',
    ),
    (
        "pairs.0.virtual_ips",
        GONE,
        'pairs[0].virtual_ips: is missing, and layout "agent-name" needs a virtual IP; add virtual_ips = ["1',
    ),
    (
        "pairs.2.virtual_ips",
        ["10.10.10.25"],
        'pairs[2].virtual_ips: has no place in layout "service-name", which moves no address; remove it, or',
    ),
    (
        "pairs.2.agents.0.addresses",
        GONE,
        'pairs[2].agents[0].addresses: is missing, and layout "service-name" publishes the agents\' own addr',
    ),
    (
        "pairs.0.layout",
        "agent",
        'pairs[0].layout: "agent" is not known; write "agent-name" or "virtual-name" or "ser',
    ),
    (
        "zones.0.key",
        "other",
        'zones[0].key: "other." is not defined; add [keys.other] with its secret_file, or name one of "failo',
    ),
    ("zones.0.key", GONE, 'zones[0].key: is missing; add key = "failover-key"'),
    (
        "zones.2",
        {"name": "Other.test.", "primaries": ["::1"], "key": "failover-key"},
        'zones[2].primaries[0]: "::1" is not a server; write an address or a host name and a port, such as "',
    ),
    (
        "zones.2",
        {"name": "Example.test.", "primaries": ["10.0.0.53"], "key": "failover-key"},
        'zones[2].name: "example.test." is zones[0].name too; keep one [[zones]] for a zone, with all its pr',
    ),
    ("zones.0.primaries", [], "zones[0].primaries: has 0 entries; give at least 1"),
    (
        "zones.0.primaries",
        ["ns1:0"],
        'zones[0].primaries[0]: "ns1:0" has no port from 1 to 65535; write an address',
    ),
    (
        "zones.0.primaries",
        ["ns1:dns"],
        'zones[0].primaries[0]: "ns1:dns" has no port from 1 to 65535; write an add',
    ),
    (
        "zones.0.primaries",
        ["10.0.0.300"],
        '"10.0.0.300" looks like an address and is no name; a name has labels',
    ),
    (
        "zones.0.primaries",
        ["[ns1]:53"],
        'zones[0].primaries[0]: "ns1" is not an address; write an IPv4 or IPv6',
    ),
    (
        "pairs.0.virtual_ips",
        ["192.0.2.5"],
        "pairs[0].virtual_ips[0]: 5.2.0.192.in-addr.arpa. lies in none of the zones, which are 10.10.10.in-a",
    ),
    (
        "pairs.0.agents.0.name",
        "dma.notexample.test.",
        "pairs[0].agents[0].name: dma.notexample.test. lies in none of the zones, which are 10.10.10.in-addr",
    ),
    (
        "pairs.2.published_as",
        "service.elsewhere.test.",
        "pairs[2].published_as: service.elsewhere.test. lies in none of the zones, which are 10.10.10.in-add",
    ),
    (
        "state_dir",
        "var/lib",
        'state_dir: "var/lib" is not an absolute path; write it from the root, such as "/run/failover/dma.st',
    ),
    (
        "pairs.0.agents.0.sources.0.path",
        "",
        'pairs[0].agents[0].sources[0].path: "" is not an absolute path; write it',
    ),
    (
        "pairs.0.agents.0.sources.0.path",
        "/a\0b",
        'sources[0].path: "/a\\u0000b" is not a path; write it without the',
    ),
    (
        "pairs.1.name",
        "DMA",
        'pairs[1].name: "DMA" is pairs[0].name too; give each pair a name of its own; case makes n',
    ),
    (
        "pairs.1.name",
        "a b",
        'pairs[1].name: "a b" is not a name for a pair; use 1 to 63 letters, digits, - and _, such',
    ),
    ("pairs", [], "pairs: has 0 entries; give at least 1"),
    ("pairs", GONE, "pairs: is missing; add [[pairs]]"),
    ("zones", GONE, "zones: is missing; add [[zones]], or [discovery] to have them found"),
    ("zones", [], "zones: has 0 entries; add [[zones]], or [discovery] to have them found"),
    ("pairs", {"name": "dma"}, "pairs: a table is not a list; write [[pairs]]"),
    ("pairs.0.agents", [], "pairs[0].agents: has 0 entries; give exactly 2"),
    ("pairs.0", "dma", 'pairs[0]: "dma" is not a table; write [[pairs]]'),
    (
        "pairs.2.sources",
        GONE,
        "pairs[2].sources: is missing; add [[pairs.agents.sources]] to each agent, or one [[pairs.sources]]",
    ),
    (
        "pairs.0.agents.1.sources",
        GONE,
        "pairs[0].agents[1].sources: is missing; add [[pairs.agents.sources]] to this agent too",
    ),
    (
        "pairs.0.sources",
        [{"type": "file", "path": "/run/leader"}],
        "pairs[0].sources: stands beside sources of the pair's agents; keep either this one, which names the",
    ),
    (
        "pairs.0.agents.1.sources.1",
        {"type": "file", "path": "/run/more"},
        'pairs[0].agents[1].combine: is missing, and this agent has 2 sources; add combine = "all" if they mu',
    ),
    (
        "pairs.2.sources.0.type",
        "dms",
        'pairs[2].sources[0].type: "dms" is not known; write "file" or "http"',
    ),
    ("pairs.2.sources.0.type", GONE, 'pairs[2].sources[0].type: is missing; write "file" or "http"'),
    (
        "pairs.2.sources.0.path",
        GONE,
        'pairs[2].sources[0].path: is missing; add path = "/run/failover/dma-main.status"',
    ),
    (
        "pairs.0.agents.1.sources.0.path",
        "/run/./dma-main",
        'pairs[0].agents[1].sources[0].path: "/run/./dma-main" is pairs[0].agents[0].sources[0].path too; on',
    ),
    (
        "pairs.0.agents.0.sources.0.pointer",
        "role",
        'pairs[0].agents[0].sources[0].pointer: "role" does not start with "/"; write "/role"',
    ),
    (
        "pairs.0.agents.0.sources.0.pointer",
        "/a~b",
        'pointer: "/a~b" has a lone ~; write ~ as "~0" and / inside a key',
    ),
    (
        "pairs.0.agents.0.sources.0.since_pointer",
        "/since",
        "pairs[0].agents[0].sources[0].since_pointer: has no effect without pointer, since the file is then",
    ),
    (
        "pairs.0.agents.0.sources.0.words",
        {"Hot": "ONLINE", "hot ": "OFFLINE"},
        'pairs[0].agents[0].sources[0].words: "hot " has two meanings; keep one: case and spaces make no dif',
    ),
    (
        "pairs.0.agents.0.sources.0.words",
        {" ": "ONLINE"},
        'words: " " is no word; remove it: an empty file says nothing',
    ),
    (
        "pairs.0.agents.0.sources.0.words",
        {"hot": "HOT"},
        'pairs[0].agents[0].sources[0].words.hot: "HOT" is not known; write "ONLINE" or "OFFLINE" or "SWITCH',
    ),
    (
        "pairs.2.sources.0.names",
        {"one": "dma-main.example.test."},
        'pairs[2].sources[0].names.one: "dma-main.example.test." is not an agent of this pair; write "db1.el',
    ),
    ("look_s", 0, "look_s: 0 is out of range; give a number from 0.1 to 3600"),
    ("look_s", float("nan"), "look_s: nan is out of range; give a number from 0.1 to 3600"),
    ("audit_s", 0.5, "audit_s: 0.5 is out of range; give a number from 1 to 86400"),
    ("deadline_s", 1, "deadline_s: 1 is out of range; give a number above 1 and up to 60"),
    ("deadline_s", "5", 'deadline_s: "5" is not a number; write deadline_s = 5.0'),
    ("max_changes", 0, "max_changes: 0 is out of range; give a number from 1 to 1000"),
    ("max_changes", 2**70, "max_changes: a very large number is out of range; give a number from 1 to 1000"),
    ("max_changes", True, "max_changes: true is not a whole number; write max_changes = 64"),
    ("pairs.0.ttl_s", 0, "pairs[0].ttl_s: 0 is out of range; give a number from 1 to 86400"),
    ("pairs.0.ttl_s", 60.0, "pairs[0].ttl_s: 60.0 is not a whole number; write ttl_s = 60"),
    ("pairs.0.settle_s", -1, "pairs[0].settle_s: -1 is out of range; give a number from 0 to 3600"),
    (
        "pairs.0.clock_tolerance_s",
        301,
        "pairs[0].clock_tolerance_s: 301 is out of range; give a number from 0 to 300",
    ),
    (
        "pairs.0.keep_physical",
        "yes",
        'pairs[0].keep_physical: "yes" is not true or false; write keep_physical = false',
    ),
    (
        "pairs.2.sources.0.max_age_s",
        0,
        "sources[0].max_age_s: 0 is out of range; give a number from 1 to 2592000",
    ),
    (
        "log",
        {"level": "loud"},
        'log.level: "loud" is not known; write "debug" or "info" or "warning" or "error"',
    ),
    ("log", "info", 'log: "info" is not a table; write [log]'),
    (
        "keys.failover-key.algorithm",
        "hmac-md5",
        'keys.failover-key.algorithm: what it says is not known; write "hmac-sha256" or "hmac-sha384" or "hm',
    ),
]


@pytest.mark.parametrize(("place", "value", "said"), BAD)
def test_one_mistake_is_one_problem_that_names_file_key_and_cure(
    tmp_path: Path, place: str, value: object, said: str
) -> None:
    (problem,) = problems(put(tables(tmp_path), place, value))
    assert problem.startswith("failover-dns.toml: ")
    assert said in problem


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    found = tables(tmp_path)
    found = put(found, "look_s", 0)  # a number out of range
    found = put(found, "pairs.0.agents.0.name", "dma-main")  # a value that does not parse, in the pair …
    found = put(found, "pairs.0.agents.1.name", "b.other.test.")  # … whose other agent is in no zone
    found = put(found, "pairs.0.published_as", "dma.example.test.")  # … and whose layout has no such key
    found = put(found, "pairs.1.virtual_ips", ["10.10.10.5", "x"])  # a list of which one parses
    found = put(found, "zones.0.key", "other")  # between tables
    found = put(found, "keys.failover-key.secret_file", str(tmp_path / "none"))  # on the disk
    said = "\n".join(problems(found, FAILOVER_DNS_LOG__LEVEL="loud"))
    for key in (
        "look_s: 0 is out of range",
        'pairs[0].agents[0].name: "dma-main" is not fully qualified',
        "pairs[0].agents[1].name: b.other.test. lies in none",
        "pairs[0].published_as: has no place",
        "pairs[1].virtual_ips[0]: 10.10.10.5 is pairs[0].virtual_ips[0] too",
        'pairs[1].virtual_ips[1]: "x" is not an address',
        "zones[0].key: ",
        "keys.failover-key.secret_file: the file that it names cannot be read",
        "FAILOVER_DNS_LOG__LEVEL: log.level: ",
    ):
        assert key in said
    assert len(said.splitlines()) == 9


def test_two_spellings_of_one_key_are_a_key_twice(tmp_path: Path) -> None:
    found = tables(tmp_path)
    found["keys"]["failover-key."] = found["keys"]["failover-key"]
    (problem,) = problems(found)
    assert 'keys."failover-key.": "failover-key." is keys.failover-key too; keep one of them' in problem


def test_a_name_of_a_key_that_dns_does_not_allow_is_told(tmp_path: Path) -> None:
    found = tables(tmp_path)
    found["keys"]["a key"] = found["keys"]["failover-key"]
    assert any(
        'keys."a key"' in problem and "not a name that DNS allows" in problem for problem in problems(found)
    )


def test_a_zone_that_did_not_parse_is_not_blamed_on_the_names_in_it(tmp_path: Path) -> None:
    (problem,) = problems(put(tables(tmp_path), "zones.0.name", "example.test"))
    assert "zones[0].name" in problem


def test_a_long_or_odd_value_is_shown_in_one_short_line(tmp_path: Path) -> None:
    (problem,) = problems(put(tables(tmp_path), "pairs.0.name", "\n\u2028" + "x" * 5000))
    assert len(problem) < 300
    assert len(problem.splitlines()) == 1


@pytest.mark.parametrize("platform", ["linux", "win32"])
def test_the_file_is_where_the_option_or_else_the_variable_says(platform: str) -> None:
    environ = {"FAILOVER_DNS_CONFIG": "/b.toml", "ProgramData": "D:\\Data"}
    assert locate(Path("/a.toml"), environ, platform=platform) == Path("/a.toml")
    assert locate(None, environ, platform=platform) == Path("/b.toml")


@pytest.mark.parametrize(
    ("platform", "environ", "place"),
    [
        ("linux", {}, "/etc/failover-dns/failover-dns.toml"),
        ("linux", {"FAILOVER_DNS_CONFIG": ""}, "/etc/failover-dns/failover-dns.toml"),
        ("win32", {"ProgramData": r"D:\Data"}, r"D:\Data\failover-dns\failover-dns.toml"),
        ("win32", {"PROGRAMDATA": r"D:\Data"}, r"D:\Data\failover-dns\failover-dns.toml"),
        ("win32", {}, r"C:\ProgramData\failover-dns\failover-dns.toml"),
    ],
)
def test_without_either_the_file_is_at_the_platform_s_usual_place(
    platform: str, environ: dict[str, str], place: str
) -> None:
    assert str(locate(None, environ, platform=platform)) == place


def test_a_missing_file_is_told_with_the_place_and_how_to_name_another(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(None, {"FAILOVER_DNS_CONFIG": str(tmp_path / "none.toml")}, platform="linux")
    assert str(raised.value) == (
        f"{tmp_path}/none.toml: cannot be read (No such file or directory); "
        "write it, or name another file with --config or FAILOVER_DNS_CONFIG"
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"look_s = 2\naudit_s = = 3\n", "is not TOML: Invalid value (at line 2, column 11); mend that line"),
        (b"look_s = 2\nlook_s = 3\n", "is not TOML: Cannot overwrite a value (at line 2, column 11); mend"),
        (b"max_changes = " + b"9" * 5000, "is not TOML: "),
        (b"x = " + b"[" * 100_000, "is not TOML: "),
        (b"name = '\xfc'", "is not text in UTF-8; save it as UTF-8"),
        (b"#" * (1024 * 1024 + 1), "is larger than 1048576 bytes; name the configuration file"),
    ],
)
def test_a_file_that_is_not_toml_is_told_with_the_line(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "failover-dns.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError) as raised:
        load(file, {}, platform="linux")
    assert str(raised.value).startswith(f"{file}: ")
    assert said in str(raised.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_is_read_as_windows_editors_write_it(tmp_path: Path, encoding: str) -> None:
    text = (Path(__file__).parents[3] / "config/failover-dns.toml").read_text(encoding="utf-8")
    text = text.replace("/etc/failover-dns/failover-key.key", secret_file(tmp_path, SECRET))
    file = tmp_path / "failover-dns.toml"
    file.write_text(text.replace("secret_file", 'algorithm = "hmac-sha256"\nsecret_file'), encoding=encoding)
    assert load(file, {}, platform="linux").pairs[0].name == "dma"


def on_windows(found: dict[str, Any]) -> dict[str, Any]:
    """Return the tables with paths as Windows has them; a file of that whole name stands for the secret's."""
    for pair in found["pairs"]:
        for owner in (pair, *pair["agents"]):
            for source in owner.get("sources", ()):
                source["path"] = "C:" + source["path"].replace("/", "\\")
    found["keys"]["failover-key"]["secret_file"] = r"C:\failover.key"
    return found


def test_on_windows_paths_and_the_state_are_windows_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret_file(tmp_path, mode=0o644, name=r"C:\failover.key")
    monkeypatch.chdir(tmp_path)
    found = on_windows(tables(tmp_path))
    loaded = read_tables(found, {"ProgramData": r"D:\Data"}, path=PATH, platform="win32")
    assert str(loaded.state_dir) == r"D:\Data\failover-dns\state"
    assert what(loaded) == FileSource(path=r"C:\run\dma-main", agent=MAIN)


def test_on_windows_case_makes_no_two_files_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret_file(tmp_path, name=r"C:\failover.key")
    monkeypatch.chdir(tmp_path)
    found = put(on_windows(tables(tmp_path)), "pairs.0.agents.1.sources.0.path", r"c:\RUN\DMA-main")
    with pytest.raises(ConfigurationError, match=r"pairs\[0\].agents\[0\].sources\[0\].path too"):
        read_tables(found, {}, path=PATH, platform="win32")


def test_on_linux_the_state_is_under_var_lib(tmp_path: Path) -> None:
    assert read(tables(tmp_path)).state_dir == Path("/var/lib/failover-dns")
