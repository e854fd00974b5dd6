"""A layout and the records as they are become the updates between them: minimal, by value, zone by zone."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover_dns.core.model import (
    Address,
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
    reverse_name,
)
from failover_dns.core.plan import (
    UnknownZoneError,
    before,
    keys,
    names,
    plan,
    wanted,
    writable_keys,
    zone_for,
)

MAIN = Agent(name="dma-main.example.test.", addresses=(ip_address("10.10.10.1"),))
BACKUP = Agent(name="dma-backup.example.test.", addresses=(ip_address("10.10.10.2"),))
ZONES = frozenset({"example.test.", "10.10.in-addr.arpa."})
AGENT_NAME = Pair(name="dms", agents=(MAIN, BACKUP), virtual_ips=(ip_address("10.10.10.5"),))
VIRTUAL_NAME = replace(AGENT_NAME, layout=Layout.VIRTUAL_NAME, published_as="dma-virtual.example.test.")
SERVICE_NAME = Pair(
    name="dms", agents=(MAIN, BACKUP), layout=Layout.SERVICE_NAME, published_as="dma-service.example.test."
)
V4, PTR = "10.10.10.5", "5.10.10.10.in-addr.arpa."


def record(name: str, value: str) -> Record:
    """Return a PTR if the name is reverse, else the address's record."""
    if name.endswith(".arpa."):
        return Record(Key(name, Type.PTR), value)
    return Record(Key(name, address_type(ip_address(value))), ip_address(value))


def records(pair: Pair, *present: tuple[str, str]) -> Records:
    """Return every key of the pair as read, with the records that are there."""
    read: dict[Key, set[Value]] = {key: set() for key in keys(pair)}
    for name, value in present:
        found = record(name, value)
        read[found.key].add(found.value)
    return {key: RRset(key=key, values=frozenset(values), ttl_s=1200) for key, values in read.items()}


def applied(current: Records, *plans: Plan) -> Records:
    """Return the records after the plans' changes: deletes and adds of single values."""
    after = {key: set(rrset.values) for key, rrset in current.items()}
    for change in (change for each in plans for change in each.changes):
        for gone in change.removes:
            after[gone.key].discard(gone.value)
        for new in change.adds:
            after[new.key].add(new.value)
    return {key: RRset(key=key, values=frozenset(values)) for key, values in after.items()}


def text(found: tuple[Record, ...]) -> set[str]:
    return {str(each) for each in found}


def changes(found: Plan) -> set[str]:
    adds = {f"+ {each}" for change in found.changes for each in change.adds}
    return adds | {f"- {each}" for change in found.changes for each in change.removes}


def test_agent_name_moves_the_virtual_ip_as_the_faq_says() -> None:
    current = records(
        AGENT_NAME,
        ("dma-main.example.test.", "10.10.10.1"),
        ("dma-main.example.test.", "10.10.10.5"),
        ("dma-backup.example.test.", "10.10.10.2"),
        ("dma-backup.example.test.", "10.10.10.5"),
        (PTR, "dma-main.example.test."),
        (PTR, "dma-backup.example.test."),
    )
    found = plan(AGENT_NAME, "dma-backup.example.test.", current, ZONES)
    assert changes(found) == {
        "- dma-main.example.test. A 10.10.10.5",
        "- 5.10.10.10.in-addr.arpa. PTR dma-main.example.test.",
    }


def test_a_pointer_in_a_classless_zone_moves_there() -> None:
    own = "5.0-63.10.10.10.in-addr.arpa."
    pair = replace(AGENT_NAME, pointers={ip_address(V4): own})
    current = records(pair, ("dma-backup.example.test.", V4), (own, "dma-main.example.test."))
    found = plan(pair, "dma-backup.example.test.", current, ZONES | {"0-63.10.10.10.in-addr.arpa."})
    assert [change.zone for change in found.changes] == ["0-63.10.10.10.in-addr.arpa."]
    assert changes(found) == {
        f"+ {own} PTR dma-backup.example.test.",
        f"- {own} PTR dma-main.example.test.",
    }


def test_agent_name_adds_and_removes_in_one_change_a_zone() -> None:
    current = records(
        AGENT_NAME,
        ("dma-main.example.test.", "10.10.10.1"),
        ("dma-main.example.test.", "10.10.10.5"),
        ("dma-backup.example.test.", "10.10.10.2"),
        (PTR, "dma-main.example.test."),
    )
    found = plan(AGENT_NAME, "dma-backup.example.test.", current, ZONES)
    reverse, forward = found.changes
    assert (reverse.zone, forward.zone) == ("10.10.in-addr.arpa.", "example.test.")
    assert text(reverse.adds) == {"5.10.10.10.in-addr.arpa. PTR dma-backup.example.test."}
    assert text(reverse.removes) == {"5.10.10.10.in-addr.arpa. PTR dma-main.example.test."}
    assert text(forward.adds) == {"dma-backup.example.test. A 10.10.10.5"}
    assert text(forward.removes) == {"dma-main.example.test. A 10.10.10.5"}
    assert forward.before == tuple(
        current[Key(name, Type.A)] for name in ("dma-backup.example.test.", "dma-main.example.test.")
    )
    assert (found.pair, found.online, forward.ttl_s) == ("dms", "dma-backup.example.test.", 60)


def test_virtual_name_is_the_same_whoever_is_online_and_strips_both_agents() -> None:
    current = records(
        VIRTUAL_NAME,
        ("dma-main.example.test.", "10.10.10.1"),
        ("dma-main.example.test.", "10.10.10.5"),
        ("dma-backup.example.test.", "10.10.10.2"),
        ("dma-backup.example.test.", "10.10.10.5"),
        (PTR, "dma-main.example.test."),
    )
    expected = {
        "+ dma-virtual.example.test. A 10.10.10.5",
        "+ 5.10.10.10.in-addr.arpa. PTR dma-virtual.example.test.",
        "- dma-main.example.test. A 10.10.10.5",
        "- dma-backup.example.test. A 10.10.10.5",
        "- 5.10.10.10.in-addr.arpa. PTR dma-main.example.test.",
    }
    assert changes(plan(VIRTUAL_NAME, "dma-main.example.test.", current, ZONES)) == expected
    assert changes(plan(VIRTUAL_NAME, "dma-backup.example.test.", current, ZONES)) == expected


def test_service_name_shows_the_online_agents_own_addresses_and_touches_no_pointer() -> None:
    current = records(SERVICE_NAME, ("dma-service.example.test.", "10.10.10.1"))
    found = plan(SERVICE_NAME, "dma-backup.example.test.", current, ZONES)
    assert changes(found) == {
        "+ dma-service.example.test. A 10.10.10.2",
        "- dma-service.example.test. A 10.10.10.1",
    }
    assert names(SERVICE_NAME) == {"dma-service.example.test."}


@pytest.mark.parametrize("pair", [AGENT_NAME, VIRTUAL_NAME, SERVICE_NAME])
def test_keep_physical_adds_each_agents_own_addresses(pair: Pair) -> None:
    pair = replace(pair, keep_physical=True)
    found = plan(pair, "dma-main.example.test.", records(pair), ZONES)
    assert {"+ dma-main.example.test. A 10.10.10.1", "+ dma-backup.example.test. A 10.10.10.2"} <= changes(
        found
    )


@pytest.mark.parametrize("pair", [AGENT_NAME, VIRTUAL_NAME, SERVICE_NAME])
def test_without_keep_physical_an_agents_own_addresses_are_left_alone(pair: Pair) -> None:
    found = plan(pair, "dma-main.example.test.", records(pair), ZONES)
    assert not changes(found) & {
        "+ dma-main.example.test. A 10.10.10.1",
        "+ dma-backup.example.test. A 10.10.10.2",
    }


def test_several_virtual_ips_of_both_families_move_together() -> None:
    pair = replace(
        AGENT_NAME, virtual_ips=tuple(map(ip_address, ("10.10.10.5", "10.10.20.5", "2001:db8::5")))
    )
    zones = ZONES | {"8.b.d.0.1.0.0.2.ip6.arpa."}
    before = plan(pair, "dma-main.example.test.", records(pair), zones)
    current = applied(records(pair), before)
    found = plan(pair, "dma-backup.example.test.", current, zones)
    six = reverse_name(ip_address("2001:db8::5"))
    assert changes(found) == {
        "+ dma-backup.example.test. A 10.10.10.5",
        "+ dma-backup.example.test. A 10.10.20.5",
        "+ dma-backup.example.test. AAAA 2001:db8::5",
        "- dma-main.example.test. A 10.10.10.5",
        "- dma-main.example.test. A 10.10.20.5",
        "- dma-main.example.test. AAAA 2001:db8::5",
        "+ 5.10.10.10.in-addr.arpa. PTR dma-backup.example.test.",
        "+ 5.20.10.10.in-addr.arpa. PTR dma-backup.example.test.",
        f"+ {six} PTR dma-backup.example.test.",
        "- 5.10.10.10.in-addr.arpa. PTR dma-main.example.test.",
        "- 5.20.10.10.in-addr.arpa. PTR dma-main.example.test.",
        f"- {six} PTR dma-main.example.test.",
    }
    assert [change.zone for change in found.changes] == sorted(zones)


def test_two_reverse_zones_are_two_changes() -> None:
    pair = replace(AGENT_NAME, virtual_ips=(ip_address("10.10.10.5"), ip_address("192.0.2.5")))
    zones = frozenset({"example.test.", "10.10.10.in-addr.arpa.", "2.0.192.in-addr.arpa."})
    found = plan(pair, "dma-main.example.test.", records(pair), zones)
    assert [change.zone for change in found.changes] == sorted(zones)


def test_agents_in_different_zones_are_each_changed_in_their_own() -> None:
    pair = replace(AGENT_NAME, agents=(MAIN, replace(BACKUP, name="dma-backup.sub.example.test.")))
    zones = ZONES | {"sub.example.test."}
    current = applied(records(pair), plan(pair, "dma-main.example.test.", records(pair), zones))
    found = {
        change.zone: change for change in plan(pair, "dma-backup.sub.example.test.", current, zones).changes
    }
    assert text(found["sub.example.test."].adds) == {"dma-backup.sub.example.test. A 10.10.10.5"}
    assert text(found["sub.example.test."].removes) == set()
    assert text(found["example.test."].removes) == {"dma-main.example.test. A 10.10.10.5"}
    assert text(found["example.test."].adds) == set()


def test_a_foreign_pointer_stays_and_is_reported() -> None:
    current = records(AGENT_NAME, (PTR, "printer.example.test."), (PTR, "dma-main.example.test."))
    found = plan(AGENT_NAME, "dma-main.example.test.", current, ZONES)
    assert text(found.foreign) == {"5.10.10.10.in-addr.arpa. PTR printer.example.test."}
    assert changes(found) == {"+ dma-main.example.test. A 10.10.10.5"}


def test_a_name_in_no_zone_is_an_error_and_no_guess() -> None:
    with pytest.raises(UnknownZoneError, match=r"5\.10\.10\.10\.in-addr\.arpa\. lies in no configured zone"):
        plan(AGENT_NAME, "dma-main.example.test.", records(AGENT_NAME), frozenset({"example.test."}))


def test_a_zone_that_merely_ends_alike_is_not_the_zone() -> None:
    with pytest.raises(UnknownZoneError):
        zone_for("dma.notexample.com.", frozenset({"example.com."}))


@pytest.mark.parametrize(
    ("pair", "missing"),
    [
        (pair, key)
        for pair in (AGENT_NAME, VIRTUAL_NAME, SERVICE_NAME, replace(SERVICE_NAME, keep_physical=True))
        for key in keys(pair)
    ],
)
def test_a_key_that_was_not_read_raises_and_is_not_taken_for_empty(pair: Pair, missing: Key) -> None:
    current = {key: rrset for key, rrset in records(pair).items() if key != missing}
    with pytest.raises(KeyError):
        plan(pair, "dma-main.example.test.", current, ZONES)


def test_a_zone_that_could_not_be_read_is_left_alone_and_the_rest_goes_ahead() -> None:
    current = {key: rrset for key, rrset in records(AGENT_NAME).items() if key.type is not Type.PTR}
    unread = frozenset({"10.10.in-addr.arpa."})
    found = plan(AGENT_NAME, "dma-main.example.test.", current, ZONES, unread=unread)
    assert changes(found) == {"+ dma-main.example.test. A 10.10.10.5"}


def test_a_zone_that_is_known_though_it_could_not_be_read_now_is_left_alone() -> None:
    current = records(AGENT_NAME, (PTR, "printer.example.test."))
    found = plan(AGENT_NAME, "dma-main.example.test.", current, ZONES, unread=ZONES)
    assert found.changes == ()


@pytest.mark.parametrize("online", ["dma-main.example.test.", "dma-backup.example.test."])
def test_agents_names_are_read_in_both_families(online: str) -> None:
    assert {Key(online, Type.A), Key(online, Type.AAAA), Key(PTR, Type.PTR)} <= set(keys(AGENT_NAME))


VIPS = [ip_address(text) for text in ("10.10.10.5", "10.10.20.5", "2001:db8::5", "2001:db8::6")]
OWN = [ip_address(text) for text in ("10.10.10.1", "10.10.10.2", "2001:db8::1", "2001:db8::2")]
OTHERS = [ip_address(text) for text in ("10.10.10.77", "2001:db8::77")]
EVERY_ZONE = ZONES | {"sub.example.test.", "8.b.d.0.1.0.0.2.ip6.arpa."}


@st.composite
def situations(draw: st.DrawFn) -> tuple[Pair, str, Records]:
    """A pair of any layout, who is online, and any records at its names, foreign ones among them."""
    layout = draw(st.sampled_from(Layout))
    addresses = st.sets(st.sampled_from(OWN), min_size=layout is Layout.SERVICE_NAME, max_size=2)
    first = draw(addresses)
    second = draw(addresses.map(lambda found: found - first or set(OWN[:3]) - first))
    pair = Pair(
        name="dms",
        agents=(
            Agent(name="main.example.test.", addresses=tuple(first)),
            Agent(name="backup.sub.example.test.", addresses=tuple(second)),
        ),
        layout=layout,
        virtual_ips=tuple(
            draw(st.sets(st.sampled_from(VIPS), min_size=1)) if layout is not Layout.SERVICE_NAME else ()
        ),
        published_as=None if layout is Layout.AGENT_NAME else "published.example.test.",
        keep_physical=draw(st.booleans()),
    )
    current = {key: RRset(key=key, values=draw(_values(key))) for key in keys(pair)}
    return pair, draw(st.sampled_from([agent.name for agent in pair.agents])), current


def _values(key: Key) -> st.SearchStrategy[frozenset[Value]]:
    addresses: list[Address] = [ip for ip in VIPS + OWN + OTHERS if address_type(ip) is key.type]
    hosts = [
        "main.example.test.",
        "backup.sub.example.test.",
        "published.example.test.",
        "printer.example.test.",
    ]
    values: list[Value] = [*hosts] if key.type is Type.PTR else [*addresses]
    return st.frozensets(st.sampled_from(values))


@given(situations())
def test_applying_a_plan_leaves_nothing_to_plan(situation: tuple[Pair, str, Records]) -> None:
    pair, online, current = situation
    after = applied(current, plan(pair, online, current, EVERY_ZONE))
    assert plan(pair, online, after, EVERY_ZONE).changes == ()


@given(situations())
def test_a_plan_makes_the_layout_true(situation: tuple[Pair, str, Records]) -> None:
    pair, online, current = situation
    after = applied(current, plan(pair, online, current, EVERY_ZONE))
    want = wanted(pair, online)
    assert all(each.value in after[each.key].values for each in want.present)
    assert not any(each.value in after[each.key].values for each in want.absent)


@given(situations())
def test_a_plan_is_minimal(situation: tuple[Pair, str, Records]) -> None:
    pair, online, current = situation
    for change in plan(pair, online, current, EVERY_ZONE).changes:
        assert change.adds or change.removes
        assert all(each.value not in current[each.key].values for each in change.adds)
        assert all(each.value in current[each.key].values for each in change.removes)
        assert set(change.keys) == {each.key for each in (*change.adds, *change.removes)}
        demanded = [rrset.key for rrset in change.before]
        assert change.before == tuple(current[key] for key in sorted(demanded))
        assert {*change.keys} <= {*demanded} <= {*change.keys} | families(pair)


def families(pair: Pair) -> set[Key]:
    return {Key(agent.name, kind) for agent in pair.agents for kind in (Type.A, Type.AAAA)}


def test_a_names_last_address_of_a_family_is_removed_only_if_the_other_family_stays() -> None:
    own, virtual = Key("dma-main.example.test.", Type.A), Key("dma-main.example.test.", Type.AAAA)
    pair = Pair(name="dms", agents=(MAIN, BACKUP), virtual_ips=(ip_address("2001:db8::5"),))
    current = {key: RRset(key=key) for key in keys(pair)} | {
        own: RRset(key=own, values=frozenset({ip_address("10.10.10.1")})),
        virtual: RRset(key=virtual, values=frozenset({ip_address("2001:db8::5")})),
    }
    changes = {change.zone: change for change in plan(pair, BACKUP.name, current, EVERY_ZONE).changes}
    assert current[own] in changes["example.test."].before
    assert own not in changes["example.test."].keys


def test_the_address_is_added_elsewhere_first_though_the_agents_own_is_added_here_too() -> None:
    here, there = Key("dma-main.example.test.", Type.A), Key("dma-backup.other.test.", Type.A)
    moving, own = ip_address("10.10.10.5"), ip_address("10.10.10.1")
    takes = Change(
        zone="example.test.", before=(), removes=(Record(here, moving),), adds=(Record(here, own),)
    )
    adds = Change(zone="other.test.", before=(), adds=(Record(there, moving),))
    assert before(takes, [takes, adds]) == {"other.test."}
    assert before(adds, [takes, adds]) == frozenset()


@given(situations())
def test_what_is_not_the_pairs_is_never_removed(situation: tuple[Pair, str, Records]) -> None:
    pair, online, current = situation
    agents = {agent.name for agent in pair.agents}
    removes = [each for change in plan(pair, online, current, EVERY_ZONE).changes for each in change.removes]
    for each in removes:
        if each.key.type is Type.PTR:
            assert each.value in agents
        elif pair.layout is Layout.SERVICE_NAME:
            assert each.value in pair.other(online).addresses
        else:
            assert each.value in pair.virtual_ips
            assert each.key.name in agents


@given(situations())
def test_every_other_record_survives_a_plan(situation: tuple[Pair, str, Records]) -> None:
    pair, online, current = situation
    want = wanted(pair, online)
    after = applied(current, plan(pair, online, current, EVERY_ZONE))
    for key, rrset in current.items():
        gone = rrset.values - after[key].values
        assert {Record(key, value) for value in gone} <= want.absent


@given(situations())
def test_a_plan_is_sorted_with_one_change_a_zone(situation: tuple[Pair, str, Records]) -> None:
    pair, online, current = situation
    found = plan(pair, online, current, EVERY_ZONE)
    zones = [change.zone for change in found.changes]
    assert zones == sorted(set(zones))
    for change in found.changes:
        assert [*change.adds] == sorted(change.adds, key=lambda each: each.order)
        assert [*change.removes] == sorted(change.removes, key=lambda each: each.order)
        assert all(zone_for(key.name, EVERY_ZONE) == change.zone for key in change.keys)


@given(situations())
def test_foreign_pointers_are_all_reported_and_nothing_of_ours_is(
    situation: tuple[Pair, str, Records],
) -> None:
    pair, online, current = situation
    ours = {agent.name for agent in pair.agents}
    if pair.layout is Layout.VIRTUAL_NAME:
        ours.add("published.example.test.")
    pointers = [rrset for key, rrset in current.items() if key.type is Type.PTR]
    expected = {Record(rrset.key, value) for rrset in pointers for value in rrset.values if value not in ours}
    assert set(plan(pair, online, current, EVERY_ZONE).foreign) == expected


@given(situations())
def test_no_record_is_wanted_and_unwanted_at_once(situation: tuple[Pair, str, Records]) -> None:
    pair, online, _ = situation
    want = wanted(pair, online)
    assert not want.present & want.absent
    assert {each.key for each in want.present | want.absent} <= set(keys(pair))


@given(situations())
def test_a_plan_changes_nothing_but_the_writable_keys(situation: tuple[Pair, str, Records]) -> None:
    pair, online, current = situation
    found = plan(pair, online, current, EVERY_ZONE)
    assert {key for change in found.changes for key in change.keys} <= set(writable_keys(pair))
    assert set(writable_keys(pair)) <= set(keys(pair))


def test_the_writable_keys_of_a_layout_are_those_of_either_agent_online() -> None:
    assert [f"{key.name} {key.type}" for key in writable_keys(AGENT_NAME)] == [
        "5.10.10.10.in-addr.arpa. PTR",
        "dma-backup.example.test. A",
        "dma-main.example.test. A",
    ]
