"""NOERROR is not proof and an error is no disproof: what was read back decides."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover_dns.core.model import Change, Key, Record, RRset, Type
from failover_dns.core.outcome import (
    IGNORED,
    NOT_DONE,
    OVERWRITTEN,
    Answer,
    Next,
    Said,
    Verdict,
    conclude,
    recovered,
)

KEY = Key("dma-main.example.test.", Type.A)
CHANGE = Change(
    zone="example.test.",
    before=(RRset(key=KEY, values=frozenset({ip_address("10.10.10.1"), ip_address("10.10.10.5")})),),
    removes=(Record(KEY, ip_address("10.10.10.5")),),
    adds=(Record(KEY, ip_address("10.10.10.9")),),
)
SHOWS = {
    KEY: RRset(key=KEY, values=frozenset({ip_address("10.10.10.1"), ip_address("10.10.10.9")}), ttl_s=60)
}
BEFORE = {KEY: RRset(key=KEY, values=CHANGE.before[0].values, ttl_s=1200)}
NEITHER = {KEY: RRset(key=KEY, values=frozenset({ip_address("10.10.10.1")}))}
HALF = {KEY: RRset(key=KEY, values=CHANGE.before[0].values | {ip_address("10.10.10.9")})}


@pytest.mark.parametrize("said", Said)
def test_a_change_that_is_shown_is_applied_whatever_was_answered(said: Said) -> None:
    outcome = conclude(CHANGE, Answer(said=said), SHOWS)
    assert (outcome.verdict, outcome.next, outcome.after) == (Verdict.APPLIED, Next.NOTHING, SHOWS)


@pytest.mark.parametrize("said", Said)
def test_a_change_that_could_not_be_read_back_is_unknown_and_tried_again(said: Said) -> None:
    outcome = conclude(CHANGE, Answer(said=said), None)
    assert (outcome.verdict, outcome.next, outcome.after) == (Verdict.UNKNOWN, Next.RETRY, None)


@pytest.mark.parametrize(
    ("said", "verdict", "following"),
    [
        (Said.DONE, Verdict.REFUSED, Next.OPERATOR),
        (Said.SILENT, Verdict.UNKNOWN, Next.RETRY),
        (Said.UNVERIFIED, Verdict.UNKNOWN, Next.RETRY),
        (Said.LOST_RACE, Verdict.REFUSED, Next.REPLAN),
        (Said.DENIED, Verdict.REFUSED, Next.OPERATOR),
        (Said.FAILED, Verdict.REFUSED, Next.RETRY),
        (Said.UNSENT, Verdict.REFUSED, Next.RETRY),
    ],
)
def test_records_as_they_were_before_are_judged_by_the_answer(
    said: Said, verdict: Verdict, following: Next
) -> None:
    outcome = conclude(CHANGE, Answer(said=said), BEFORE)
    assert (outcome.verdict, outcome.next) == (verdict, following)


@pytest.mark.parametrize("after", [NEITHER, HALF, {KEY: RRset(key=KEY)}])
@pytest.mark.parametrize(
    ("said", "verdict", "following"),
    [
        (Said.DONE, Verdict.UNKNOWN, Next.REPLAN),
        (Said.SILENT, Verdict.UNKNOWN, Next.REPLAN),
        (Said.UNVERIFIED, Verdict.UNKNOWN, Next.REPLAN),
        (Said.LOST_RACE, Verdict.REFUSED, Next.REPLAN),
        (Said.DENIED, Verdict.REFUSED, Next.OPERATOR),
        (Said.FAILED, Verdict.REFUSED, Next.RETRY),
        (Said.UNSENT, Verdict.REFUSED, Next.RETRY),
    ],
)
def test_records_that_somebody_changed_between_are_planned_anew_unless_the_answer_is_firm(
    after: dict[Key, RRset], said: Said, verdict: Verdict, following: Next
) -> None:
    outcome = conclude(CHANGE, Answer(said=said), after)
    assert (outcome.verdict, outcome.next) == (verdict, following)


def test_an_ignored_update_says_what_to_look_for() -> None:
    outcome = conclude(CHANGE, Answer(said=Said.DONE, rcode="NOERROR", what="done", cure="none"), BEFORE)
    assert outcome.what == IGNORED
    assert "CNAME" in outcome.cure


def test_records_written_over_say_so() -> None:
    assert conclude(CHANGE, Answer(said=Said.DONE, what="done"), NEITHER).what == OVERWRITTEN


@given(said=st.sampled_from([Said.LOST_RACE, Said.DENIED, Said.FAILED, Said.UNSENT]))
def test_a_firm_answer_keeps_its_own_words(said: Said) -> None:
    outcome = conclude(CHANGE, Answer(said=said, rcode="REFUSED", what="denied", cure="grant it"), BEFORE)
    assert (outcome.what, outcome.cure, outcome.answer.rcode) == ("denied", "grant it", "REFUSED")


def test_nothing_is_concluded_from_records_that_were_not_read_back() -> None:
    with pytest.raises(KeyError):
        conclude(CHANGE, Answer(said=Said.DONE), {})


def test_a_change_that_nobody_heard_the_answer_of_is_closed_by_what_dns_shows() -> None:
    shown, not_shown = recovered(CHANGE, SHOWS), recovered(CHANGE, BEFORE)
    assert (shown.verdict, shown.next, shown.after) == (Verdict.APPLIED, Next.NOTHING, SHOWS)
    assert (not_shown.verdict, not_shown.next, not_shown.what) == (Verdict.REFUSED, Next.REPLAN, NOT_DONE)
    assert shown.answer.said is Said.SILENT
