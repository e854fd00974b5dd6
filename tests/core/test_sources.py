"""What a status file showed becomes one observation for each agent that it speaks of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover_dns.core.model import Instant, Role
from failover_dns.core.roles import Format
from failover_dns.core.sources import MAX_BYTES, FileSource, Glance, observe_file

NOW = Instant(mono_s=50.0, wall_s=1_700_000_000.0)
OWN = FileSource(path="/run/dma-main", agent="main", max_age_s=30.0)
SHARED = FileSource(
    path="/srv/online", names={"dma-main": "main", "dma-main.test.": "main", "dma-backup": "backup"}
)


def test_an_agents_own_file_gives_one_observation_with_where_when_and_why() -> None:
    source = FileSource(path="/run/s", agent="main", form=Format(pointer="/role", since_pointer="/since"))
    glance = Glance(content=b'{"role": "online", "since": 1600000000}', modified_s=1_650_000_000.0)
    (observation,) = observe_file(source, glance, now=NOW)
    assert observation.agent == "main"
    assert observation.role is Role.ONLINE
    assert observation.read is NOW
    assert observation.source == "file /run/s"
    assert observation.reason == "it says 'online'"
    assert observation.since_s == 1_600_000_000.0


def test_a_shared_file_gives_an_observation_for_each_agent() -> None:
    seen = observe_file(SHARED, Glance(content=b"DMA-BACKUP\n", modified_s=NOW.wall_s), now=NOW)
    assert {o.agent: o.role for o in seen} == {"main": Role.OFFLINE, "backup": Role.ONLINE}


@pytest.mark.parametrize(
    ("glance", "reason"),
    [
        (Glance(problem="there is no file there"), "there is no file there"),
        (Glance(content=b"online", problem="no answer"), "no answer"),
        (Glance(content=b"online" + b" " * MAX_BYTES, modified_s=NOW.wall_s), "it is larger than 64 KiB"),
        (
            Glance(content=b"online", modified_s=NOW.wall_s - 31),
            "it was last written 31 s ago, longer than max_age_s = 30",
        ),
    ],
)
@pytest.mark.parametrize(
    "source", [OWN, FileSource(path="/srv/online", names={"online": "main", "x": "backup"}, max_age_s=30.0)]
)
def test_what_could_not_be_read_or_trusted_is_unknown_of_every_agent(
    source: FileSource, glance: Glance, reason: str
) -> None:
    seen = observe_file(source, glance, now=NOW)
    assert tuple(o.agent for o in seen) == source.agents
    assert {(o.role, o.reason) for o in seen} == {(Role.UNKNOWN, reason)}


@pytest.mark.parametrize("age_s", [-5.0, 0.0, 30.0])
def test_a_file_within_its_age_counts(age_s: float) -> None:
    glance = Glance(content=b"online", modified_s=NOW.wall_s - age_s)
    assert [o.role for o in observe_file(OWN, glance, now=NOW)] == [Role.ONLINE]


def test_a_file_without_a_limit_never_grows_stale() -> None:
    source = FileSource(path="/run/s", agent="main")
    assert [o.role for o in observe_file(source, Glance(content=b"online"), now=NOW)] == [Role.ONLINE]


def test_a_file_of_exactly_the_limit_counts() -> None:
    content = b"online".ljust(MAX_BYTES)
    glance = Glance(content=content, modified_s=NOW.wall_s)
    assert [o.role for o in observe_file(OWN, glance, now=NOW)] == [Role.ONLINE]


def test_a_file_speaks_of_its_own_agent_or_of_those_it_can_name() -> None:
    assert OWN.agents == ("main",)
    assert SHARED.agents == ("main", "backup")


@given(content=st.binary(), source=st.sampled_from([OWN, SHARED]))
def test_whatever_the_bytes_each_agent_has_one_observation(content: bytes, source: FileSource) -> None:
    seen = observe_file(source, Glance(content=content, modified_s=NOW.wall_s), now=NOW)
    assert sorted(o.agent for o in seen) == sorted(source.agents)
