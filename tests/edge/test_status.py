"""What `status` says of the daemon's answer, for people."""

from __future__ import annotations

from typing import Any

from failover_dns.edge.status import table

PAIR: dict[str, Any] = {
    "pair": "dma",
    "decision": "move",
    "reason": "other_offline",
    "online": "dma-main.example.test.",
    "since": "2026-03-01T09:30:00.000Z",
    "in_order": True,
    "agents": [
        {
            "agent": "dma-main.example.test.",
            "role": "ONLINE",
            "source": "file /run/dma",
            "reason": "it says ONLINE",
            "age_s": 1.25,
            "since": None,
        }
    ],
    "dns": [{"zone": "example.test.", "records": ["dma-main.example.test. A 10.10.10.5"], "problem": None}],
    "last_change": {
        "at": "2026-03-01T09:30:00.012Z",
        "cause": "switch",
        "online": "dma-main.example.test.",
        "zones": {"example.test.": "applied"},
        "took_ms": 12.4,
    },
    "wrong": [],
    "frozen": None,
    "fence": None,
    "penalty": 0.0,
    "in_flight": 0,
    "looked_s": 0.5,
}
HELD = PAIR | {
    "pair": "a-longer-name",
    "decision": "hold",
    "reason": "nobody_online",
    "online": None,
    "since": None,
    "in_order": False,
    "last_change": None,
    "wrong": [{"what": "held (nobody_online: )", "cure": "see what\x1b[2J each source says"}],
}


def test_a_pair_is_a_row_and_what_is_known_of_it_stands_under_it() -> None:
    assert list(table([PAIR], colour=False)) == [
        "PAIR  ONLINE                  SINCE                     DNS         LAST CHANGE",
        "dma   dma-main.example.test.  2026-03-01T09:30:00.000Z  as decided  switch 2026-03-01T09:30:00.012Z (12 ms)",
        "  dma-main.example.test.  ONLINE  read 1.2 s ago  file /run/dma: it says ONLINE",
        "  zone example.test.",
        "    dma-main.example.test. A 10.10.10.5",
    ]


def test_what_is_wrong_stands_with_its_cure_and_steers_no_terminal() -> None:
    lines = list(table([PAIR, HELD], colour=False))
    assert lines[-1] == "  WRONG: held (nobody_online: ); see what\\x1b[2J each source says"
    assert "a-longer-name  held (nobody_online)    -" in "\n".join(lines)
    assert "left as it is  none known" in "\n".join(lines)


def test_colour_is_for_what_is_wrong_alone() -> None:
    coloured = [line for line in table([PAIR, HELD], colour=True) if "\x1b" in line]
    assert len(coloured) == 1
    assert coloured[0].startswith("\x1b[31m  WRONG: ")


def test_a_pair_before_its_first_look_and_one_that_is_behind_are_told_apart() -> None:
    unseen = PAIR | {"decision": "none", "online": None, "reason": None, "since": None}
    late = PAIR | {"in_order": False, "in_flight": 2, "penalty": 1.5, "last_change": None}
    text = "\n".join(table([unseen, late], colour=False))
    assert "not looked at yet" in text
    assert "NOT as decided" in text
    assert "  2 updates under way" in text
    assert "  penalty 1.5 for its switches" in text
