"""Several sources of one agent: who may decide, and what vetoes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover_dns.core.combine import How, Part, combine
from failover_dns.core.model import Instant, Observation, Role

NOW = Instant(mono_s=100.0, wall_s=1_700_000_100.0)


def said(role: Role, source: str = "file", *, age_s: float = 0, since_s: float | None = None) -> Part:
    read = Instant(mono_s=NOW.mono_s - age_s, wall_s=NOW.wall_s - age_s)
    return Part(
        observation=Observation(
            agent="main", role=role, read=read, source=source, reason=f"it says {role}", since_s=since_s
        )
    )


def evidence(role: Role) -> Part:
    return Part(observation=said(role, "own addresses").observation, evidence=True)


def both(how: How, *parts: Part) -> Observation:
    return combine("main", how, parts, now=NOW)


ON, OFF, SWITCH, NONE = (said(role) for role in Role)
HELD, BARE, UNREAD = (evidence(role) for role in (Role.ONLINE, Role.OFFLINE, Role.UNKNOWN))


@pytest.mark.parametrize(
    ("parts", "role"),
    [
        ([ON, ON], Role.ONLINE),
        ([OFF, OFF], Role.OFFLINE),
        ([SWITCH, SWITCH], Role.SWITCHING),
        ([ON, OFF], Role.UNKNOWN),
        ([ON, NONE], Role.UNKNOWN),
        ([OFF, NONE], Role.UNKNOWN),
        ([NONE, NONE], Role.UNKNOWN),
        ([ON, HELD], Role.ONLINE),
        ([ON, BARE], Role.UNKNOWN),
        ([ON, UNREAD], Role.UNKNOWN),
        ([OFF, HELD], Role.OFFLINE),
        ([OFF, BARE], Role.OFFLINE),
        ([SWITCH, BARE], Role.SWITCHING),
        ([HELD], Role.UNKNOWN),
        ([BARE], Role.UNKNOWN),
        ([], Role.UNKNOWN),
    ],
)
def test_all_must_agree_and_what_is_not_held_vetoes_online(parts: Sequence[Part], role: Role) -> None:
    assert both(How.ALL, *parts).role is role


@pytest.mark.parametrize(
    ("parts", "role"),
    [
        ([ON, OFF], Role.ONLINE),
        ([NONE, OFF, ON], Role.OFFLINE),
        ([NONE, NONE], Role.UNKNOWN),
        ([SWITCH, ON], Role.SWITCHING),
        ([NONE, HELD], Role.UNKNOWN),
        ([NONE, BARE], Role.OFFLINE),
        ([HELD, ON], Role.ONLINE),
        ([], Role.UNKNOWN),
    ],
)
def test_first_asks_the_next_only_while_the_one_before_is_unknown(parts: Sequence[Part], role: Role) -> None:
    assert both(How.FIRST, *parts).role is role


def test_a_disagreement_names_who_says_what_and_how_old_it_is() -> None:
    seen = both(How.ALL, said(Role.ONLINE, "file /a", age_s=12), BARE)
    assert seen.source == "file /a and own addresses"
    assert seen.reason == (
        "file /a: ONLINE (it says ONLINE, read 12 s ago); own addresses: OFFLINE (it says OFFLINE)"
    )
    assert seen.read.mono_s == 88.0


def test_the_observation_says_where_it_came_from_since_when_and_how_old_its_oldest_reading_is() -> None:
    seen = both(
        How.ALL,
        said(Role.ONLINE, "file /a", since_s=None),
        said(Role.ONLINE, "file /b", since_s=5.0, age_s=3),
        HELD,
    )
    assert (seen.agent, seen.source) == ("main", "file /a and file /b and own addresses")
    assert (seen.since_s, seen.read.mono_s) == (5.0, 97.0)


def test_under_first_only_the_deciding_source_counts() -> None:
    seen = both(
        How.FIRST, NONE, said(Role.ONLINE, "file /b", since_s=5.0), said(Role.ONLINE, "file /c", age_s=9)
    )
    assert (seen.source, seen.since_s, seen.read) == ("file /b", 5.0, NOW)


def test_without_a_source_nothing_is_known() -> None:
    assert both(How.ALL).reason == "there is no source"
    assert both(How.FIRST).read is NOW


parts_of_all_kinds = st.lists(
    st.builds(
        lambda role, mere: Part(observation=said(role).observation, evidence=mere),
        st.sampled_from(Role),
        st.booleans(),
    ),
    max_size=5,
)


@given(parts=parts_of_all_kinds)
def test_all_is_online_only_if_every_source_is_and_one_of_them_claims_it(parts: list[Part]) -> None:
    online = both(How.ALL, *parts).role is Role.ONLINE
    assert online == (
        all(part.role is Role.ONLINE for part in parts) and any(not part.evidence for part in parts)
    )


@given(parts=parts_of_all_kinds)
def test_first_is_online_only_if_the_first_that_may_decide_says_so(parts: list[Part]) -> None:
    deciding = [
        part
        for part in parts
        if part.role is not Role.UNKNOWN and not (part.evidence and part.role is Role.ONLINE)
    ]
    role = both(How.FIRST, *parts).role
    assert role is (deciding[0].role if deciding else Role.UNKNOWN)


@given(parts=parts_of_all_kinds, how=st.sampled_from(How))
def test_no_evidence_can_make_an_agent_online(parts: list[Part], how: How) -> None:
    if both(how, *parts).role is Role.ONLINE:
        assert any(part.role is Role.ONLINE and not part.evidence for part in parts)
