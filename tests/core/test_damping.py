from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from failover_dns.core.damping import Damping, Flaps, damp, moved, penalty, recall, release
from failover_dns.core.model import Instant

DAMPING = Damping(half_life_s=300.0, limit=5.0, reuse=2.0, max_hold_s=900.0)
NOW = Instant(mono_s=10_000.0, wall_s=1772357400.0)


def after(*times_s: float) -> Flaps:
    flaps = Flaps()
    for now_s in times_s:
        flaps = moved(flaps, DAMPING, now_s)
    return flaps


@pytest.mark.parametrize(
    ("flaps", "now_s", "left"),
    [
        (Flaps(), 1e9, 0.0),
        (after(0.0), 0.0, 1.0),
        (after(0.0), 300.0, 0.5),
        (after(0.0), 900.0, 0.125),
        (after(0.0, 0.0), 300.0, 1.0),
        (after(0.0, 300.0), 600.0, 0.75),
        (after(300.0), 200.0, 1.0),
    ],
)
def test_each_move_is_a_penalty_of_one_that_halves_in_a_half_life(
    flaps: Flaps, now_s: float, left: float
) -> None:
    assert penalty(flaps, DAMPING, now_s) == left


def test_a_pair_may_move_until_one_more_move_would_be_above_the_limit() -> None:
    flaps = Flaps()
    for _ in range(5):
        flaps, wait_s = damp(flaps, DAMPING, 100.0)
        assert wait_s is None
        flaps = moved(flaps, DAMPING, 100.0)
    flaps, wait_s = damp(flaps, DAMPING, 100.0)
    assert wait_s == pytest.approx(396.58, abs=0.01)
    assert flaps.held_since_s == 100.0


def test_a_hold_lasts_below_the_limit_until_the_penalty_has_fallen_to_reuse() -> None:
    held, _ = damp(after(*[0.0] * 5), DAMPING, 0.0)
    held, wait_s = damp(held, DAMPING, 200.0)
    assert penalty(held, DAMPING, 200.0) + 1 < DAMPING.limit
    assert wait_s == pytest.approx(196.58, abs=0.01)
    free, wait_s = damp(held, DAMPING, 397.0)
    assert (free.held_since_s, wait_s) == (None, None)


def test_a_hold_ends_after_its_longest_time_and_the_move_may_be_tried_again() -> None:
    held, wait_s = damp(Flaps(penalty=64.0), DAMPING, 0.0)
    assert wait_s == 900.0
    free, wait_s = damp(held, DAMPING, 900.0)
    assert (free, wait_s) == (Flaps(penalty=2.0, at_s=900.0), None)
    assert damp(free, DAMPING, 900.0) == (free, None)


def test_a_hold_that_nobody_asked_about_meanwhile_has_ended() -> None:
    held, _ = damp(Flaps(penalty=64.0), DAMPING, 0.0)
    assert damp(held, DAMPING, 5000.0)[1] is None


def test_a_move_ends_a_hold() -> None:
    held, _ = damp(after(*[0.0] * 5), DAMPING, 0.0)
    assert moved(held, DAMPING, 0.0) == Flaps(penalty=6.0, at_s=0.0)


def test_a_release_leaves_neither_a_hold_nor_a_penalty() -> None:
    held, _ = damp(after(*[0.0] * 5), DAMPING, 0.0)
    assert damp(release(held), DAMPING, 0.0)[1] is None
    assert penalty(release(held), DAMPING, 0.0) == 0.0


def test_what_is_recalled_counts_from_when_it_was() -> None:
    flaps = recall([NOW.wall_s - 600, NOW.wall_s - 300, NOW.wall_s], NOW, DAMPING)
    assert flaps == Flaps(penalty=1.75, at_s=10_000.0)


def test_a_move_in_the_future_of_a_clock_that_was_set_back_counts_as_one_of_now() -> None:
    assert recall([NOW.wall_s + 3600], NOW, DAMPING) == Flaps(penalty=1.0, at_s=10_000.0)


def test_no_moves_are_recalled_as_none() -> None:
    assert recall([], NOW, DAMPING) == Flaps(at_s=10_000.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"half_life_s": 0.0},
        {"max_hold_s": 0.0},
        {"reuse": 0.0},
        {"reuse": 4.5},
        {"reuse": 5.0},
        {"limit": 1.0},
    ],
)
def test_settings_by_which_a_hold_would_never_end_are_not_constructed(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"longer than 0 s|a move"):
        Damping(**wrong)


dampings = st.builds(
    lambda half_life_s, reuse, above, max_hold_s: Damping(
        half_life_s=half_life_s, limit=reuse + 1 + above, reuse=reuse, max_hold_s=max_hold_s
    ),
    st.floats(1, 1e5),
    st.floats(0.1, 10),
    st.floats(0.001, 10),
    st.floats(1, 1e5),
)
waits_s = st.lists(st.floats(0, 1e4), max_size=40)


@given(dampings, waits_s)
def test_the_penalty_never_exceeds_the_limit_while_every_move_asks(
    damping: Damping, pauses_s: list[float]
) -> None:
    flaps, now_s = Flaps(), 0.0
    for pause_s in pauses_s:
        now_s += pause_s
        flaps, wait_s = damp(flaps, damping, now_s)
        if wait_s is None:
            flaps = moved(flaps, damping, now_s)
        assert penalty(flaps, damping, now_s) <= damping.limit + 1e-9


@given(dampings, st.floats(0, 1000), st.floats(0, 1e6))
def test_a_hold_is_over_when_it_said_it_would_be_and_not_before(
    damping: Damping, points: float, now_s: float
) -> None:
    held, wait_s = damp(Flaps(penalty=points, at_s=now_s), damping, now_s)
    assume(wait_s is not None)
    assert wait_s is not None
    assert 0 < wait_s <= damping.max_hold_s
    if wait_s > 1:
        assert damp(held, damping, now_s + wait_s - 0.5)[1] is not None
    assert damp(held, damping, now_s + wait_s)[1] is None


@given(dampings, st.floats(0, 1000), st.floats(0, 1e5), st.lists(st.floats(0, 1e4), max_size=5))
def test_a_move_that_may_go_may_go_until_it_was_made(
    damping: Damping, points: float, later_s: float, pauses_s: list[float]
) -> None:
    held, _ = damp(Flaps(penalty=points), damping, 0.0)
    flaps, wait_s = damp(held, damping, later_s)
    assume(wait_s is None)
    for pause_s in pauses_s:
        later_s += pause_s
        flaps, wait_s = damp(flaps, damping, later_s)
        assert wait_s is None


@given(dampings, waits_s)
def test_what_is_recalled_is_what_was_remembered(damping: Damping, pauses_s: list[float]) -> None:
    flaps, now_s, times = Flaps(), 0.0, []
    for pause_s in pauses_s:
        now_s += pause_s
        flaps = moved(flaps, damping, now_s)
        times.append(1772357400.0 + now_s)
    recalled = recall(times, Instant(mono_s=now_s, wall_s=1772357400.0 + now_s), damping)
    assert recalled.penalty == pytest.approx(penalty(flaps, damping, now_s), rel=1e-4)


@given(dampings, st.floats(0, 1e4), st.floats(0, 1e4))
def test_a_penalty_only_falls_while_nothing_moves(damping: Damping, first_s: float, more_s: float) -> None:
    flaps = Flaps(penalty=3.0)
    assert penalty(flaps, damping, first_s + more_s) <= penalty(flaps, damping, first_s)


@given(dampings)
def test_a_move_counts_next_to_nothing_after_the_memory_s_time(damping: Damping) -> None:
    assert penalty(moved(Flaps(), damping, 0.0), damping, damping.memory_s) < 0.001
