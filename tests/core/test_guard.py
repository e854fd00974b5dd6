"""The last look at a plan: what is unsafe is taken out, with the reason and the cure."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from failover_dns.core.guard import Refused, guard
from failover_dns.core.model import (
    Agent,
    Change,
    Key,
    Layout,
    Pair,
    Plan,
    Record,
    Records,
    RRset,
    Type,
    Value,
    address_type,
)
from failover_dns.core.plan import keys, plan

MAIN = Agent(name="dma-main.example.test.", addresses=(ip_address("10.10.10.1"),))
BACKUP = Agent(name="dma-backup.example.test.", addresses=(ip_address("10.10.10.2"),))
PAIR = Pair(name="dms", agents=(MAIN, BACKUP), virtual_ips=(ip_address("10.10.10.5"),))
ZONES = frozenset({"example.test.", "10.10.10.in-addr.arpa.", "8.b.d.0.1.0.0.2.ip6.arpa."})
PTR = "5.10.10.10.in-addr.arpa."


def records(pair: Pair, *present: tuple[str, str]) -> dict[Key, RRset]:
    """Return every key of the pair as read, with the records that are there."""
    read: dict[Key, set[Value]] = {key: set() for key in keys(pair)}
    for name, value in present:
        if name == PTR:
            read[Key(name, Type.PTR)].add(value)
        else:
            read[Key(name, address_type(ip_address(value)))].add(ip_address(value))
    return {key: RRset(key=key, values=frozenset(values)) for key, values in read.items()}


def planned(pair: Pair, current: Records) -> Plan:
    return plan(pair, "dma-backup.example.test.", current, ZONES)


SWITCHED = records(
    PAIR,
    ("dma-main.example.test.", "10.10.10.1"),
    ("dma-main.example.test.", "10.10.10.5"),
    ("dma-backup.example.test.", "10.10.10.2"),
    (PTR, "dma-main.example.test."),
)


def test_a_sound_plan_passes_whole() -> None:
    found = guard(planned(PAIR, SWITCHED), PAIR, SWITCHED, max_changes=10)
    assert found.plan == planned(PAIR, SWITCHED)
    assert found.refusals == ()


def test_an_empty_plan_passes() -> None:
    empty = Plan(pair="dms", online="dma-main.example.test.")
    assert guard(empty, PAIR, records(PAIR), max_changes=0).plan == empty


@pytest.mark.parametrize(
    "change",
    [
        {"adds": (Record(Key("printer.example.test.", Type.A), ip_address("10.10.10.5")),)},
        {"adds": (Record(Key("dma-backup.example.test.", Type.A), ip_address("10.10.10.66")),)},
        {"adds": (Record(Key("dma-main.example.test.", Type.A), ip_address("10.10.10.5")),)},
        {"adds": (Record(Key(PTR, Type.PTR), "dma-main.example.test."),)},
        {"removes": (Record(Key("dma-main.example.test.", Type.A), ip_address("10.10.10.1")),)},
        {"removes": (Record(Key("dma-backup.example.test.", Type.A), ip_address("10.10.10.5")),)},
        {"removes": (Record(Key(PTR, Type.PTR), "printer.example.test."),)},
    ],
)
def test_one_record_that_is_not_the_pairs_stops_the_whole_plan(change: dict[str, tuple[Record, ...]]) -> None:
    sound = planned(PAIR, SWITCHED)
    foreign = Change(zone="example.test.", before=(), **change)  # type: ignore[arg-type]
    found = guard(replace(sound, changes=(*sound.changes, foreign)), PAIR, SWITCHED, max_changes=10)
    (refusal,) = found.refusals
    assert found.plan.changes == ()
    assert refusal.reason is Refused.NOT_OURS
    assert "not a record of pair dms" in refusal.what


def test_more_changes_than_the_limit_stop_the_whole_plan() -> None:
    found = guard(planned(PAIR, SWITCHED), PAIR, SWITCHED, max_changes=3)
    (refusal,) = found.refusals
    assert found.plan.changes == ()
    assert (refusal.reason, refusal.name) == (Refused.TOO_MANY, "dms")
    assert refusal.what == "the plan has 4 changes, more than max_changes = 3"


def test_as_many_changes_as_the_limit_pass() -> None:
    assert guard(planned(PAIR, SWITCHED), PAIR, SWITCHED, max_changes=4).refusals == ()


def test_a_cname_in_the_way_stops_its_zone_and_no_other() -> None:
    alias = Key("dma-backup.example.test.", Type.CNAME)
    current = {**SWITCHED, alias: RRset(key=alias, values=frozenset({"host.example.test."}))}
    found = guard(planned(PAIR, current), PAIR, current, max_changes=10)
    (refusal,) = found.refusals
    assert [change.zone for change in found.plan.changes] == ["10.10.10.in-addr.arpa."]
    assert (refusal.reason, refusal.name) == (Refused.CNAME_IN_THE_WAY, "dma-backup.example.test.")
    assert "is a CNAME for host.example.test." in refusal.what


def test_a_cname_that_is_proved_absent_or_where_nothing_is_added_is_in_nobodys_way() -> None:
    absent, elsewhere = (Key(f"dma-{name}.example.test.", Type.CNAME) for name in ("backup", "main"))
    current = {
        **SWITCHED,
        absent: RRset(key=absent),
        elsewhere: RRset(key=elsewhere, values=frozenset({"host.example.test."})),
    }
    assert guard(planned(PAIR, current), PAIR, current, max_changes=10).refusals == ()


def test_a_name_keeps_the_last_address_it_has_while_everything_else_goes_ahead() -> None:
    current = records(
        PAIR,
        ("dma-main.example.test.", "10.10.10.5"),
        ("dma-backup.example.test.", "10.10.10.2"),
        (PTR, "dma-main.example.test."),
    )
    found = guard(planned(PAIR, current), PAIR, current, max_changes=10)
    (refusal,) = found.refusals
    assert (refusal.reason, refusal.name) == (Refused.LAST_ADDRESS, "dma-main.example.test.")
    reverse, forward = found.plan.changes
    assert (len(reverse.adds), len(reverse.removes)) == (1, 1)
    assert [str(each) for each in forward.adds] == ["dma-backup.example.test. A 10.10.10.5"]
    assert forward.removes == ()
    assert forward.keys == (Key("dma-backup.example.test.", Type.A),)


def test_a_change_of_nothing_but_a_last_address_is_left_out() -> None:
    current = records(
        PAIR,
        ("dma-main.example.test.", "10.10.10.5"),
        ("dma-backup.example.test.", "10.10.10.5"),
        (PTR, "dma-backup.example.test."),
    )
    found = guard(planned(PAIR, current), PAIR, current, max_changes=10)
    assert found.plan.changes == ()
    assert [refusal.reason for refusal in found.refusals] == [Refused.LAST_ADDRESS]


def test_the_physical_record_that_is_added_makes_room_for_the_removal() -> None:
    pair = replace(PAIR, keep_physical=True)
    current = records(pair, ("dma-main.example.test.", "10.10.10.5"))
    found = guard(planned(pair, current), pair, current, max_changes=10)
    assert found.refusals == ()
    assert found.plan == planned(pair, current)


def test_an_agent_keeps_an_address_of_its_own_family_though_it_has_one_of_the_other() -> None:
    current = records(
        PAIR, ("dma-main.example.test.", "10.10.10.5"), ("dma-main.example.test.", "2001:db8::77")
    )
    found = guard(planned(PAIR, current), PAIR, current, max_changes=10)
    assert [refusal.reason for refusal in found.refusals] == [Refused.LAST_ADDRESS]


def test_the_last_virtual_ip_of_a_family_that_is_not_the_agents_own_may_go() -> None:
    pair = replace(PAIR, virtual_ips=(ip_address("2001:db8::5"),))
    current = records(
        pair, ("dma-main.example.test.", "10.10.10.1"), ("dma-main.example.test.", "2001:db8::5")
    )
    assert guard(planned(pair, current), pair, current, max_changes=10).refusals == ()


def test_an_agent_without_known_addresses_keeps_one_of_any_family() -> None:
    pair = replace(
        PAIR, agents=(replace(MAIN, addresses=()), BACKUP), virtual_ips=(ip_address("2001:db8::5"),)
    )
    bare = records(pair, ("dma-main.example.test.", "2001:db8::5"))
    other = records(pair, ("dma-main.example.test.", "2001:db8::5"), ("dma-main.example.test.", "10.10.10.1"))
    refusals = guard(planned(pair, bare), pair, bare, max_changes=10).refusals
    assert [refusal.reason for refusal in refusals] == [Refused.LAST_ADDRESS]
    assert guard(planned(pair, other), pair, other, max_changes=10).refusals == ()


def test_all_virtual_ips_stay_when_they_are_all_that_a_name_has() -> None:
    pair = replace(PAIR, virtual_ips=(ip_address("10.10.10.5"), ip_address("10.10.10.6")))
    current = records(
        pair, ("dma-main.example.test.", "10.10.10.5"), ("dma-main.example.test.", "10.10.10.6")
    )
    found = guard(planned(pair, current), pair, current, max_changes=20)
    assert [refusal.reason for refusal in found.refusals] == [Refused.LAST_ADDRESS] * 2


def test_a_service_name_is_no_agents_name_and_may_change_its_only_address() -> None:
    pair = Pair(
        name="dms", agents=(MAIN, BACKUP), layout=Layout.SERVICE_NAME, published_as="dma.example.test."
    )
    current = records(pair, ("dma.example.test.", "10.10.10.1"))
    found = guard(planned(pair, current), pair, current, max_changes=10)
    assert found.refusals == ()
    assert found.plan == planned(pair, current)


@pytest.mark.parametrize("name", ["dma-main.example.test.", "printer.example.test."])
def test_each_refusal_says_what_can_be_done(name: str) -> None:
    alias = Key("dma-backup.example.test.", Type.CNAME)
    current = {
        **records(PAIR, ("dma-main.example.test.", "10.10.10.5")),
        alias: RRset(key=alias, values=frozenset({name})),
    }
    sound = planned(PAIR, current)
    found = [
        *guard(sound, PAIR, current, max_changes=10).refusals,
        *guard(sound, PAIR, current, max_changes=0).refusals,
        *guard(sound, PAIR, records(PAIR, ("dma-main.example.test.", "10.10.10.5")), max_changes=10).refusals,
    ]
    assert {refusal.reason for refusal in found} == {*Refused} - {Refused.NOT_OURS, Refused.NO_FENCE}
    assert all(refusal.cure for refusal in found)
