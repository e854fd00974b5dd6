from __future__ import annotations

from dataclasses import replace

from failover_dns.core.changelog import (
    GENESIS,
    Cause,
    Entry,
    Held,
    Intent,
    Peer,
    Released,
    Repaired,
    Result,
    decode,
    encode,
)
from failover_dns.core.decide import Reason
from failover_dns.core.latest import Latest, noting
from failover_dns.core.model import Change
from failover_dns.core.outcome import Said, Verdict

AT = "2026-03-01T09:30:00.000Z"
PEER = Peer(
    pair="dma",
    epoch=7,
    online="dma-backup.example.test.",
    writer="ops-2",
    decided=AT,
    stands_for="dma-main.example.test.",
    agrees=False,
)
HELD = Held(pair="dma", reason=Reason.DAMPED, to="dma-main.example.test.", penalty=4.6, until=AT)
SWITCH = Intent(
    pair="dma",
    transaction="t",
    cause=Cause.SWITCH,
    wake="source",
    reason=Reason.OTHER_OFFLINE,
    online="dma-main.example.test.",
    writer="ops-1/4711",
    zone="z.",
    primary="127.0.0.1#5300",
    key="failover-dns.",
    change=Change(zone="z.", before=()),
)
APPLIED = Result(pair="dma", transaction="t", zone="z.", intent=1, verdict=Verdict.APPLIED, said=Said.DONE)


def after(*entries: Entry) -> dict[str, Latest]:
    found: dict[str, Latest] = {}
    lines = (encode(entry, seq=n, prev=GENESIS, wall_s=1772357400.0) for n, entry in enumerate(entries, 1))
    assert [line.entry for line in noting(map(decode, lines), found)] == list(entries)
    return found


def test_the_last_of_each_kind_stands() -> None:
    newer = replace(PEER, epoch=8, agrees=True)
    other = replace(PEER, pair="vip")
    assert after(PEER, HELD, other, newer) == {
        "dma": Latest(peer=newer, held=HELD, held_at=AT),
        "vip": Latest(peer=other),
    }


def test_a_switch_that_was_followed_is_the_end_of_both() -> None:
    assert after(SWITCH, PEER, HELD, APPLIED) == {}


def test_a_switch_that_was_refused_ends_nothing() -> None:
    assert after(SWITCH, HELD, replace(APPLIED, verdict=Verdict.REFUSED))["dma"].held == HELD


def test_a_repair_of_drift_ends_nothing() -> None:
    assert after(replace(SWITCH, cause=Cause.DRIFT), PEER, APPLIED)["dma"].peer == PEER


def test_a_release_is_the_end_of_a_hold_only() -> None:
    released = Released(pair="dma", by="ana@ops-1", penalty=4.6)
    assert after(PEER, HELD, released) == {"dma": Latest(peer=PEER)}


def test_what_is_of_no_pair_ends_nothing() -> None:
    assert after(HELD, Repaired(cut_bytes=1, cut_sha256="ab" * 32))["dma"].held == HELD
