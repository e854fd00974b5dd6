from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover_dns.core.changelog import (
    EVENTS,
    GENESIS,
    HEAD,
    TAIL,
    Broken,
    BrokenLineError,
    Cause,
    Claimed,
    Column,
    Converged,
    Entry,
    Frozen,
    Held,
    Intent,
    Peer,
    Released,
    Repaired,
    Result,
    Shown,
    Thawed,
    Verified,
    decode,
    digest,
    encode,
    open_intents,
    rfc3339,
    seq_of,
    verify,
)
from failover_dns.core.decide import Reason
from failover_dns.core.model import Change, Key, Record, Role, RRset, Type, Value
from failover_dns.core.outcome import Said, Verdict

DOCUMENT = Path(__file__).parents[2] / "docs" / "change-log.md"

MAIN = Key("dma-main.example.test.", Type.A)
BACKUP = Key("dma-backup.example.test.", Type.A)
VIRTUAL = ip_address("10.10.10.5")

INTENT = Intent(
    pair="dma",
    transaction="5f0c3be1a9d2",
    cause=Cause.SWITCH,
    wake="source",
    reason=Reason.OTHER_OFFLINE,
    online="dma-backup.example.test.",
    writer="ops-1/4711",
    zone="example.test.",
    primary="127.0.0.1#5300",
    key="failover-dns.",
    change=Change(
        zone="example.test.",
        before=(
            RRset(key=BACKUP),
            RRset(key=MAIN, values=frozenset({ip_address("10.10.10.10"), VIRTUAL}), ttl_s=1200),
        ),
        removes=(Record(MAIN, VIRTUAL),),
        adds=(Record(BACKUP, VIRTUAL),),
        ttl_s=60,
    ),
    fence="3 dma-backup",
    claims=(
        Claimed(
            agent="dma-backup.example.test.",
            role=Role.ONLINE,
            since_s=1772357399.5,
            seen="2026-03-01T09:29:59.600Z",
            began=True,
        ),
        Claimed(
            agent="dma-main.example.test.",
            role=Role.UNKNOWN,
            since_s=None,
            seen="2026-03-01T08:00:00.000Z",
            began=False,
        ),
    ),
)
RESULT = Result(
    pair="dma",
    transaction="5f0c3be1a9d2",
    zone="example.test.",
    intent=1,
    verdict=Verdict.APPLIED,
    said=Said.DONE,
    rcode="NOERROR",
    after={MAIN: RRset(key=MAIN), BACKUP: RRset(key=BACKUP, values=frozenset({VIRTUAL}), ttl_s=60)},
    took_ms=8.214,
    forgotten_at="2026-03-01T09:50:00.000Z",
)
REPAIRED = Repaired(cut_bytes=37, cut_sha256="ab" * 32)


def chained(*entries: Entry, first: int = 1, prev: str = GENESIS) -> list[bytes]:
    lines: list[bytes] = []
    for seq, entry in enumerate(entries, start=first):
        lines.append(encode(entry, seq=seq, prev=digest(lines[-1]) if lines else prev, wall_s=1772357400.0))
    return lines


def edited(entry: Entry, **changes: Any) -> bytes:
    line = json.loads(encode(entry, seq=1, prev=GENESIS, wall_s=1772357400.0))
    return json.dumps({**line, **changes}).encode()


def test_an_intent_is_one_compact_line_with_its_fields_in_order() -> None:
    assert encode(INTENT, seq=7, prev="0f" * 32, wall_s=1772357400.1126) == (
        b'{"v":1,"seq":7,"time":"2026-03-01T09:30:00.112Z","event":"intent","pair":"dma",'
        b'"transaction":"5f0c3be1a9d2","cause":"switch","wake":"source","reason":"other_offline",'
        b'"online":"dma-backup.example.test.","writer":"ops-1/4711","zone":"example.test.",'
        b'"primary":"127.0.0.1#5300","key":"failover-dns.",'
        b'"before":[{"name":"dma-backup.example.test.","type":"A","ttl_s":0,"values":[]},'
        b'{"name":"dma-main.example.test.","type":"A","ttl_s":1200,"values":["10.10.10.10","10.10.10.5"]}],'
        b'"removes":[{"name":"dma-main.example.test.","type":"A","value":"10.10.10.5"}],'
        b'"adds":[{"name":"dma-backup.example.test.","type":"A","value":"10.10.10.5"}],"ttl_s":60,'
        b'"fence":"3 dma-backup","claims":[{"agent":"dma-backup.example.test.","role":"ONLINE",'
        b'"since_s":1772357399.5,"seen":"2026-03-01T09:29:59.600Z","began":true},'
        b'{"agent":"dma-main.example.test.","role":"UNKNOWN","since_s":null,'
        b'"seen":"2026-03-01T08:00:00.000Z","began":false}],'
        b'"prev":"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"}\n'
    )


def test_an_outcome_is_one_compact_line_with_its_fields_in_order() -> None:
    assert encode(RESULT, seq=8, prev="0f" * 32, wall_s=0.0) == (
        b'{"v":1,"seq":8,"time":"1970-01-01T00:00:00.000Z","event":"outcome","pair":"dma",'
        b'"transaction":"5f0c3be1a9d2","zone":"example.test.","intent":1,"verdict":"applied","said":"done",'
        b'"rcode":"NOERROR","what":"","cure":"",'
        b'"after":[{"name":"dma-backup.example.test.","type":"A","ttl_s":60,"values":["10.10.10.5"]},'
        b'{"name":"dma-main.example.test.","type":"A","ttl_s":0,"values":[]}],'
        b'"took_ms":8.214,"recovered":false,"forgotten_at":"2026-03-01T09:50:00.000Z",'
        b'"prev":"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"}\n'
    )


AT = "2026-03-01T09:30:00.000Z"


@pytest.mark.parametrize(
    ("entry", "fields_between"),
    [
        (
            Peer(
                pair="dma",
                epoch=7,
                online="",
                writer="ops-2",
                decided=AT,
                stands_for="dma-main.example.test.",
                agrees=False,
            ),
            (
                b'"pair":"dma","epoch":7,"online":"","writer":"ops-2","decided":"2026-03-01T09:30:00.000Z",'
                b'"stands_for":"dma-main.example.test.","agrees":false'
            ),
        ),
        (
            Held(pair="dma", reason=Reason.DAMPED, to="dma-main.example.test.", penalty=4.62, until=AT),
            (
                b'"pair":"dma","reason":"damped","to":"dma-main.example.test.","penalty":4.62,'
                b'"until":"2026-03-01T09:30:00.000Z"'
            ),
        ),
        (
            Released(pair="dma", by="ana@ops-1", penalty=4.62),
            b'"pair":"dma","by":"ana@ops-1","penalty":4.62',
        ),
        (
            Frozen(pair="dma", by="ana@ops-1", reason="patching", until=None),
            b'"pair":"dma","by":"ana@ops-1","reason":"patching","until":null',
        ),
        (
            Thawed(pair="dma", by="ana@ops-1", reason=""),
            b'"pair":"dma","by":"ana@ops-1","reason":""',
        ),
    ],
)
def test_what_a_pair_goes_through_besides_is_one_compact_line_with_its_fields_in_order(
    entry: Entry, fields_between: bytes
) -> None:
    line = encode(entry, seq=9, prev="0f" * 32, wall_s=0.0)
    assert line.partition(b'"event":')[2].partition(b",")[2] == (
        fields_between + b',"prev":"' + b"0f" * 32 + b'"}\n'
    )
    assert decode(line).entry == entry


def test_a_line_is_read_back_with_its_place_and_time() -> None:
    line = decode(encode(REPAIRED, seq=9, prev="0f" * 32, wall_s=1772357400.5))
    assert (line.seq, line.time.timestamp(), line.event) == (9, 1772357400.5, "repaired")
    assert (line.prev, line.entry, line.raw["cut_bytes"]) == ("0f" * 32, REPAIRED, 37)


texts = st.text(max_size=20)
moments = st.integers(0, 2**32).map(rfc3339)
finite = st.floats(allow_nan=False, allow_infinity=False)
values: dict[Type, st.SearchStrategy[Value]] = {
    Type.A: st.ip_addresses(v=4),
    Type.AAAA: st.ip_addresses(v=6),
    Type.PTR: texts,
    Type.CNAME: texts,
    Type.TXT: st.text(),
}
keys = st.builds(Key, texts, st.sampled_from([kind for kind in Type if kind is not Type.NS]))
records = keys.flatmap(lambda key: values[key.type].map(lambda value: Record(key, value)))
rrsets = keys.flatmap(
    lambda key: st.builds(
        RRset,
        key=st.just(key),
        values=st.frozensets(values[key.type], max_size=3),
        ttl_s=st.integers(0, 2**31 - 1),
    )
)
changes = st.builds(
    Change,
    zone=texts,
    before=st.lists(rrsets, max_size=3).map(tuple),
    removes=st.lists(records, max_size=3).map(tuple),
    adds=st.lists(records, max_size=3).map(tuple),
    ttl_s=st.integers(0, 2**31 - 1),
)
claims = st.builds(
    Claimed,
    agent=texts,
    role=st.sampled_from(Role),
    since_s=st.none() | finite,
    seen=moments,
    began=st.booleans(),
)
intents = changes.flatmap(
    lambda change: st.builds(
        Intent,
        pair=texts,
        transaction=texts,
        cause=st.sampled_from(Cause),
        wake=texts,
        reason=st.sampled_from(Reason),
        online=texts,
        writer=texts,
        zone=st.just(change.zone),
        primary=texts,
        key=texts,
        change=st.just(change),
        fence=texts,
        claims=st.lists(claims, max_size=2).map(tuple),
    )
)
results = st.builds(
    Result,
    pair=texts,
    transaction=texts,
    zone=texts,
    intent=st.integers(1, 2**63),
    verdict=st.sampled_from(Verdict),
    said=st.sampled_from(Said),
    rcode=st.none() | texts,
    what=texts,
    cure=texts,
    after=st.none() | st.lists(rrsets, max_size=3).map(lambda found: {rrset.key: rrset for rrset in found}),
    took_ms=st.none() | finite,
    recovered=st.booleans(),
    forgotten_at=st.none() | moments,
)
repaired = st.builds(
    Repaired,
    cut_bytes=st.integers(0),
    cut_sha256=texts.map(lambda text: digest(text.encode("utf-8", "replace"))),
)
converged = st.builds(
    Converged,
    pair=texts,
    transaction=texts,
    zone=texts,
    intent=st.integers(1, 2**63),
    servers=st.lists(
        st.builds(Shown, server=texts, delay_ms=st.none() | st.floats(0, 1e9), problem=texts), max_size=3
    ).map(tuple),
    forgotten_at=st.none() | moments,
)
peers = st.builds(
    Peer,
    pair=texts,
    epoch=st.integers(1, 2**63),
    online=texts,
    writer=texts,
    decided=moments,
    stands_for=texts,
    agrees=st.booleans(),
)
holds = st.builds(
    Held, pair=texts, reason=st.sampled_from(Reason), to=texts, penalty=finite, until=st.none() | moments
)
orders = st.one_of(
    st.builds(Released, pair=texts, by=texts, penalty=finite),
    st.builds(Frozen, pair=texts, by=texts, reason=texts, until=st.none() | moments),
    st.builds(Thawed, pair=texts, by=texts, reason=texts),
)
entries = st.one_of(intents, results, converged, peers, holds, orders, repaired)


def test_an_address_of_ipv6_is_read_back_as_one() -> None:
    record = Record(Key("dma-main.example.test.", Type.AAAA), ip_address("2001:db8::5"))
    intent = replace(INTENT, change=replace(INTENT.change, adds=(record,)))
    assert decode(encode(intent, seq=1, prev=GENESIS, wall_s=0.0)).entry == intent


def test_a_server_that_is_not_one_is_a_broken_line() -> None:
    entry = Converged(pair="dma", transaction="t", zone="z.", intent=1, servers=(), forgotten_at=None)
    for servers in ([1], [{"server": "ns2"}], [{"server": "ns2", "delay_ms": "soon", "problem": ""}]):
        with pytest.raises(BrokenLineError):
            decode(edited(entry, servers=servers))


def test_a_claim_that_is_not_one_is_a_broken_line() -> None:
    right = {
        "agent": "a.",
        "role": "ONLINE",
        "since_s": None,
        "seen": "2026-03-01T09:30:00.000Z",
        "began": True,
    }
    assert decode(edited(INTENT, claims=[right])).entry
    for wrong in ({"role": "MASTER"}, {"since_s": "now"}, {"seen": "now"}, {"began": 1}, {"more": 1}):
        with pytest.raises(BrokenLineError):
            decode(edited(INTENT, claims=[right | wrong]))


def test_an_intent_from_before_there_were_fences_and_claims_has_none() -> None:
    line = json.loads(edited(INTENT))
    del line["fence"], line["claims"]
    assert decode(json.dumps(line).encode()).entry == replace(INTENT, fence="", claims=())


def test_a_claim_of_a_time_that_is_none_is_not_constructed() -> None:
    with pytest.raises(ValueError, match="'soon' is not a time"):
        Claimed(agent="a.", role=Role.ONLINE, since_s=None, seen="soon", began=True)


@given(entries)
def test_every_entry_is_read_back_as_it_was_written(entry: Entry) -> None:
    line = encode(entry, seq=3, prev="0f" * 32, wall_s=1772357400.0)
    assert decode(line).entry == entry
    assert line.isascii()
    assert line.count(b"\n") == 1


@given(st.binary())
def test_arbitrary_bytes_are_never_a_line(data: bytes) -> None:
    with pytest.raises(BrokenLineError):
        decode(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(json_values)
def test_arbitrary_json_is_never_a_line(value: Any) -> None:
    with pytest.raises(BrokenLineError):
        decode(json.dumps(value).encode())


@given(st.sampled_from([INTENT, RESULT, REPAIRED]), st.data())
def test_a_field_of_arbitrary_json_is_read_or_refused_and_raises_nothing_else(
    entry: Entry, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(json.loads(edited(entry)))))
    line = edited(entry, **{name: data.draw(json_values)})
    with suppress(BrokenLineError):
        assert decode(line).raw[name] == json.loads(line)[name]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"", "Expecting value"),
        (b"[]", "not a JSON object"),
        (b"\xff", "codec can't decode"),
        (b"[" * 100_000, "nested too deeply"),
        (edited(INTENT, v=0), "field v: 0 is less than 1"),
        (edited(INTENT, v=True), "field v: True is not a whole number"),
        (edited(INTENT, seq=0), "field seq: 0 is less than 1"),
        (edited(INTENT, seq="1"), "field seq: '1' is not a whole number"),
        (
            edited(INTENT, time="2026-03-01T09:30:00Z"),
            "field time: '2026-03-01T09:30:00Z' is not a time such as",
        ),
        (edited(INTENT, time="2026-02-30T09:30:00.000Z"), "field time: day is out of range"),
        (edited(INTENT, prev="0F" * 32), "is not a SHA-256"),
        (edited(INTENT, cause="mood"), "field cause: 'mood' is not a valid Cause"),
        (edited(INTENT, before={}), "field before: {} is not a list"),
        (edited(INTENT, adds=["x"]), "field adds: 'x' is not an object"),
        (edited(INTENT, adds=[{}]), "field adds: None is not a text"),
        (
            edited(INTENT, adds=[{"name": "a.", "type": "A", "value": "10.10.10"}]),
            "field adds: Expected 4 octets",
        ),
        (edited(INTENT, adds=[{"name": "a.", "type": "A", "value": 5}]), "field adds: 5 is not a text"),
        (edited(INTENT, ttl_s=-1), "field ttl_s: -1 is less than 0"),
        (edited(RESULT, took_ms=10**400), "field took_ms: int too large"),
        (edited(RESULT, recovered=1), "field recovered: 1 is not true or false"),
        (edited(RESULT, forgotten_at="soon"), "field forgotten_at: 'soon' is not a time"),
        (
            edited(RESULT, after=[{"name": "a.", "type": "A", "ttl_s": 1, "values": []}] * 2),
            "an RRset is there twice",
        ),
        (edited(RESULT, took_ms=1.0).replace(b"1.0", b"1e999"), "field took_ms: too large a number"),
        (edited(RESULT, took_ms=1.0).replace(b"1.0", b"NaN"), "NaN is not JSON"),
        (edited(REPAIRED).replace(b'"seq"', b'"v"'), "a field is there twice"),
        (edited(REPAIRED).replace(b'"cut_bytes"', b'"cut"'), "field cut_bytes is missing"),
    ],
)
def test_a_broken_line_says_what_is_wrong(line: bytes, why: str) -> None:
    with pytest.raises(BrokenLineError, match=re.escape(why)):
        decode(line)


def test_fields_that_are_not_known_are_ignored() -> None:
    assert decode(edited(RESULT, mood="good")).entry == RESULT


def test_an_event_that_is_not_known_is_readable_as_it_is() -> None:
    line = decode(edited(REPAIRED, event="paused", pair="dma"))
    assert (line.entry, line.event, line.raw["pair"]) == (None, "paused", "dma")


def test_a_newer_version_is_readable_as_it_is() -> None:
    line = decode(edited(INTENT, v=2, cause={"kind": "mood"}))
    assert (line.entry, line.event, line.raw["cause"]) == (None, "intent", {"kind": "mood"})


def test_a_line_with_an_unreadable_entry_still_has_its_number() -> None:
    assert seq_of(edited(INTENT, seq=12, cause="mood")) == 12


def test_an_intent_for_another_zone_than_its_change_is_not_constructed() -> None:
    with pytest.raises(ValueError, match=r"an intent for zone a\. changes zone example\.test\."):
        Intent(**{field.name: getattr(INTENT, field.name) for field in fields(Intent)} | {"zone": "a."})


def test_an_outcome_with_a_time_that_is_none_is_not_constructed() -> None:
    with pytest.raises(ValueError, match="'soon' is not a time"):
        Result(
            **{field.name: getattr(RESULT, field.name) for field in fields(Result)} | {"forgotten_at": "soon"}
        )


def test_an_unbroken_chain_is_reported_with_its_ends() -> None:
    lines = chained(INTENT, RESULT, REPAIRED)
    assert verify(lines) == Verified(lines=3, first=1, last=3, sha256=digest(lines[2]))


def test_an_empty_log_is_unbroken() -> None:
    assert verify([]) == Verified(lines=0, first=0, last=0, sha256=GENESIS)


def test_a_chain_whose_old_files_were_removed_is_unbroken_from_where_it_begins() -> None:
    lines = chained(INTENT, RESULT, first=70, prev="0f" * 32)
    assert verify(lines) == Verified(lines=2, first=70, last=71, sha256=digest(lines[1]))


@pytest.mark.parametrize(("first", "prev"), [(1, "0f" * 32), (2, GENESIS)])
def test_a_start_that_cannot_be_one_is_broken(first: int, prev: str) -> None:
    assert verify(chained(REPAIRED, first=first, prev=prev)) == Broken(
        position=1,
        seq=first,
        why=f"a first line has seq 1 and a prev of zeros, or neither; this one has seq {first}",
    )


def test_a_missing_line_is_named_by_its_neighbours() -> None:
    lines = chained(INTENT, RESULT, REPAIRED)
    assert verify([lines[0], lines[2]]) == Broken(
        position=2, seq=3, why="seq 3 follows seq 1: lines are missing or were moved"
    )


def test_an_edited_line_is_named() -> None:
    lines = chained(INTENT, RESULT, REPAIRED)
    lines[1] = lines[1].replace(b"NOERROR", b"REFUSED")
    assert verify(lines) == Broken(
        position=3,
        seq=3,
        why="prev is not the SHA-256 of the line before: seq 2 or seq 3 was edited",
    )


LOG = chained(INTENT, RESULT, INTENT, REPAIRED, INTENT, RESULT)


@given(st.integers(0, len(LOG) - 2), st.data())
def test_any_one_edited_byte_is_found_in_any_line_but_the_last(index: int, data: st.DataObject) -> None:
    line = LOG[index].removesuffix(b"\n")
    at = data.draw(st.integers(0, len(line) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != line[at]))
    found = verify([*LOG[:index], line[:at] + bytes([byte]) + line[at + 1 :], *LOG[index + 1 :]])
    assert isinstance(found, Broken)
    assert found.position in {index + 1, index + 2}


@given(st.integers(1, len(LOG) - 2))
def test_any_one_line_dropped_from_between_is_found(index: int) -> None:
    assert isinstance(verify([*LOG[:index], *LOG[index + 1 :]]), Broken)


@given(st.permutations(LOG).filter(lambda lines: lines != LOG))
def test_any_other_order_is_found(lines: Sequence[bytes]) -> None:
    assert isinstance(verify(lines), Broken)


def test_an_intent_without_an_outcome_is_open() -> None:
    assert open_intents(chained(INTENT, INTENT, RESULT)) == ((2, INTENT),)


@pytest.mark.parametrize(
    "line",
    [
        b"\x00",
        edited(RESULT, intent=[]),
        edited(INTENT, cause="mood"),
        edited(INTENT, v=2),
        edited(REPAIRED),
        edited(REPAIRED, event="paused"),
    ],
)
def test_what_is_no_readable_intent_or_outcome_opens_and_closes_nothing(line: bytes) -> None:
    assert open_intents([*chained(INTENT, first=70, prev="0f" * 32), line]) == ((70, INTENT),)


def table_below(heading: str) -> list[str]:
    section = DOCUMENT.read_text(encoding="utf-8").split(f"\n## {heading}", 1)[1].split("\n## ", 1)[0]
    return [line for line in section.splitlines() if line.startswith("| `")]


def documented(columns: Sequence[Column]) -> list[str]:
    return [f"| `{column.name}` | {column.kind.name} | {column.meaning} |" for column in columns]


def test_the_document_has_the_fields_of_every_line_and_no_others() -> None:
    assert table_below("Every line") == documented((*HEAD, *TAIL))


@pytest.mark.parametrize("event", EVENTS)
def test_the_document_has_the_fields_of_each_event_and_no_others(event: str) -> None:
    assert table_below(f"`{event}`") == documented(EVENTS[event])


@pytest.mark.parametrize(
    ("event", "entry"),
    [
        ("intent", Intent),
        ("outcome", Result),
        ("converged", Converged),
        ("peer", Peer),
        ("held", Held),
        ("released", Released),
        ("frozen", Frozen),
        ("thawed", Thawed),
        ("repaired", Repaired),
    ],
)
def test_the_schema_has_every_part_of_an_entry(event: str, entry: type) -> None:
    parts = {field.name for field in fields(entry)} - {"change"}
    parts |= {field.name for field in fields(Change)} if entry is Intent else set()
    assert parts == {column.name for column in EVENTS[event]}


def examples() -> list[bytes]:
    text = DOCUMENT.read_text(encoding="utf-8").split("```json\n", 1)[1].split("```", 1)[0]
    return text.encode().splitlines()


def test_the_documents_examples_are_lines_of_an_unbroken_chain() -> None:
    assert isinstance(verify(examples()), Verified)
    assert [decode(line).event for line in examples()] == [
        "intent",
        "intent",
        "outcome",
        "outcome",
        "repaired",
    ]


@pytest.mark.parametrize("broken", [False, True])
def test_the_documents_recipe_tells_a_broken_chain_from_an_unbroken_one(
    tmp_path: Path, *, broken: bool
) -> None:
    recipe = DOCUMENT.read_text(encoding="utf-8").split("```python\n", 1)[1].split("```", 1)[0]
    lines = examples()
    log = tmp_path / "changes.jsonl"
    log.write_bytes(b"".join(line + b"\n" for line in (lines[:1] + lines[2:] if broken else lines)))
    ran = subprocess.run([sys.executable, "-c", recipe, log], capture_output=True, text=True, check=False)
    if broken:
        assert (ran.returncode, ran.stderr) == (1, f"{log}: the chain breaks at seq 3, after seq 1\n")
    else:
        assert (ran.returncode, ran.stdout) == (
            0,
            f"unbroken up to seq 5, whose SHA-256 is {digest(lines[-1])}\n",
        )
