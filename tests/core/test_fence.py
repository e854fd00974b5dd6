"""Who decided last, what may follow it, and how it goes into every zone's message."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover_dns.core.decide import Claim, Hold, Memory, Move, Reason, remember
from failover_dns.core.fence import (
    Damaged,
    Fence,
    Known,
    demanding,
    elsewhere,
    fence_key,
    fenced,
    find,
    fits,
    judge,
    learn,
    outdated,
    parse,
    target,
)
from failover_dns.core.guard import Refused, guard
from failover_dns.core.model import (
    Agent,
    Change,
    Instant,
    Key,
    Observation,
    Pair,
    Plan,
    Record,
    Role,
    RRset,
    Type,
)

MAIN, BACKUP = "dma-main.example.test.", "dma-backup.example.test."
PAIR = Pair(
    name="DMA",
    agents=(
        Agent(name=MAIN, addresses=(ip_address("10.10.10.1"),)),
        Agent(name=BACKUP, addresses=(ip_address("10.10.10.2"),)),
    ),
    virtual_ips=(ip_address("10.10.10.5"),),
    fence=True,
)
ZONE = "example.test."
ON, OFF, DARK = Role.ONLINE, Role.OFFLINE, Role.UNKNOWN
TEXT = f"failover-dns/1 epoch=7 online={BACKUP} writer=one time=2026-03-01T09:30:00.000Z"
SEVEN = Fence(epoch=7, online=BACKUP, writer="one", time_s=1_772_357_400.0)


def at(mono_s: float) -> Instant:
    return Instant(mono_s=mono_s, wall_s=1_772_357_400 + mono_s)


def rrset(*values: str) -> RRset:
    return RRset(key=fence_key("DMA", ZONE), values=frozenset(values), ttl_s=60)


Look = tuple[float, Role, Role] | tuple[float, Role, Role, float | None, float | None]


def verdict(known: Known | None, *looks: Look, to: str = MAIN) -> str:
    """Return "stands" or "superseded" for a move to `to` after looks of (seconds, MAIN's role, BACKUP's[, since])."""
    memory = Memory()
    seen: dict[str, Observation] = {}
    for mono_s, main, backup, *since in looks:
        since_of = dict(zip((MAIN, BACKUP), since or (None, None), strict=True))
        seen = {
            agent: Observation(agent=agent, role=role, read=at(mono_s), source="", since_s=since_of[agent])
            for agent, role in ((MAIN, main), (BACKUP, backup))
        }
        memory = remember(PAIR, memory, seen, now=at(mono_s))
    move = Move(to=to, reason=Reason.OTHER_OFFLINE)
    found = judge(PAIR, move, seen, memory.claims, known)
    if found != move:
        assert found == Hold(reason=Reason.SUPERSEDED, agents=(BACKUP,))
    return "stands" if found == move else "superseded"


def test_a_fence_is_one_readable_text_and_back() -> None:
    assert str(SEVEN) == TEXT
    assert parse(TEXT) == SEVEN
    withdrawn = replace(SEVEN, online="")
    assert " online=- " in str(withdrawn)
    assert parse(str(withdrawn)) == withdrawn


@given(
    st.builds(
        Fence,
        epoch=st.integers(1, 10**18 - 1),
        online=st.sampled_from(["", MAIN, BACKUP]),
        writer=st.from_regex(r"[a-z0-9._-]{1,63}", fullmatch=True),
        time_s=st.integers(0, 4_000_000_000_000).map(lambda ms: ms / 1000),
    )
)
def test_every_fence_reads_back_as_itself(fence: Fence) -> None:
    assert parse(str(fence)) == fence


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v=spf1 -all",
        TEXT.replace("failover-dns/1", "failover-dns/2"),
        TEXT.replace("epoch=7", "epoch=07"),
        TEXT.replace("epoch=7", "epoch=0"),
        TEXT.replace("2026", "26"),
        TEXT + " ",
        TEXT.replace("2026-03-01", "2026-02-30"),
        TEXT.replace("writer=one", "writer=one\n"),
    ],
)
def test_what_is_not_written_to_the_letter_is_no_fence(text: str) -> None:
    with pytest.raises(ValueError, match=r"fence|time|day|month"):
        parse(text)


def test_the_fence_is_below_the_zone_under_the_pairs_name() -> None:
    assert fence_key("DMA", ZONE) == Key("_failover-dns.dma.example.test.", Type.TXT)
    assert fence_key("dma", ".") == Key("_failover-dns.dma.", Type.TXT)


def test_a_name_may_leave_no_room_in_the_text() -> None:
    assert fits(MAIN)
    assert not fits(".".join(["a" * 60] * 3) + ".")


def test_what_stands_in_the_fences_place_is_told_apart() -> None:
    def found(*values: str) -> object:
        return find(PAIR, {fence_key("DMA", ZONE): rrset(*values)}, [ZONE, "unread.test."])[ZONE]

    assert found(TEXT) == SEVEN
    assert found() is None
    several, foreign, other = found(TEXT, "x"), found(TEXT.replace("dma-backup", "printer")), found("x")
    assert isinstance(several, Damaged)
    assert several.why == "there are several TXT records"
    assert isinstance(foreign, Damaged)
    assert "printer.example.test., which is no agent of pair DMA" in foreign.why
    assert isinstance(other, Damaged)
    assert "no fence of this version" in other.why


def test_the_newest_fence_of_all_zones_counts_from_when_it_was_first_seen() -> None:
    eight = replace(SEVEN, epoch=8)
    known = learn(None, [SEVEN, eight, None], (), now=at(1))
    assert known == Known(fence=eight, first_seen=at(1))
    assert learn(known, [SEVEN], (), now=at(2)) == known
    assert learn(known, [None], (), now=at(2)) == known
    assert learn(known, [], (), now=at(2)) == known


def test_of_two_decisions_with_one_epoch_the_same_one_is_the_later_everywhere() -> None:
    other = replace(SEVEN, writer="two", online=MAIN)
    one_way = learn(None, [SEVEN, other], (), now=at(1))
    other_way = learn(learn(None, [other], (), now=at(1)), [SEVEN], (), now=at(2))
    assert one_way == other_way == Known(fence=other, first_seen=at(1))


def test_our_own_fence_counts_from_our_decision() -> None:
    own = Known(fence=SEVEN, first_seen=at(1))
    assert learn(None, [SEVEN], (own,), now=at(9)) == own


KNOWN = Known(fence=SEVEN, first_seen=at(0))
"""BACKUP is online since second 0, as this daemon has known since then."""


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        pytest.param([(-9, ON, OFF)], "superseded", id="a claim that stood before"),
        pytest.param([(-9, ON, ON), (5, ON, DARK)], "superseded", id="a crashed agent's file"),
        pytest.param([(-9, OFF, ON), (5, ON, DARK)], "stands", id="a claim that began after it"),
        pytest.param([(-9, OFF, ON), (5, ON, OFF)], "stands", id="a switch back"),
        pytest.param([(-9, ON, ON), (5, ON, OFF)], "stands", id="the loser of a split brain spoke"),
        pytest.param([(0, ON, OFF)], "stands", id="a first look that contradicts it"),
        pytest.param([(0, ON, DARK)], "superseded", id="a first look at an old claim"),
        pytest.param([(-9, OFF, ON), (0, ON, DARK)], "superseded", id="an unknown order"),
        pytest.param([(0, ON, DARK, 1_772_357_410.0, None)], "stands", id="the source says it began later"),
        pytest.param([(0, ON, DARK, 1_772_357_390.0, None)], "superseded", id="the source says it is older"),
        pytest.param([(0, ON, DARK, 1_772_357_404.0, None)], "superseded", id="within the clocks' tolerance"),
        pytest.param([(-9, OFF, OFF), (-6, ON, OFF)], "superseded", id="both claims stood before"),
    ],
)
def test_a_decision_stands_against_the_newest_fence_only_by_newer_evidence(
    looks: list[Look], expected: str
) -> None:
    assert verdict(KNOWN, *looks) == expected


def test_clocks_count_where_they_differ_by_more_than_the_tolerance() -> None:
    late = Known(fence=SEVEN, first_seen=at(60))
    assert verdict(late, (-9, OFF, ON), (30, ON, DARK)) == "stands"
    assert verdict(late, (-9, OFF, ON), (3, ON, DARK)) == "superseded"


def test_without_a_fence_with_the_same_agent_or_nobody_every_decision_stands() -> None:
    looks = (-9, ON, DARK)
    assert verdict(None, looks) == "stands"
    assert verdict(Known(fence=replace(SEVEN, online=MAIN), first_seen=at(0)), looks) == "stands"
    assert verdict(Known(fence=replace(SEVEN, online=""), first_seen=at(0)), looks) == "stands"


def claims(role: Role, mono_s: float) -> dict[str, Claim]:
    return {BACKUP: Claim(role=role, first_seen=at(mono_s), seen_to_begin=True, since_s=None)}


def seen(role: Role) -> dict[str, Observation]:
    return {
        agent: Observation(agent=agent, role=role if agent == BACKUP else DARK, read=at(9), source="")
        for agent in (MAIN, BACKUP)
    }


def test_a_decision_is_outdated_when_the_agent_it_names_denies_it_freshly() -> None:
    assert outdated(PAIR, seen(OFF), claims(OFF, 5), KNOWN)
    assert not outdated(PAIR, seen(OFF), claims(OFF, -5), KNOWN)
    assert not outdated(PAIR, seen(DARK), claims(OFF, 5), KNOWN)
    assert not outdated(PAIR, seen(OFF), {}, KNOWN)
    assert not outdated(PAIR, seen(OFF), claims(OFF, 5), None)
    assert not outdated(PAIR, seen(OFF), claims(OFF, 5), replace(KNOWN, fence=replace(SEVEN, online="")))


def test_a_new_decision_takes_the_next_epoch_and_keeps_it_when_it_is_tried_again() -> None:
    first = target(MAIN, "two", KNOWN, (), now=at(1.00049))
    assert first.fence == Fence(epoch=8, online=MAIN, writer="two", time_s=1_772_357_401.0)
    assert target(MAIN, "two", KNOWN, (first,), now=at(5)) == first
    assert target(BACKUP, "two", KNOWN, (), now=at(5)) == KNOWN
    assert target(MAIN, "two", None, (), now=at(5)).fence.epoch == 1


def change(*, fence: RRset | None = None) -> Change:
    key = Key(MAIN, Type.A)
    before = (RRset(key=key, values=frozenset({ip_address("10.10.10.5")})),)
    record = Record(key, ip_address("10.10.10.5"))
    return Change(zone=ZONE, before=before if fence is None else (fence, *before), removes=(record,))


def test_the_fence_as_it_was_read_is_a_prerequisite_and_the_next_one_replaces_it() -> None:
    eight = replace(SEVEN, epoch=8, online=MAIN)
    [found] = fenced(Plan(pair="DMA", online=MAIN, changes=(change(),)), PAIR, {ZONE: SEVEN}, eight).changes
    key = fence_key("DMA", ZONE)
    assert found.before == (RRset(key=key, values=frozenset({TEXT})), *change().before)
    assert found.removes == (Record(key, TEXT), *change().removes)
    assert found.adds == (Record(key, str(eight)),)


def test_a_repair_under_the_same_decision_only_demands_the_fence() -> None:
    [found] = fenced(Plan(pair="DMA", online=BACKUP, changes=(change(),)), PAIR, {ZONE: SEVEN}, SEVEN).changes
    assert found.before[0].key == fence_key("DMA", ZONE)
    assert (found.removes, found.adds) == (change().removes, ())


def test_where_several_servers_take_updates_the_fence_says_which_one_did() -> None:
    plan = fenced(
        Plan(pair="DMA", online=MAIN), PAIR, {ZONE: None, "b.": None}, SEVEN, {ZONE: "dc1.example.test."}
    )
    texts = {change.zone: str(change.adds[0].value) for change in plan.changes}
    assert texts == {ZONE: TEXT.replace(" time=", " at=dc1.example.test. time="), "b.": TEXT}
    assert parse(texts[ZONE]) == SEVEN
    assert parse(texts[ZONE]).at == "dc1.example.test."


def test_a_server_without_room_for_its_name_is_not_named() -> None:
    assert SEVEN.taken_at("dc1." * 50).at == ""


def test_a_fence_of_another_server_is_told_of() -> None:
    one = replace(SEVEN, at="dc1.")
    assert elsewhere(
        {ZONE: one, "b.": one, "c.": SEVEN, "d.": None}, {ZONE: "dc2.", "b.": "dc1.", "c.": "dc1."}
    ) == {ZONE: one}


def test_every_zone_gets_the_new_fence_though_its_records_stay() -> None:
    plan = Plan(pair="DMA", online=MAIN)
    found = fenced(plan, PAIR, {ZONE: None, "reverse.": SEVEN, "new.": SEVEN}, SEVEN).changes
    assert [each.zone for each in found] == [ZONE]
    assert found[0].before == (RRset(key=fence_key("DMA", ZONE)),)
    assert found[0].adds == (Record(fence_key("DMA", ZONE), TEXT),)


def test_a_fence_moves_only_if_all_that_was_read_of_the_pair_in_its_zone_still_is_so() -> None:
    other = RRset(key=Key(BACKUP, Type.A), values=frozenset({ip_address("10.10.10.2")}))
    current = {rrset.key: rrset for rrset in (other, *change().before)}
    moved = fenced(Plan(pair="DMA", online=MAIN), PAIR, {ZONE: None}, SEVEN)
    [found] = demanding(moved, PAIR, current, frozenset({ZONE})).changes
    assert found.before == (RRset(key=fence_key("DMA", ZONE)), other, *change().before)
    assert found.keys == (fence_key("DMA", ZONE),)
    repair = fenced(Plan(pair="DMA", online=BACKUP, changes=(change(),)), PAIR, {ZONE: SEVEN}, SEVEN)
    assert demanding(repair, PAIR, current, frozenset({ZONE})) == repair


def test_what_was_decided_before_this_daemon_began_stood_already_then() -> None:
    old = learn(None, [SEVEN], (), now=at(60), began=at(30))
    assert old == Known(fence=SEVEN, first_seen=at(60), stood=at(30))
    assert verdict(old, (40, OFF, OFF), (50, ON, OFF)) == "stands"
    assert verdict(old, (3, ON, OFF)) == "superseded"
    assert learn(None, [SEVEN], (), now=at(60), began=at(-1)) == Known(fence=SEVEN, first_seen=at(60))


def test_what_is_no_fence_is_replaced_only_when_asked_for() -> None:
    current = {fence_key("DMA", ZONE): rrset("x", "y"), **{each.key: each for each in change().before}}
    found = find(PAIR, current, [ZONE])
    plan = fenced(Plan(pair="DMA", online=BACKUP, changes=(change(),)), PAIR, found, SEVEN)
    refused = guard(plan, PAIR, current, max_changes=9)
    assert refused.plan.changes == ()
    assert [refusal.reason for refusal in refused.refusals] == [Refused.NO_FENCE]
    assert "failover-dns resync --mend-fence DMA" in refused.refusals[0].cure
    mended = guard(plan, PAIR, current, max_changes=9, mend=True).plan.changes[0]
    assert [str(record.value) for record in mended.removes if record.key.type is Type.TXT] == ["x", "y"]


def test_a_fence_is_not_ours_where_the_pair_has_none() -> None:
    plan = fenced(Plan(pair="DMA", online=BACKUP), PAIR, {ZONE: None}, SEVEN)
    refused = guard(plan, replace(PAIR, fence=False), {}, max_changes=9)
    assert [refusal.reason for refusal in refused.refusals] == [Refused.NOT_OURS]


def test_a_change_that_loses_records_keeps_its_fence() -> None:
    fence = rrset(TEXT)
    kept = Record(Key(BACKUP, Type.A), ip_address("10.10.10.5"))
    whole = replace(change(fence=fence), adds=(kept,))
    left = whole.without(change().removes)
    assert left is not None
    assert left.before == (fence,)
    assert left.adds == (kept,)
