from pathlib import Path

import pytest

from failover_dns.edge.settings.loaded import Log
from tests.edge.settings.test_load import problems, put, read, secret_file, tables


def test_variables_go_over_the_file(tmp_path: Path) -> None:
    found = tables(tmp_path) | {"state_dir": "/srv/file", "log": {"level": "error", "format": "console"}}
    loaded = read(
        found,
        FAILOVER_DNS_STATE_DIR="/srv/variable",
        FAILOVER_DNS_LOG__LEVEL="debug",
        FAILOVER_DNS_LOOK_S="0.5",
        FAILOVER_DNS_MAX_CHANGES="7",
        failover_dns_audit_s="30",
    )
    assert loaded.state_dir == Path("/srv/variable")
    assert loaded.log == Log(level="debug", format="console")
    assert (loaded.timings.look_s, loaded.timings.audit_s, loaded.max_changes) == (0.5, 30.0, 7)


def test_a_variable_may_reach_into_a_key(tmp_path: Path) -> None:
    found = tables(tmp_path)
    found["keys"]["extra"] = {"algorithm": "hmac-sha256", "secret_file": "/nowhere"}
    read(found, FAILOVER_DNS_KEYS__EXTRA__SECRET_FILE=secret_file(tmp_path, name="extra.key"))


def test_a_list_in_a_variable_is_json(tmp_path: Path) -> None:
    found = tables(tmp_path)
    zones = '[{"name": "test.", "primaries": ["::"], "key": "failover-key"}]'
    assert (
        "environment variable FAILOVER_DNS_ZONES: zones[0].primaries[0]: "
        in problems(found, FAILOVER_DNS_ZONES=zones)[-1]
    )


def test_variables_of_others_mean_nothing(tmp_path: Path) -> None:
    read(
        tables(tmp_path),
        LOG__LEVEL="loud",
        FAILOVER_DNS_VENV="/srv",
        FAILOVER_DNS_CONFIG="/x",
        FAILOVER_DNS="x",
        STATE_DIRECTORY="/var/lib/failover-dns",
    )


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "LOG__LEVEL",
            "loud",
            'log.level: "loud" is not known; write "debug" or "info" or "warning" or "error"',
        ),
        ("LOG__LEVLE", "info", "log.levle: is not a known key; did you mean level?"),
        ("LOOK_S", "often", 'look_s: "often" is not a number; write look_s = 2.0'),
        ("LOOK_S", "0", "look_s: 0.0 is out of range; give a number from 0.1 to 3600"),
        ("MAX_CHANGES", "1.5", 'max_changes: "1.5" is not a whole number; write max_changes = 64'),
        (
            "STATE_DIR",
            "state",
            'state_dir: "state" is not an absolute path; write it from the root, such as "/run',
        ),
        ("STAET_DIR", "/state", "is not a known setting; did you mean FAILOVER_DNS_STATE_DIR?"),
        ("LOG_LEVEL", "info", "is not a known setting; did you mean FAILOVER_DNS_LOG__LEVEL?"),
        (
            "PAIRS",
            "dma",
            "is not JSON, as a table or a list must be; write JSON, or a variable for each key, such as ",
        ),
        ("LOG", '"info"', 'log: "info" is not a table; write [log]'),
        (
            "KEYS__FAILOVER__SECRET_FILE",
            "/nowhere",
            "keys.failover.secret_file: the file that it names cannot be rea",
        ),
    ],
)
def test_a_wrong_variable_is_named_instead_of_the_file(
    tmp_path: Path, name: str, value: str, said: str
) -> None:
    variable = f"FAILOVER_DNS_{name}"
    found = put(tables(tmp_path), "log", {})
    (problem,) = problems(found, **{variable: value})
    assert problem.startswith(f"environment variable {variable}: {said}")


def test_a_variable_nested_too_deeply_is_refused(tmp_path: Path) -> None:
    (problem,) = problems(tables(tmp_path), FAILOVER_DNS_PAIRS="[" * 100_000)
    assert problem.startswith("environment variable FAILOVER_DNS_…: is not JSON")
