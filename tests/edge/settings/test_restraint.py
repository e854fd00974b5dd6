"""What holds a daemon back: flap damping, and the fence by which several daemons keep their order."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from failover_dns.core.damping import Damping
from failover_dns.edge.settings.values import host_writer
from tests.edge.settings.test_load import problems, put, read, tables


def test_damping_is_as_the_reference_says_where_it_is_not_configured(tmp_path: Path) -> None:
    assert read(tables(tmp_path)).damping == Damping(half_life_s=300, limit=5, reuse=2, max_hold_s=900)


def test_damping_is_as_it_is_configured(tmp_path: Path) -> None:
    table = {"half_life_s": 60, "limit": 3.5, "reuse": 0.5, "max_hold_s": 120}
    damping = Damping(half_life_s=60, limit=3.5, reuse=0.5, max_hold_s=120)
    assert read(tables(tmp_path) | {"damping": table}).damping == damping


def test_damping_can_be_turned_off(tmp_path: Path) -> None:
    assert read(tables(tmp_path) | {"damping": {"enabled": False}}).damping is None


def test_a_daemon_is_called_as_is_configured(tmp_path: Path) -> None:
    assert read(tables(tmp_path) | {"writer": "ops-1.A_b"}).writer == "ops-1.A_b"


def test_a_variable_names_the_daemon_so_that_one_file_serves_several(tmp_path: Path) -> None:
    assert read(tables(tmp_path), FAILOVER_DNS_WRITER="ops-2").writer == "ops-2"


def test_a_daemon_without_a_name_is_called_after_its_host(tmp_path: Path) -> None:
    assert read(tables(tmp_path)).writer == host_writer(socket.gethostname())


def test_a_pair_has_a_fence_unless_it_is_to_have_none(tmp_path: Path) -> None:
    first, second, *_ = read(put(tables(tmp_path), "pairs.1.fence", value=False)).pairs
    assert (first.fence, second.fence) == (True, False)


@pytest.mark.parametrize(
    ("host", "name"),
    [("OPS-1", "ops-1"), ("büro 7", "b-ro-7"), ("", "localhost"), ("h" * 64, "h" * 63)],
)
def test_whatever_a_host_is_called_its_daemon_has_a_name_that_fits_a_fence(host: str, name: str) -> None:
    assert host_writer(host) == name


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (
            "writer",
            "ops 1",
            'writer: "ops 1" is not a name for a daemon; use 1 to 63 letters, digits, -, _ and dots',
        ),
        ("writer", "", 'writer: "" is not a name for a daemon'),
        ("writer", "w" * 64, "is not a name for a daemon"),
        ("writer", 1, 'writer: 1 is not a text in quotes; write writer = "ops-1"'),
        ("pairs.0.fence", "no", 'pairs[0].fence: "no" is not true or false; write fence = true'),
        ("damping", True, "damping: true is not a table; write [damping]"),
        ("damping", {"limits": 3}, "damping.limits: is not a known key; did you mean limit?"),
        ("damping", {"enabled": 1}, "damping.enabled: 1 is not true or false; write enabled = true"),
        (
            "damping",
            {"half_life_s": 0},
            "damping.half_life_s: 0 is out of range; give a number from 1 to 86400",
        ),
        (
            "damping",
            {"limit": 1},
            "damping.limit: 1 is out of range; give a number above 1 and up to 1000",
        ),
        ("damping", {"reuse": 0}, "damping.reuse: 0 is out of range; give a number above 0 and up to 999"),
        ("damping", {"reuse": "2"}, 'damping.reuse: "2" is not a number; write reuse = 2.0'),
        (
            "damping",
            {"max_hold_s": 0.5},
            "damping.max_hold_s: 0.5 is out of range; give a number from 1 to 86400",
        ),
        (
            "damping",
            {"reuse": 4.5},
            "damping.reuse: 4.5 is not 1 less than limit, which is 5; give at most 4, or raise limit",
        ),
        ("damping", {"limit": 2.5}, "damping.reuse: 2 is not 1 less than limit, which is 2.5"),
    ],
)
def test_one_mistake_is_one_problem_with_its_place_and_cure(
    tmp_path: Path, place: str, value: object, said: str
) -> None:
    (problem,) = problems(put(tables(tmp_path), place, value))
    assert said in problem


def test_a_name_too_long_for_the_fence_is_refused_unless_there_is_none(tmp_path: Path) -> None:
    long = ".".join(["a" * 60] * 2) + ".example.test."
    wrong = put(tables(tmp_path), "pairs.0.agents.0.name", value=long)
    assert any("too long for the pair's fence" in problem for problem in problems(wrong))
    assert read(put(wrong, "pairs.0.fence", value=False)).pairs[0].fence is False
