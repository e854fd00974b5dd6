"""Whatever stands in a file, it is loaded or refused with a ConfigurationError."""

import contextlib
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from failover_dns.core.plan import names
from failover_dns.edge.settings.checks import published
from failover_dns.edge.settings.draft import SettingsDraft, networks, pairs
from failover_dns.edge.settings.load import ConfigurationError, read_tables
from failover_dns.edge.settings.problems import Loc
from failover_dns.edge.settings.schema import Settings
from tests.edge.settings.kinds import kinds
from tests.edge.settings.test_load import GONE, PATH, problems, put, put_at, read, tables

WORDS = st.sampled_from(
    [
        "",
        "dma",
        "dma-main.example.test.",
        "vip1.example.test.",
        "B.example.test.",
        "10.10.10.5",
        "10.10.10.1",
        "2001:db8::5",
        "agent-name",
        "virtual-name",
        "service-name",
        "failover-key",
        "/run/dma-main",
        "/",
        "file",
        "ONLINE",
        "hmac-sha512",
        "http://10.10.10.1/",
        "https://10.10.10.1/",
        "(a[^a]*)",
        "10.10.10.0/26",
        "10.0.0.9:53",
        "http",
        "dms",
        "failover-log",
        "keepalived",
        "addresses",
        "all",
        "patroni",
        "Europe/Brussels",
    ]
)
SCALARS = st.one_of(
    WORDS,
    st.text(max_size=20),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.dates(),
    st.times(),
    st.datetimes(),
)
KEYS = st.one_of(
    WORDS, st.text(max_size=10), st.sampled_from([*Settings.model_fields, "name", "path", "[key]"])
)
ANYTHING = st.recursive(
    SCALARS,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS, below, max_size=3),
    max_leaves=8,
)
VARIABLES = st.dictionaries(
    st.sampled_from(
        ["LOG", "LOG__LEVEL", "KEYS", "KEYS__X__Y", "ZONES", "PAIRS", "LOOK_S", "STATE_DIR", "", "X__"]
    ).map("FAILOVER_DNS_".__add__),
    st.one_of(
        WORDS, st.text(max_size=20), st.sampled_from(["[]", "{}", "null", "[[]]", '{"a": {}}', "1e999"])
    ),
    max_size=3,
)


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return tables(tmp_path_factory.mktemp("right"))


@pytest.fixture(scope="module", params=["plain", "every-kind"])
def any_right(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("right")
    return tables(folder) if request.param == "plain" else kinds(folder)


def places(found: object, at: Loc = ()) -> list[Loc]:
    """Return every place in the tables."""
    below = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    return [place for step, value in below for place in [(*at, step), *places(value, (*at, step))]]


def at(found: Any, place: Loc) -> Any:
    for step in place:
        found = found[step]
    return found


def load_or_refuse(found: dict[str, Any], environ: dict[str, str], platform: str) -> None:
    with contextlib.suppress(ConfigurationError):
        read_tables(found, environ, path=PATH, platform=platform)


@given(
    found=st.dictionaries(KEYS, ANYTHING, max_size=4),
    environ=VARIABLES,
    platform=st.sampled_from(["linux", "win32"]),
)
def test_anything_is_loaded_or_refused(found: dict[str, Any], environ: dict[str, str], platform: str) -> None:
    load_or_refuse(found, environ, platform)


@given(data=st.data(), environ=VARIABLES)
def test_anything_in_the_place_of_what_is_right_is_loaded_or_refused(
    any_right: dict[str, Any], data: st.DataObject, environ: dict[str, str]
) -> None:
    found = any_right
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(places(found) or [("look_s",)]))
        found = put_at(
            found, place, data.draw(st.just(GONE) | ANYTHING if place in places(found) else ANYTHING)
        )
    load_or_refuse(found, environ, "linux")


@given(data=st.data(), key=KEYS)
def test_an_unknown_key_anywhere_is_an_error(
    any_right: dict[str, Any], data: st.DataObject, key: str
) -> None:
    open_tables = {"keys", "words", "names", "status", "require", "header_files"}
    spots = [p for p in places(any_right) if p[-1] not in open_tables and isinstance(at(any_right, p), dict)]
    spot = data.draw(st.sampled_from([(), *spots]))
    table = {**at(any_right, spot), f"{key}-x": data.draw(ANYTHING)}
    changed = put_at(any_right, spot, table) if spot else table
    assert any("is not a known key" in problem for problem in problems(changed))


@pytest.mark.parametrize("keep_physical", [True, False])
def test_the_names_that_must_lie_in_a_zone_are_those_of_the_plan(
    right: dict[str, Any],
    keep_physical: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    found = right
    for index in range(3):
        found = put(found, f"pairs.{index}.keep_physical", keep_physical)
    found = put(found, "pairs.2.agents.0.name", "db1.example.test.")
    found = put(found, "pairs.2.agents.1.name", "db2.example.test.")
    draft = SettingsDraft.model_validate(found, context={"platform": "linux"})
    for pair, (where, drafted) in zip(read(found).pairs, pairs(draft), strict=True):
        assert {name for _, name in published(where, drafted, networks(draft))} == names(pair)
