from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover_dns.core.orders import BrokenOrdersError, Freeze, Orders, Release, decode, encode, frozen

FREEZE = Freeze(by="ana@ops-1", reason="patching", since_s=100.0, until_s=200.0)
RELEASE = Release(by="ana@ops-1", at_s=100.0)
ORDERS = Orders(freezes={"dma": FREEZE}, releases={"vip": RELEASE})


@pytest.mark.parametrize(
    ("until_s", "now_s", "in_force"),
    [(None, 1e12, True), (200.0, 199.9, True), (200.0, 200.0, False), (200.0, 50.0, True)],
)
def test_a_freeze_is_in_force_until_its_time_is_over(
    until_s: float | None, now_s: float, *, in_force: bool
) -> None:
    freeze = Freeze(by="ana@ops-1", reason="patching", since_s=100.0, until_s=until_s)
    assert frozen(Orders(freezes={"dma": freeze}), "dma", now_s) == (freeze if in_force else None)


def test_a_freeze_is_of_its_own_pair_only() -> None:
    assert frozen(ORDERS, "vip", 150.0) is None


def test_nothing_is_ordered_at_first() -> None:
    assert frozen(Orders(), "dma", 0.0) is None


def test_a_freeze_takes_the_place_of_the_one_before_and_leaves_the_rest() -> None:
    longer = Freeze(by="ben@ops-2", reason="more patching", since_s=150.0)
    found = ORDERS.freezing(["dma", "vip"], longer)
    assert found == Orders(freezes={"dma": longer, "vip": longer}, releases={"vip": RELEASE})


def test_a_thaw_ends_the_freeze_of_its_pairs_and_leaves_the_rest() -> None:
    found = ORDERS.freezing(["vip"], FREEZE).thawing(["dma", "new"])
    assert found == Orders(freezes={"vip": FREEZE}, releases={"vip": RELEASE})


def test_a_release_is_of_its_pairs_and_leaves_the_rest() -> None:
    again = Release(by="ben@ops-2", at_s=300.0)
    found = ORDERS.releasing(["dma"], again)
    assert found == Orders(freezes={"dma": FREEZE}, releases={"vip": RELEASE, "dma": again})


texts = st.text(max_size=10)
times = st.floats(0, 253_402_300_799)
freezes = st.builds(Freeze, by=texts, reason=texts, since_s=times, until_s=st.none() | times)
releases = st.builds(Release, by=texts, at_s=times)
all_orders = st.builds(
    Orders,
    freezes=st.dictionaries(texts, freezes, max_size=3),
    releases=st.dictionaries(texts, releases, max_size=3),
)


@given(all_orders)
def test_all_orders_are_read_back_as_they_were_written(orders: Orders) -> None:
    assert decode(encode(orders)) == orders


@given(st.binary())
def test_arbitrary_bytes_are_no_orders(data: bytes) -> None:
    with pytest.raises(BrokenOrdersError):
        decode(data)


@given(all_orders, st.data())
def test_orders_that_were_cut_off_are_no_orders(orders: Orders, data: st.DataObject) -> None:
    whole = encode(orders).rstrip()
    with pytest.raises(BrokenOrdersError):
        decode(whole[: data.draw(st.integers(0, len(whole) - 1))])


def changed(**changes: Any) -> bytes:
    return json.dumps({**json.loads(encode(ORDERS)), **changes}).encode()


@given(
    st.sampled_from(["v", "freezes", "releases"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | texts,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
        max_leaves=4,
    ),
)
def test_arbitrary_json_in_the_place_of_orders_is_read_or_refused_and_raises_nothing_else(
    name: str, value: Any
) -> None:
    with suppress(BrokenOrdersError):
        decode(changed(**{name: value}))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "Expecting value"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "[] is not an object of v, freezes, releases"),
        (changed(v=2), "2 is no version of orders that is known here"),
        (changed(v=True), "True is no version of orders that is known here"),
        (changed(more=1), "is not an object of v, freezes, releases"),
        (changed(freezes=[]), "[] is not an object"),
        (changed(freezes={"dma": {}}), "{} is not an object of by, reason, since_s, until_s"),
        (changed(releases={"dma": {"by": "a", "at_s": "now"}}), "'now' is not a whole number"),
        (changed(releases={"dma": {"by": 1, "at_s": 1}}), "1 is not a text"),
        (changed(releases={"dma": {"by": "a", "at_s": 10**400}}), "int too large"),
        (changed(releases={"dma": {"by": "a", "at_s": 1e12}}), "1e+12 is not a time in seconds since 1970"),
        (changed(releases={"dma": {"by": "a", "at_s": -1}}), "-1 is not a time in seconds since 1970"),
        (changed().replace(b'"vip"', b'"dma": 1, "dma"'), "a field is there twice"),
        (changed().replace(b"100.0", b"NaN"), "NaN is not JSON"),
    ],
)
def test_broken_orders_say_what_is_wrong(data: bytes, why: str) -> None:
    with pytest.raises(BrokenOrdersError, match=re.escape(why)):
        decode(data)
