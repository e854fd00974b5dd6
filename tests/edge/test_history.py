from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import pytest

from failover_dns.core.changelog import (
    EVENTS,
    GENESIS,
    Cause,
    Entry,
    Frozen,
    Held,
    Intent,
    Peer,
    Released,
    Repaired,
    Result,
    Thawed,
    digest,
    encode,
)
from failover_dns.core.decide import Reason
from failover_dns.core.model import Change, Key, Record, RRset, Type
from failover_dns.core.outcome import Said, Verdict
from failover_dns.edge.cli import parser
from failover_dns.edge.history import select, since, table

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
        before=(RRset(key=BACKUP), RRset(key=MAIN, values=frozenset({VIRTUAL}), ttl_s=60)),
        removes=(Record(MAIN, VIRTUAL),),
        adds=(Record(BACKUP, VIRTUAL),),
    ),
)
APPLIED = Result(
    pair="dma",
    transaction="5f0c3be1a9d2",
    zone="example.test.",
    intent=1,
    verdict=Verdict.APPLIED,
    said=Said.DONE,
    rcode="NOERROR",
    took_ms=8.214,
)


def chained(*entries: Entry) -> list[bytes]:
    """Return the entries' lines, one a minute from 09:30 on."""
    lines: list[bytes] = []
    for seq, entry in enumerate(entries, start=1):
        wall_s = datetime(2026, 3, 1, 9, 29 + seq, tzinfo=UTC).timestamp()
        lines.append(encode(entry, seq=seq, prev=digest(lines[-1]) if lines else GENESIS, wall_s=wall_s)[:-1])
    return lines


def words(lines: Iterable[bytes]) -> list[list[str]]:
    """Return the cells of the table of these lines, without its heading."""
    return [[cell.strip() for cell in row.split("  ") if cell] for row in list(table(select(lines)))[1:]]


def test_everything_is_selected_as_it_is_where_nothing_is_asked_for() -> None:
    lines = chained(INTENT, APPLIED)
    assert [row.raw for row in select(lines)] == lines


def test_a_pairs_lines_are_selected() -> None:
    lines = chained(
        INTENT, replace(INTENT, pair="other"), APPLIED, Repaired(cut_bytes=3, cut_sha256="ab" * 32)
    )
    assert [row.raw for row in select(lines, pair="dma")] == [lines[0], lines[2]]


def test_an_events_lines_are_selected() -> None:
    lines = chained(INTENT, APPLIED)
    assert [row.raw for row in select(lines, event="outcome")] == [lines[1]]


def test_lines_from_a_moment_on_are_selected() -> None:
    lines = chained(INTENT, APPLIED, INTENT)
    moment = datetime(2026, 3, 1, 9, 31, tzinfo=UTC)
    assert [row.raw for row in select(lines, since=moment)] == lines[1:]


def test_a_line_that_cannot_be_read_is_part_of_every_selection() -> None:
    found = list(select([b"{}", *chained(INTENT)], pair="other", event="outcome"))
    assert [(row.raw, row.broken) for row in found] == [(b"{}", "field v is missing")]


def test_an_outcome_knows_its_intent_though_the_intent_is_not_selected() -> None:
    (row,) = select(chained(INTENT, APPLIED), event="outcome")
    assert row.intent == INTENT


def test_the_table_says_in_words_what_was_changed() -> None:
    done = "-dma-main.example.test. A 10.10.10.5 +dma-backup.example.test. A 10.10.10.5"
    assert words(chained(INTENT, APPLIED)) == [
        ["2026-03-01T09:30:00.000Z", "dma", "intent", "-", "-", "switch", "example.test.", done],
        ["2026-03-01T09:31:00.000Z", "dma", "outcome", "applied", "8.2 ms", "switch", "example.test.", done],
    ]


def test_the_documents_table_is_what_its_example_prints() -> None:
    text = (Path(__file__).parents[2] / "docs" / "change-log.md").read_text(encoding="utf-8")
    example = text.split("```json\n", 1)[1].split("```", 1)[0]
    printed = text.split("```text\n", 1)[1].split("```", 1)[0]
    assert list(table(select(example.encode().splitlines()))) == printed.splitlines()


def test_the_table_says_why_a_change_was_not_made_and_what_to_do() -> None:
    refused = replace(
        APPLIED,
        verdict=Verdict.REFUSED,
        said=Said.DENIED,
        rcode="REFUSED",
        what="the primary refuses",
        cure="grant it",
    )
    (_, row) = words(chained(INTENT, refused))
    assert row[-1].endswith("+dma-backup.example.test. A 10.10.10.5; REFUSED; the primary refuses; grant it")


def test_an_answer_that_never_came_is_named_by_what_was_said() -> None:
    (row,) = words(
        chained(replace(APPLIED, verdict=Verdict.UNKNOWN, said=Said.SILENT, rcode=None, took_ms=None))
    )
    assert row[3:] == ["unknown", "-", "-", "example.test.", "closes seq 1; silent"]


def test_the_table_shows_a_repair() -> None:
    (row,) = words(chained(Repaired(cut_bytes=37, cut_sha256="ab" * 32)))
    assert row[1:3] + row[-1:] == ["-", "repaired", "cut off a torn last line of 37 bytes"]


MOMENT = "2026-03-01T09:44:00.000Z"
PEER = Peer(
    pair="dma",
    epoch=7,
    online="dma-backup.example.test.",
    writer="ops-2",
    decided=MOMENT,
    stands_for="",
    agrees=True,
)


@pytest.mark.parametrize(
    ("entry", "cause", "what"),
    [
        (
            PEER,
            "-",
            f"ops-2 decided at {MOMENT} that dma-backup.example.test. is online (epoch 7); this daemon agrees",
        ),
        (
            replace(PEER, online="", stands_for="dma-main.example.test.", agrees=False),
            "-",
            (
                f"ops-2 decided at {MOMENT} that nobody is online (epoch 7); "
                "this daemon stands for dma-main.example.test."
            ),
        ),
        (
            replace(PEER, agrees=False),
            "-",
            f"ops-2 decided at {MOMENT} that dma-backup.example.test. is online (epoch 7); this daemon holds",
        ),
        (
            Held(pair="dma", reason=Reason.DAMPED, to="dma-main.example.test.", penalty=4.62, until=MOMENT),
            "damped",
            f"not moved to dma-main.example.test.: penalty 4.6, until {MOMENT}",
        ),
        (
            Held(pair="dma", reason=Reason.SUPERSEDED, to="dma-main.example.test.", penalty=0.0, until=None),
            "superseded",
            "not moved to dma-main.example.test.: penalty 0.0",
        ),
        (
            Released(pair="dma", by="ana@ops-1", penalty=4.62),
            "-",
            "by ana@ops-1: no more damping; the penalty was 4.6",
        ),
        (
            Frozen(pair="dma", by="ana@ops-1", reason="patching", until=None),
            "-",
            "by ana@ops-1 until it is thawed: patching",
        ),
        (
            Frozen(pair="dma", by="ana@ops-1", reason="patching", until=MOMENT),
            "-",
            f"by ana@ops-1 until {MOMENT}: patching",
        ),
        (Thawed(pair="dma", by="ana@ops-1", reason=""), "-", "by ana@ops-1"),
        (Thawed(pair="dma", by="ana@ops-1", reason="done"), "-", "by ana@ops-1: done"),
    ],
)
def test_the_table_says_in_words_what_a_pair_went_through_besides(
    entry: Entry, cause: str, what: str
) -> None:
    ((_, pair, _, _, _, shown_cause, _, shown),) = words(chained(entry))
    assert (pair, shown_cause, shown) == ("dma", cause, what)


def test_every_event_can_be_asked_for() -> None:
    for event in EVENTS:
        assert parser().parse_args(["history", "--event", event]).event == event


def test_the_table_shows_an_event_that_is_not_known() -> None:
    line = json.dumps({**json.loads(chained(APPLIED)[0]), "event": "paused"}).encode()
    (row,) = words([line])
    assert row[1:3] + row[-1:] == [
        "dma",
        "paused",
        "not known to this version of failover-dns; its JSON says more",
    ]


def test_the_table_shows_a_line_that_cannot_be_read() -> None:
    (row,) = words([b"{}"])
    assert row[2:3] + row[-1:] == ["unreadable", "field v is missing"]


def test_the_table_prints_nothing_that_steers_a_terminal() -> None:
    (row,) = words(chained(replace(APPLIED, what="\x1b[2J\u202e\nNOERROR")))
    assert row[-1] == r"closes seq 1; \x1b[2J\u202e\nNOERROR"


def test_columns_grow_for_what_does_not_fit_and_rows_come_one_by_one() -> None:
    rows = table(select(iter(chained(replace(INTENT, pair="a-pair-with-a-long-name"), INTENT))))
    assert [next(rows).find("intent"), next(rows).find("intent"), next(rows).find("intent")] == [-1, 51, 51]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90s", datetime(2026, 3, 1, 11, 58, 30, tzinfo=UTC)),
        ("15m", datetime(2026, 3, 1, 11, 45, tzinfo=UTC)),
        ("2h", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("3d", datetime(2026, 2, 26, 12, tzinfo=UTC)),
        ("1w", datetime(2026, 2, 22, 12, tzinfo=UTC)),
        ("2026-03-01T09:30:00Z", datetime(2026, 3, 1, 9, 30, tzinfo=UTC)),
        ("2026-03-01T09:30:00.250+01:00", datetime(2026, 3, 1, 8, 30, 0, 250_000, tzinfo=UTC)),
    ],
)
def test_since_is_an_age_or_a_time(text: str, moment: datetime) -> None:
    assert since(text, now=datetime(2026, 3, 1, 12, tzinfo=UTC)) == moment


@pytest.mark.parametrize(
    "text", ["", "m", "15", "-1h", "2y", "999999w", "yesterday", "2026-03-01T09:30:00", "٣h"]
)
def test_since_says_what_it_takes(text: str) -> None:
    with pytest.raises(
        ValueError, match="neither an age such as 15m, 2h or 3d nor a time such as 2026-03-01T09:30"
    ):
        since(text, now=datetime(2026, 3, 1, 12, tzinfo=UTC))


def test_nothing_heavy_is_imported() -> None:
    code = "import sys, failover_dns.edge.history; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"dns", "structlog", "pydantic", "asyncio", "watchdog"} & {*ran.stdout.split()}
