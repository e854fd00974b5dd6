from __future__ import annotations

from failover_dns.core.changelog import (
    GENESIS,
    Cause,
    Converged,
    Entry,
    Intent,
    Line,
    Repaired,
    Result,
    Shown,
    decode,
    encode,
)
from failover_dns.core.decide import Reason
from failover_dns.core.model import Change, Key, RRset, Type
from failover_dns.core.outcome import Said, Verdict
from failover_dns.core.standing import Standing, behind, standings

MAIN, BACKUP = "dma-main.example.test.", "dma-backup.example.test."


def intent(zone: str, online: str = BACKUP) -> Intent:
    key = Key("dma-main.example.test.", Type.A)
    return Intent(
        pair="dma",
        transaction="t",
        cause=Cause.SWITCH,
        wake="source",
        reason=Reason.OTHER_OFFLINE,
        online=online,
        writer="ops-1/1",
        zone=zone,
        primary="127.0.0.1#53",
        key="k.",
        change=Change(zone=zone, before=(RRset(key=key),)),
    )


def result(zone: str, seq: int, verdict: Verdict, what: str = "") -> Result:
    return Result(
        pair="dma", transaction="t", zone=zone, intent=seq, verdict=verdict, said=Said.DONE, what=what
    )


def log(*entries: Entry) -> list[Line]:
    return [
        decode(encode(entry, seq=seq, prev=GENESIS, wall_s=1_772_323_200.0 + seq)[:-1])
        for seq, entry in enumerate(entries, start=1)
    ]


def by_zone(*entries: Entry) -> dict[str, Standing]:
    return {one.zone: one for one in standings(log(*entries))}


def test_one_zone_is_done_and_the_other_refused_since_its_first_refusal() -> None:
    found = by_zone(
        intent("forward."),
        intent("reverse."),
        result("forward.", 1, Verdict.APPLIED),
        result("reverse.", 2, Verdict.REFUSED),
        intent("reverse."),
        result("reverse.", 5, Verdict.REFUSED, "no grant"),
    )
    assert found["forward."].done
    refused = found["reverse."]
    assert (refused.verdict, refused.tries, refused.what) == (Verdict.REFUSED, 2, "no grant")
    assert (refused.since, refused.last) == ("2026-03-01T00:00:04.000Z", "2026-03-01T00:00:06.000Z")


def test_a_refusal_that_ended_is_done_and_counts_anew() -> None:
    found = by_zone(
        intent("z."), result("z.", 1, Verdict.REFUSED), intent("z."), result("z.", 3, Verdict.APPLIED)
    )
    assert (found["z."].done, found["z."].tries, found["z."].since) == (True, 1, "2026-03-01T00:00:04.000Z")


def test_the_same_verdict_on_another_agent_is_another_row() -> None:
    found = by_zone(
        intent("z."),
        result("z.", 1, Verdict.REFUSED),
        intent("z.", online=MAIN),
        result("z.", 3, Verdict.REFUSED),
    )
    assert (found["z."].online, found["z."].tries) == (MAIN, 1)


def test_an_intent_without_an_outcome_has_no_verdict() -> None:
    found = by_zone(intent("z."), result("z.", 1, Verdict.APPLIED), intent("z.", online=MAIN))
    assert (found["z."].verdict, found["z."].online, found["z."].done) == (None, MAIN, False)


def test_servers_are_those_of_the_last_change_only() -> None:
    def converged(seq: int) -> Converged:
        shown = (Shown(server=f"ns{seq}", delay_ms=1.0),)
        return Converged(pair="dma", transaction="t", zone="z.", intent=seq, servers=shown, forgotten_at=None)

    found = by_zone(
        intent("z."),
        result("z.", 1, Verdict.APPLIED),
        converged(1),
        intent("z."),
        result("z.", 4, Verdict.APPLIED),
        converged(1),
        converged(4),
    )
    assert [shown.server for shown in found["z."].servers] == ["ns4"]


def test_an_outcome_whose_intent_is_in_a_file_long_removed_still_stands() -> None:
    found = by_zone(
        result("z.", 7, Verdict.APPLIED),
        result("z.", 8, Verdict.APPLIED),
        Repaired(cut_bytes=1, cut_sha256="ab" * 32),
    )
    assert (found["z."].online, found["z."].tries) == ("", 2)


def test_a_zone_that_shows_another_agent_than_the_latest_change_is_behind() -> None:
    found = by_zone(
        intent("forward."),
        intent("reverse."),
        result("forward.", 1, Verdict.APPLIED),
        result("reverse.", 2, Verdict.APPLIED),
        intent("forward.", online=MAIN),
        result("forward.", 5, Verdict.APPLIED),
    )
    assert behind(found.values()) == {("dma", "reverse.")}
