from __future__ import annotations

import pytest

from failover_dns.core.liveness import Sign, allowed_s, overdue
from failover_dns.core.model import Instant


def at(mono_s: float) -> Instant:
    return Instant(mono_s=mono_s, wall_s=1_772_323_200.0)


@pytest.mark.parametrize(
    ("age_s", "late"),
    [(0.0, False), (59.9, False), (60.0, False), (60.1, True), (3600.0, True)],
)
def test_what_made_no_progress_for_longer_than_it_may_is_overdue(age_s: float, late: bool) -> None:  # noqa: FBT001
    sign = Sign(what="pair dma", last=at(100), allowed_s=60)
    assert bool(overdue([sign], now=at(100 + age_s))) is late


def test_one_that_is_late_does_not_hide_behind_those_that_are_not() -> None:
    signs = [
        Sign(what=f"pair {name}", last=at(last_s), allowed_s=60) for name, last_s in (("a", 99), ("b", 1))
    ]
    assert overdue(signs, now=at(100)) == ("pair b: nothing for 99 s, and 60 s are the most it may take",)


def test_the_wall_clock_makes_nothing_late() -> None:
    sign = Sign(what="pair dma", last=Instant(mono_s=100, wall_s=0), allowed_s=60)
    assert overdue([sign], now=at(101)) == ()


def test_nothing_to_watch_is_not_late() -> None:
    assert overdue([], now=at(100)) == ()


def test_a_walk_may_wait_for_each_of_its_exchanges_after_the_look_that_is_due() -> None:
    assert allowed_s(look_s=4, exchanges=12, deadline_s=5, besides_s=30) == 5 + 60 + 30
