"""FailoverStatus.txt and SLFailover.txt become roles."""

from __future__ import annotations

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover_dns.core.model import Instant, Role
from failover_dns.core.roles import Reading
from failover_dns.core.slfailover import (
    Appended,
    TextSource,
    observe_failover_log,
    observe_failover_status,
    read_failover_log,
)
from failover_dns.core.sources import MAX_BYTES, Glance

NOW = Instant(mono_s=50.0, wall_s=1_700_000_000.0)
SOURCE = TextSource(path="/logs/SLFailover.txt", agent="main", zone=UTC)
LINE = "2023/12/22 14:49:56.886|SLNet.exe|UpdateFailoverSwitchStatus|CRU|0|67|Failover Status => "


@pytest.mark.parametrize(
    ("content", "role", "reason"),
    [
        (b"Online\r\n", Role.ONLINE, "it says 'Online'"),
        (b"Acquiring Virtual IP Address 10.10.10.5", Role.SWITCHING, "it says 'Acquiring Virtual IP"),
        ("Offline".encode("utf-16"), Role.OFFLINE, "it says 'Offline'"),
        (b"Unreachable", Role.UNKNOWN, "which is not a known word"),
        (b"", Role.UNKNOWN, "it is empty"),
        (b"\xff\x00\xff", Role.UNKNOWN, "it is not text in UTF-8 or UTF-16"),
        (b"online".ljust(MAX_BYTES + 1), Role.UNKNOWN, "it is larger than 64 KiB"),
    ],
)
def test_the_status_file_is_one_text(content: bytes, role: Role, reason: str) -> None:
    seen = observe_failover_status(SOURCE, Glance(content=content), now=NOW)
    assert (seen.agent, seen.role, seen.read) == ("main", role, NOW)
    assert seen.source == "status /logs/SLFailover.txt"
    assert reason in seen.reason


def test_a_status_file_that_cannot_be_read_is_unknown() -> None:
    seen = observe_failover_status(SOURCE, Glance(problem="no answer"), now=NOW)
    assert (seen.role, seen.reason) == (Role.UNKNOWN, "no answer")


def test_the_last_status_line_holds_since_its_time() -> None:
    lines = f"{LINE}Offline\r\n{LINE.replace('14:49', '14:50')}Preparing to go online\r\nother|line\r\n"
    assert read_failover_log(lines.encode(), UTC) == Reading(
        role=Role.SWITCHING, reason="it says 'Preparing to go online'", since_s=1_703_256_656.886
    )


@pytest.mark.parametrize(
    ("lines", "role"),
    [
        (f"\ufeff{LINE}Online", Role.ONLINE),
        (f"{LINE}Offline\n{LINE}Bursting", Role.UNKNOWN),
        (f"{LINE}Offline\n{LINE}", Role.UNKNOWN),
        (f"{LINE}Offline\n{LINE.replace('Failover Status', 'he said Failover Status')}Online", Role.OFFLINE),
        (f"{LINE}Offline\nFailover Status => Online", Role.OFFLINE),
        (f"{LINE.upper()}Online", Role.ONLINE),
        (f"{LINE}On|line", Role.UNKNOWN),
    ],
)
def test_only_lines_of_the_format_count_and_an_unknown_status_hides_the_one_before(
    lines: str, role: Role
) -> None:
    found = read_failover_log(lines.encode(), UTC)
    assert found is not None
    assert found.role is role


def test_a_line_whose_time_is_none_still_tells_the_status() -> None:
    found = read_failover_log(LINE.replace("2023/12/22", "soon").encode() + b"Online")
    assert found is not None
    assert (found.role, found.since_s) == (Role.ONLINE, None)


def test_a_status_holds_while_nothing_new_is_appended() -> None:
    first, last = observe_failover_log(
        SOURCE, Appended(content=f"{LINE}Online\n".encode(), anew=True), None, now=NOW
    )
    then, last = observe_failover_log(SOURCE, Appended(content=b"x|y\n"), last, now=NOW)
    assert (first.role, first.source) == (Role.ONLINE, "log /logs/SLFailover.txt")
    assert (then.role, then.since_s) == (Role.ONLINE, first.since_s)


def test_a_log_that_cannot_be_read_for_a_while_is_unknown_and_then_as_before() -> None:
    _, last = observe_failover_log(SOURCE, Appended(content=f"{LINE}Online\n".encode()), None, now=NOW)
    gone, last = observe_failover_log(SOURCE, Appended(problem="there is no file there"), last, now=NOW)
    back, _ = observe_failover_log(SOURCE, Appended(), last, now=NOW)
    assert (gone.role, gone.reason) == (Role.UNKNOWN, "there is no file there")
    assert back.role is Role.ONLINE


def test_a_log_begun_anew_without_a_status_is_unknown() -> None:
    _, last = observe_failover_log(SOURCE, Appended(content=f"{LINE}Online\n".encode()), None, now=NOW)
    seen, last = observe_failover_log(SOURCE, Appended(anew=True), last, now=NOW)
    assert (seen.role, last) == (Role.UNKNOWN, None)
    assert seen.reason == "no Failover Status stands in what was read of it"


@given(content=st.binary(max_size=300), text=st.text(max_size=300))
def test_no_text_crashes_or_is_online_by_chance(content: bytes, text: str) -> None:
    for lines in (content, text.encode("utf-8", "replace"), LINE.encode() + content):
        found = read_failover_log(lines)
        assert found is None or found.role is not Role.ONLINE
    observe_failover_status(SOURCE, Glance(content=content), now=NOW)
