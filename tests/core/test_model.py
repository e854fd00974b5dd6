"""What is constructed is valid: each contradiction of a pair raises; a zone is found by whole labels."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover_dns.core.model import (
    Agent,
    Change,
    Key,
    Layout,
    Pair,
    Record,
    RRset,
    Type,
    address_type,
    require_canonical,
    reverse_name,
    zone_of,
)

MAIN = Agent(name="dma-main.example.test.", addresses=(ip_address("10.10.10.1"),))
BACKUP = Agent(name="dma-backup.example.test.", addresses=(ip_address("10.10.10.2"),))
VIP = ip_address("10.10.10.5")


@pytest.mark.parametrize(
    ("contradiction", "words"),
    [
        ({"agents": (MAIN, MAIN), "virtual_ips": (VIP,)}, "both agents are called dma-main.example.test."),
        ({"virtual_ips": (ip_address("10.10.10.2"),)}, "a virtual IP is also an agent's own address"),
        ({"layout": Layout.AGENT_NAME}, "layout agent-name needs a virtual IP"),
        (
            {"layout": Layout.VIRTUAL_NAME, "published_as": "v.test."},
            "layout virtual-name needs a virtual IP",
        ),
        ({"layout": Layout.VIRTUAL_NAME, "virtual_ips": (VIP,)}, "needs the name to publish"),
        (
            {"layout": Layout.VIRTUAL_NAME, "virtual_ips": (VIP,), "published_as": "V.test."},
            "'V.test.' is not an absolute, lower-case name",
        ),
        (
            {"layout": Layout.VIRTUAL_NAME, "virtual_ips": (VIP,), "published_as": "dma-main.example.test."},
            "dma-main.example.test. is an agent's name already",
        ),
        (
            {"layout": Layout.SERVICE_NAME, "virtual_ips": (VIP,), "published_as": "s.test."},
            "layout service-name has no virtual IP",
        ),
        ({"layout": Layout.SERVICE_NAME}, "layout service-name needs the name to publish"),
        (
            {
                "layout": Layout.SERVICE_NAME,
                "published_as": "s.test.",
                "agents": (MAIN, Agent(name="b.test.")),
            },
            "needs each agent's addresses",
        ),
        (
            {
                "layout": Layout.SERVICE_NAME,
                "published_as": "s.test.",
                "agents": (MAIN, Agent(name="b.test.", addresses=MAIN.addresses)),
            },
            "both agents have the same address",
        ),
        (
            {"virtual_ips": (VIP,), "pointers": {ip_address("10.10.20.5"): "5.x.test."}},
            "5.x.test. is the pointer of 10.10.20.5, which is no virtual IP",
        ),
        ({"virtual_ips": (VIP,), "pointers": {VIP: "5.x"}}, "'5.x' is not an absolute, lower-case name"),
    ],
)
def test_a_pair_that_contradicts_itself_is_refused(contradiction: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("(", "\\(")):
        Pair(**{"name": "dms", "agents": (MAIN, BACKUP), **contradiction})


@pytest.mark.parametrize(
    "agreeing",
    [
        {"virtual_ips": (VIP,)},
        {"virtual_ips": (VIP, ip_address("2001:db8::5"))},
        {"layout": Layout.VIRTUAL_NAME, "virtual_ips": (VIP,), "published_as": "dma-virtual.example.test."},
        {"layout": Layout.SERVICE_NAME, "published_as": "dma.example.test."},
    ],
)
def test_each_layout_has_a_pair_that_stands(agreeing: dict[str, Any]) -> None:
    assert Pair(name="dms", agents=(MAIN, BACKUP), **agreeing).name == "dms"


@pytest.mark.parametrize("name", ["", ".", ".example.test.", "example.test", "Example.test."])
def test_a_name_that_is_not_absolute_and_lower_case_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not an absolute, lower-case name"):
        require_canonical(name)
    with pytest.raises(ValueError, match="is not an absolute, lower-case name"):
        Agent(name=name)


def test_a_pair_finds_its_agents_by_name() -> None:
    pair = Pair(name="dms", agents=(MAIN, BACKUP), virtual_ips=(VIP,))
    assert pair.agent("dma-backup.example.test.") is BACKUP
    assert pair.other("dma-backup.example.test.") is MAIN
    assert pair.other("dma-main.example.test.") is BACKUP


def test_a_stranger_has_no_other_agent() -> None:
    pair = Pair(name="dms", agents=(MAIN, BACKUP), virtual_ips=(VIP,))
    with pytest.raises(KeyError):
        pair.agent("stranger.example.test.")
    with pytest.raises(KeyError):
        pair.other("stranger.example.test.")


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("dma-main.example.com.", "example.com."),
        ("example.com.", "example.com."),
        ("a.b.sub.example.com.", "sub.example.com."),
        ("notexample.com.", None),
        ("com.", None),
        (".", None),
        ("5.10.10.10.in-addr.arpa.", "10.10.in-addr.arpa."),
        ("5.10.110.10.in-addr.arpa.", None),
    ],
)
def test_a_zone_is_found_by_whole_labels(name: str, zone: str | None) -> None:
    assert zone_of(name, frozenset({"example.com.", "sub.example.com.", "10.10.in-addr.arpa."})) == zone


@given(name=st.text("ab.", max_size=12).map(lambda text: text + "."))
def test_every_name_lies_in_the_root_and_in_no_zone_of_none(name: str) -> None:
    assert zone_of(name, frozenset({"."})) == "."
    assert zone_of(name, frozenset()) is None


@given(
    labels=st.lists(st.text("ab", min_size=1, max_size=3), min_size=1, max_size=5),
    zones=st.frozensets(st.lists(st.text("ab", min_size=1, max_size=3), min_size=1, max_size=4).map(tuple)),
)
def test_the_closest_zone_above_a_name_is_the_longest_run_of_its_last_labels(
    labels: list[str], zones: frozenset[tuple[str, ...]]
) -> None:
    above = [zone for zone in zones if zone == tuple(labels[-len(zone) :])]
    longest = max(above, key=len, default=None)
    expected = ".".join(longest) + "." if longest else None
    assert zone_of(".".join(labels) + ".", frozenset(".".join(zone) + "." for zone in zones)) == expected


def test_a_pointer_is_at_the_usual_reverse_name_unless_its_zone_is_classless() -> None:
    other = ip_address("10.10.20.5")
    pair = Pair(
        name="dma",
        agents=(MAIN, BACKUP),
        virtual_ips=(VIP, other),
        pointers={other: "5.0-63.20.10.10.in-addr.arpa."},
    )
    assert pair.pointer(VIP) == "5.10.10.10.in-addr.arpa."
    assert pair.pointer(other) == "5.0-63.20.10.10.in-addr.arpa."


def test_an_address_knows_its_type_and_its_reverse_name() -> None:
    assert address_type(ip_address("10.10.10.5")) is Type.A
    assert address_type(ip_address("2001:db8::5")) is Type.AAAA
    assert reverse_name(ip_address("10.10.10.5")) == "5.10.10.10.in-addr.arpa."
    assert reverse_name(ip_address("2001:db8::5")) == (
        "5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."
    )


KEY = Key("dma-main.example.test.", Type.A)
CHANGE = Change(
    zone="example.test.",
    before=(RRset(key=KEY, values=frozenset({MAIN.addresses[0], VIP})),),
    removes=(Record(KEY, VIP),),
    adds=(Record(KEY, BACKUP.addresses[0]),),
)


@pytest.mark.parametrize(
    ("values", "holds"),
    [
        ({"10.10.10.2"}, True),
        ({"10.10.10.1", "10.10.10.2"}, True),
        ({"10.10.10.2", "10.10.10.5"}, False),
        ({"10.10.10.1"}, False),
        (set[str](), False),
    ],
)
def test_a_change_holds_when_all_it_adds_is_there_and_nothing_it_removes(
    values: set[str], *, holds: bool
) -> None:
    seen = {KEY: RRset(key=KEY, values=frozenset(ip_address(value) for value in values))}
    assert CHANGE.holds(seen) is holds


def test_whether_a_change_holds_is_not_told_from_records_that_were_not_read() -> None:
    with pytest.raises(KeyError):
        CHANGE.holds({})


def test_a_change_names_its_keys_and_a_record_prints_as_a_zone_file_has_it() -> None:
    assert CHANGE.keys == (KEY,)
    assert str(CHANGE.removes[0]) == "dma-main.example.test. A 10.10.10.5"
    assert CHANGE.removes[0].order == ("dma-main.example.test.", "A", "10.10.10.5")
