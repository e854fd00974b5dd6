"""What is heard in keepalived's FIFO, and what is doubted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover_dns.core.keepalived import (
    CLOSED,
    GARBAGE,
    LOST,
    MAX_INSTANCES,
    MAX_LINE_BYTES,
    SILENT,
    Heard,
    KeepalivedSource,
    Piece,
    hear,
    observe_keepalived,
)
from failover_dns.core.model import Instant, Observation, Role

SOURCE = KeepalivedSource(fifo="/run/k.fifo", instance="VI_DMA", agent="main")
MASTER = b'INSTANCE "VI_DMA" MASTER 100\n'
BACKUP = b'INSTANCE "VI_DMA" BACKUP 100\n'
END = Piece(content=b"")


def at(wall_s: float) -> Instant:
    return Instant(mono_s=wall_s, wall_s=wall_s)


def heard(*pieces: bytes | Piece) -> Heard:
    known = Heard()
    for second, piece in enumerate(pieces):
        known = hear(known, piece if isinstance(piece, Piece) else Piece(content=piece), now=at(second))
    return known


def seen(*pieces: bytes | Piece) -> Observation:
    return observe_keepalived(SOURCE, heard(*pieces), None, now=at(99))


@pytest.mark.parametrize(
    ("word", "role"),
    [
        ("MASTER", Role.ONLINE),
        ("BACKUP", Role.OFFLINE),
        ("FAULT", Role.OFFLINE),
        ("STOP", Role.OFFLINE),
        ("DELETED", Role.UNKNOWN),
        ("{UNKNOWN}", Role.UNKNOWN),
        ("master", Role.UNKNOWN),
        ("ONLINE", Role.UNKNOWN),
    ],
)
def test_an_instances_state_is_its_agents_role(word: str, role: Role) -> None:
    found = seen(f'INSTANCE "VI_DMA" {word} 100\n'.encode())
    assert (found.agent, found.role, found.read, found.source) == ("main", role, at(99), "keepalived VI_DMA")
    assert word in found.reason


def test_the_last_line_holds_since_it_was_heard() -> None:
    found = seen(BACKUP, MASTER, MASTER)
    assert (found.role, found.since_s) == (Role.ONLINE, 1.0)


def test_a_line_that_waited_in_the_fifo_has_no_known_time() -> None:
    found = seen(Piece(content=MASTER, waited=True))
    assert (found.role, found.since_s) == (Role.ONLINE, None)


@pytest.mark.parametrize("cut", range(1, len(MASTER)))
def test_a_line_may_come_in_two_halves(cut: int) -> None:
    assert seen(BACKUP + MASTER[:cut]).role is Role.OFFLINE
    assert seen(BACKUP + MASTER[:cut], MASTER[cut:]).role is Role.ONLINE


@pytest.mark.parametrize(
    "line",
    [
        b'INSTANCE "VI_OTHER" MASTER 100\n',
        b'GROUP "VI_DMA" MASTER 0\n',
        b'INSTANCE "VI_DMA" MASTER_RX_LOWER_PRI 100\n',
        b'INSTANCE "VI_DMA" MASTER_PRIORITY 110\n',
        b'INSTANCE "VI_DMA" BACKUP_PRIORITY 90\n',
        b"VS [192.168.201.15]:tcp:80 UP\n",
        b"RS [1.2.3.4]:tcp:80 [192.168.201.15]:tcp:80 DOWN\n",
    ],
)
def test_lines_about_something_else_change_nothing(line: bytes) -> None:
    assert seen(BACKUP, line).role is Role.OFFLINE
    assert seen(line).role is Role.UNKNOWN


def test_until_keepalived_speaks_the_role_is_unknown_and_the_reason_says_when_it_will() -> None:
    found = seen()
    assert found.role is Role.UNKNOWN
    assert found.reason == f"{SILENT}; it speaks at its next change of state"


def test_an_instance_that_is_never_told_of_is_unknown_and_the_reason_names_others() -> None:
    assert "it has spoken of 'VI_OTHER'" in seen(b'INSTANCE "VI_OTHER" MASTER 100\n').reason


def test_keepalived_gone_without_a_word_is_unknown_and_after_stop_offline() -> None:
    died = seen(MASTER, END)
    assert died.role is Role.UNKNOWN
    assert CLOSED in died.reason
    assert seen(MASTER, b'INSTANCE "VI_DMA" STOP 100\n', END).role is Role.OFFLINE


def test_the_same_state_told_after_a_reload_has_not_begun_anew() -> None:
    assert seen(MASTER, END, MASTER).since_s == 0.0
    assert seen(MASTER, END, BACKUP, MASTER).since_s == 3.0


@pytest.mark.parametrize(
    "garbage", [b"\n", b"NTNE'pnt'BCU 4\n", b'INSTANCE "VI_DMA" MASTER 100 x\n', b"\xff\n"]
)
def test_a_line_that_is_none_of_keepaliveds_puts_all_earlier_ones_in_doubt(garbage: bytes) -> None:
    found = seen(MASTER, garbage)
    assert found.role is Role.UNKNOWN
    assert GARBAGE in found.reason
    assert seen(MASTER, garbage + BACKUP).role is Role.OFFLINE
    assert seen(MASTER, garbage + BACKUP[:9], BACKUP[9:]).role is Role.OFFLINE


def test_a_line_without_end_is_garbage_and_is_not_kept() -> None:
    known = heard(MASTER, b"x" * (MAX_LINE_BYTES + 1))
    assert (known.states, known.doubt, known.half) == ({}, GARBAGE, b"")


def test_a_fifo_that_was_full_may_have_lost_the_newest_lines() -> None:
    found = seen(Piece(content=MASTER, waited=True, full=True))
    assert found.role is Role.UNKNOWN
    assert LOST in found.reason
    assert seen(Piece(content=MASTER, full=True), BACKUP).role is Role.OFFLINE


def test_more_instances_than_a_network_has_are_garbage() -> None:
    flood = b"".join(b'INSTANCE "VI_%d" MASTER 1\n' % number for number in range(MAX_INSTANCES + 1))
    known = heard(flood)
    assert len(known.states) + len(known.before) <= MAX_INSTANCES
    assert known.doubt == GARBAGE


def test_a_fifo_that_is_not_open_is_unknown_whatever_was_heard() -> None:
    found = observe_keepalived(SOURCE, heard(MASTER), "its directory does not exist", now=at(9))
    assert (found.role, found.reason) == (Role.UNKNOWN, "its directory does not exist")


lines = st.sampled_from(
    [MASTER, BACKUP, b"junk\n", b'INSTANCE "VI_DMA" FAULT 0\n', b'INSTANCE "X" MASTER 1\n']
)


@given(pieces=st.lists(lines | st.binary(min_size=1, max_size=40) | st.just(END), max_size=12))
def test_online_means_that_the_last_word_on_the_instance_was_master(pieces: list[bytes | Piece]) -> None:
    told = b"".join(b"\nend\n" if isinstance(piece, Piece) else piece for piece in pieces)
    ours = [line for line in told.split(b"\n")[:-1] if line.startswith(b'INSTANCE "VI_DMA" ')]
    if seen(*pieces).role is Role.ONLINE:
        assert ours[-1] + b"\n" == MASTER or ours[-1].startswith(b'INSTANCE "VI_DMA" MASTER')
        assert not told.endswith(b"\nend\n")


@given(line=st.binary(max_size=80))
def test_one_line_is_online_only_if_it_is_the_masters(line: bytes) -> None:
    known = seen(b'INSTANCE "VI_DMA" ' + line + b"\n")
    assert known.role is not Role.ONLINE or line.startswith(b"MASTER")
