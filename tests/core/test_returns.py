from __future__ import annotations

from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from failover_dns.core.model import Key, Record, Type
from failover_dns.core.returns import Returns, registrant

STALE = Record(Key("dma-main.example.test.", Type.A), ip_address("10.10.10.5"))
POINTER = Record(Key("5.10.10.10.in-addr.arpa.", Type.PTR), "dma-main.example.test.")


def after(*times_s: float) -> Returns:
    returns = Returns(limit=3, window_s=60.0)
    for now_s in times_s:
        returns = returns.noting([STALE], now_s=now_s)
    return returns


def test_a_record_may_come_back_fewer_times_than_the_limit() -> None:
    assert after(0, 10).too_often(now_s=11) == frozenset()


def test_a_record_that_was_repaired_as_often_as_the_limit_allows_must_wait() -> None:
    assert after(0, 10, 20).too_often(now_s=21) == {STALE}


def test_it_waits_until_the_oldest_repair_has_left_the_window() -> None:
    returns = after(0, 10, 20)
    assert returns.free_in_s([STALE], now_s=21) == 39
    assert returns.too_often(now_s=60) == frozenset()


def test_other_records_do_not_wait_for_it() -> None:
    assert after(0, 10, 20).noting([POINTER], now_s=21).too_often(now_s=22) == {STALE}


def test_what_has_left_the_window_is_forgotten() -> None:
    assert after(0, 10, 20).noting([POINTER], now_s=500).repaired == {POINTER: (500,)}


def test_the_host_to_look_at_is_the_name_itself_or_the_one_a_pointer_gives() -> None:
    assert (registrant(STALE), registrant(POINTER)) == ("dma-main.example.test.", "dma-main.example.test.")


@given(st.lists(st.floats(0, 10, allow_nan=False), max_size=60))
def test_no_window_ever_sees_more_repairs_than_the_limit(pauses_s: list[float]) -> None:
    returns, now_s, repaired = Returns(limit=3, window_s=20.0), 0.0, list[float]()
    for pause_s in pauses_s:
        now_s += pause_s
        if STALE not in returns.too_often(now_s=now_s):
            returns = returns.noting([STALE], now_s=now_s)
            repaired.append(now_s)
    assert all(last - first >= 20.0 for first, last in zip(repaired, repaired[3:], strict=False))
