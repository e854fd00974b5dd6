"""A pair moves only to an agent that itself says, freshly, that it is ONLINE."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover_dns.core.decide import Decision, Hold, Memory, Move, Reason, decide, remember
from failover_dns.core.model import Agent, BothOnline, Instant, Observation, Pair, Role

PAIR = Pair(
    name="dms",
    agents=(Agent(name="main."), Agent(name="backup.")),
    virtual_ips=(ip_address("10.10.10.5"),),
    clock_tolerance_s=5.0,
)
ON, OFF, SWITCH, DARK = Role.ONLINE, Role.OFFLINE, Role.SWITCHING, Role.UNKNOWN

Look = tuple[float, Role, Role] | tuple[float, Role, Role, float | None, float | None]


def at(mono_s: float) -> Instant:
    return Instant(mono_s=mono_s, wall_s=1_700_000_000 + mono_s)


def last_of(pair: Pair, *looks: Look) -> Decision:
    """Return the last decision after looks of (seconds, MAIN's role, BACKUP's role[, their since])."""
    return every_one_of(pair, *looks)[-1]


def every_one_of(pair: Pair, *looks: Look) -> list[Decision]:
    memory, decisions = Memory(), list[Decision]()
    for mono_s, main, backup, *since in looks:
        main_since, backup_since = since or (None, None)
        now = at(mono_s)
        seen = {
            "main.": Observation(agent="main.", role=main, read=now, source="", since_s=main_since),
            "backup.": Observation(agent="backup.", role=backup, read=now, source="", since_s=backup_since),
        }
        memory = remember(pair, memory, seen, now=now)
        decisions.append(decide(pair, seen, memory, now=now))
    return decisions


@pytest.mark.parametrize(
    ("main", "backup", "decision"),
    [
        (ON, OFF, Move(to="main.", reason=Reason.OTHER_OFFLINE)),
        (OFF, ON, Move(to="backup.", reason=Reason.OTHER_OFFLINE)),
        (ON, DARK, Move(to="main.", reason=Reason.OTHER_UNKNOWN)),
        (DARK, ON, Move(to="backup.", reason=Reason.OTHER_UNKNOWN)),
        (ON, SWITCH, Hold(reason=Reason.SWITCHING, agents=("main.",))),
        (SWITCH, ON, Hold(reason=Reason.SWITCHING, agents=("backup.",))),
        (ON, ON, Hold(reason=Reason.BOTH_ONLINE, agents=("main.", "backup."))),
        (OFF, OFF, Hold(reason=Reason.NOBODY_ONLINE, agents=("main.", "backup."))),
        (OFF, SWITCH, Hold(reason=Reason.NOBODY_ONLINE, agents=("main.", "backup."))),
        (OFF, DARK, Hold(reason=Reason.NOBODY_ONLINE, agents=("main.", "backup."))),
        (SWITCH, OFF, Hold(reason=Reason.NOBODY_ONLINE, agents=("main.", "backup."))),
        (SWITCH, SWITCH, Hold(reason=Reason.NOBODY_ONLINE, agents=("main.", "backup."))),
        (SWITCH, DARK, Hold(reason=Reason.NOBODY_ONLINE, agents=("main.", "backup."))),
        (DARK, OFF, Hold(reason=Reason.NOBODY_ONLINE, agents=("main.", "backup."))),
        (DARK, SWITCH, Hold(reason=Reason.NOBODY_ONLINE, agents=("main.", "backup."))),
        (DARK, DARK, Hold(reason=Reason.NOBODY_ONLINE, agents=("main.", "backup."))),
    ],
)
def test_each_row_of_the_table(main: Role, backup: Role, decision: Decision) -> None:
    assert last_of(PAIR, (0, main, backup)) == decision


looks = st.lists(
    st.tuples(
        st.floats(min_value=0, max_value=20),
        st.sampled_from(Role),
        st.sampled_from(Role),
        st.none() | st.floats(min_value=0, max_value=20),
        st.none() | st.floats(min_value=0, max_value=20),
    ),
    min_size=1,
    max_size=12,
)
pairs = st.builds(
    lambda settle_s, both: replace(PAIR, settle_s=settle_s, both_online=both),
    st.sampled_from([0.0, 3.0]),
    st.sampled_from(BothOnline),
)


def in_order(steps: list[Look]) -> list[Look]:
    """Return the looks with their times summed up: a monotonic clock does not go back."""
    now_s, found = 0.0, list[Look]()
    for wait_s, *rest in steps:
        now_s += wait_s
        found.append((now_s, *rest))
    return found


@given(pair=pairs, steps=looks)
def test_a_move_goes_only_to_an_agent_that_says_now_that_it_is_online(pair: Pair, steps: list[Look]) -> None:
    steps = in_order(steps)
    for (_, main, backup, *_), decision in zip(steps, every_one_of(pair, *steps), strict=True):
        if isinstance(decision, Move):
            assert {"main.": main, "backup.": backup}[decision.to] is ON


@given(pair=pairs, steps=looks, unseen=st.sampled_from([OFF, DARK, SWITCH]))
def test_unknown_never_moves(pair: Pair, steps: list[Look], unseen: Role) -> None:
    steps = [*in_order(steps), (1e6, DARK, unseen), (1e6 + 100, unseen, DARK), (1e6 + 200, DARK, DARK)]
    assert all(isinstance(decision, Hold) for decision in every_one_of(pair, *steps)[-3:])


@given(pair=pairs, steps=looks)
def test_two_online_agents_are_always_an_alert(pair: Pair, steps: list[Look]) -> None:
    steps = in_order(steps)
    for (_, main, backup, *_), decision in zip(steps, every_one_of(pair, *steps), strict=True):
        if main is backup is ON:
            assert decision.reason.alerts or decision.reason is Reason.SETTLING
        else:
            assert not decision.reason.alerts


@given(steps=looks)
def test_agents_have_no_rank(steps: list[Look]) -> None:
    steps = in_order(steps)
    other = {"main.": "backup.", "backup.": "main."}
    mirrored: list[Look] = [(step[0], step[2], step[1], *reversed(step[3:])) for step in steps]
    for here, there in zip(every_one_of(PAIR, *steps), every_one_of(PAIR, *mirrored), strict=True):
        assert here.reason is there.reason
        if isinstance(here, Move):
            assert isinstance(there, Move)
            assert there.to == other[here.to]


def test_a_crashed_agent_whose_file_says_online_for_ever_loses_to_the_one_that_took_over() -> None:
    assert every_one_of(PAIR, (0, ON, OFF), (10, ON, SWITCH), (20, ON, ON)) == [
        Move(to="main.", reason=Reason.OTHER_OFFLINE),
        Hold(reason=Reason.SWITCHING, agents=("main.",)),
        Move(to="backup.", reason=Reason.NEWER_CLAIM),
    ]


def test_a_crashed_agent_that_comes_back_as_online_without_a_word_between_is_not_newer() -> None:
    decision = last_of(PAIR, (0, ON, OFF), (10, ON, ON), (20, DARK, ON), (30, ON, ON))
    assert decision == Move(to="backup.", reason=Reason.NEWER_CLAIM)


def test_unknown_between_does_not_renew_a_claim() -> None:
    decision = last_of(PAIR, (0, OFF, ON), (10, DARK, ON), (20, ON, ON), (30, ON, DARK), (40, ON, ON))
    assert decision == Move(to="main.", reason=Reason.NEWER_CLAIM)


def test_offline_between_renews_a_claim() -> None:
    decision = last_of(PAIR, (0, ON, OFF), (10, ON, ON), (20, OFF, ON), (30, ON, ON))
    assert decision == Move(to="main.", reason=Reason.NEWER_CLAIM)


def test_two_claims_first_seen_together_hold() -> None:
    decisions = every_one_of(PAIR, (0, ON, ON), (10, ON, ON), (20, DARK, ON), (30, ON, ON))
    assert [decision.reason for decision in decisions] == [
        Reason.BOTH_ONLINE,
        Reason.BOTH_ONLINE,
        Reason.OTHER_UNKNOWN,
        Reason.BOTH_ONLINE,
    ]


def test_two_claims_that_were_seen_to_begin_together_hold() -> None:
    assert last_of(PAIR, (0, OFF, OFF), (10, ON, ON)).reason is Reason.BOTH_ONLINE


def test_a_claim_that_nobody_saw_begin_is_not_newer_for_being_seen_later() -> None:
    assert last_of(PAIR, (0, ON, DARK), (10, ON, ON)).reason is Reason.BOTH_ONLINE


@pytest.mark.parametrize(
    ("main_since", "backup_since", "decision"),
    [
        (100.0, 105.5, Move(to="backup.", reason=Reason.NEWER_CLAIM)),
        (105.5, 100.0, Move(to="main.", reason=Reason.NEWER_CLAIM)),
        (0.0, 5.5, Move(to="backup.", reason=Reason.NEWER_CLAIM)),
        (100.0, 105.0, Hold(reason=Reason.BOTH_ONLINE, agents=("main.", "backup."))),
        (100.0, 100.0, Hold(reason=Reason.BOTH_ONLINE, agents=("main.", "backup."))),
        (100.0, None, Hold(reason=Reason.BOTH_ONLINE, agents=("main.", "backup."))),
        (None, 100.0, Hold(reason=Reason.BOTH_ONLINE, agents=("main.", "backup."))),
    ],
)
def test_what_the_sources_say_since_when_decides_beyond_the_tolerance(
    main_since: float | None, backup_since: float | None, decision: Decision
) -> None:
    assert last_of(PAIR, (0, ON, ON, main_since, backup_since)) == decision


def test_since_beyond_the_tolerance_outweighs_the_order_of_seeing() -> None:
    decision = last_of(PAIR, (0, OFF, ON, 50.0, 200.0), (10, ON, ON, 100.0, 200.0))
    assert decision == Move(to="backup.", reason=Reason.NEWER_CLAIM)


def test_within_the_tolerance_the_order_of_seeing_decides() -> None:
    decision = last_of(PAIR, (0, OFF, ON, 50.0, 103.0), (10, ON, ON, 100.0, 103.0))
    assert decision == Move(to="main.", reason=Reason.NEWER_CLAIM)


def test_a_since_that_jitters_within_the_tolerance_does_not_renew_a_claim() -> None:
    decision = last_of(
        PAIR,
        (0, ON, OFF, 100.0, 90.0),
        (10, ON, ON, 100.0, 103.0),
        (20, ON, ON, 104.0, 103.0),
        (30, ON, ON, 96.0, 103.0),
        (40, ON, ON, 104.9, 99.0),
    )
    assert decision == Move(to="backup.", reason=Reason.NEWER_CLAIM)


def test_a_since_that_leaps_renews_a_claim() -> None:
    decision = last_of(
        PAIR, (0, OFF, ON, 90.0, 100.0), (10, ON, ON, 103.0, 100.0), (20, ON, ON, 103.0, 106.0)
    )
    assert decision == Move(to="backup.", reason=Reason.NEWER_CLAIM)


def test_a_since_that_goes_back_does_not_renew_a_claim() -> None:
    decision = last_of(PAIR, (0, OFF, ON), (10, ON, ON, 1000.0, None), (20, ON, ON, 10.0, None))
    assert decision == Move(to="main.", reason=Reason.NEWER_CLAIM)


def test_a_since_that_is_said_only_later_is_taken_up_and_renews_nothing() -> None:
    decision = last_of(PAIR, (0, ON, OFF), (10, ON, ON), (20, ON, ON, 100.0, 90.0), (30, ON, ON, None, None))
    assert decision == Move(to="main.", reason=Reason.NEWER_CLAIM)


def test_both_online_hold_holds_though_the_order_is_known() -> None:
    pair = replace(PAIR, both_online=BothOnline.HOLD)
    assert last_of(pair, (0, ON, OFF), (10, ON, ON)) == Hold(
        reason=Reason.BOTH_ONLINE, agents=("main.", "backup.")
    )


def test_a_move_waits_until_it_has_stood_for_settle_s() -> None:
    pair = replace(PAIR, settle_s=3.0)
    assert every_one_of(pair, (10, OFF, ON), (12, OFF, ON), (13, OFF, ON), (20, OFF, ON)) == [
        Hold(reason=Reason.SETTLING, agents=("backup.",), again_in_s=3.0),
        Hold(reason=Reason.SETTLING, agents=("backup.",), again_in_s=1.0),
        Move(to="backup.", reason=Reason.OTHER_OFFLINE),
        Move(to="backup.", reason=Reason.OTHER_OFFLINE),
    ]


@pytest.mark.parametrize("between", [(OFF, OFF), (OFF, DARK), (SWITCH, ON), (ON, OFF)])
def test_what_interrupts_a_move_makes_it_settle_anew(between: tuple[Role, Role]) -> None:
    pair = replace(PAIR, settle_s=3.0)
    decision = last_of(pair, (0, OFF, ON), (2, *between), (4, OFF, ON))
    assert decision == Hold(reason=Reason.SETTLING, agents=("backup.",), again_in_s=3.0)


def test_another_reason_for_the_same_move_does_not_make_it_settle_anew() -> None:
    pair = replace(PAIR, settle_s=3.0)
    assert last_of(pair, (0, OFF, ON), (2, DARK, ON), (3, DARK, ON)).reason is Reason.OTHER_UNKNOWN


def test_without_settle_s_a_move_acts_at_once() -> None:
    assert isinstance(last_of(PAIR, (0, OFF, ON)), Move)


def test_a_memory_that_holds_no_standing_move_decides_at_once() -> None:
    now = at(0)
    seen = {
        agent.name: Observation(agent=agent.name, role=role, read=now, source="")
        for agent, role in zip(PAIR.agents, (ON, OFF), strict=True)
    }
    decision = decide(replace(PAIR, settle_s=3.0), seen, Memory(), now=now)
    assert decision == Move(to="main.", reason=Reason.OTHER_OFFLINE)
