from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from failover_dns.core.changelog import (
    GENESIS,
    Cause,
    Entry,
    Frozen,
    Held,
    Intent,
    Peer,
    Released,
    Result,
    Thawed,
    Verified,
    decode,
    digest,
    encode,
    verify,
)
from failover_dns.core.decide import Reason
from failover_dns.core.model import Change
from failover_dns.core.orders import Orders
from failover_dns.core.outcome import Said, Verdict
from failover_dns.edge.orders import TimeError, duration_s
from failover_dns.effects.changelog import read_lines
from failover_dns.effects.orders import OrdersFile
from tests.edge.commands import Site, site
from tests.servers.client import DnsServer

LATER = "no daemon answers here: one takes this up at its next look, or when it starts"
PEER = Peer(
    pair="dma",
    epoch=7,
    online="dma-backup.example.test.",
    writer="ops-2",
    decided="2026-03-01T09:30:00.000Z",
    stands_for="dma-main.example.test.",
    agrees=False,
)
HELD = Held(
    pair="dma",
    reason=Reason.DAMPED,
    to="dma-main.example.test.",
    penalty=4.62,
    until="2026-03-01T09:40:00.000Z",
)
SWITCH = Intent(
    pair="dma",
    transaction="t",
    cause=Cause.SWITCH,
    wake="source",
    reason=Reason.OTHER_OFFLINE,
    online="dma-main.example.test.",
    writer="ops-1/4711",
    zone="example.test.",
    primary="127.0.0.1#5300",
    key="failover-dns.",
    change=Change(zone="example.test.", before=()),
)
APPLIED = Result(
    pair="dma", transaction="t", zone="example.test.", intent=1, verdict=Verdict.APPLIED, said=Said.DONE
)


@pytest.fixture
def here(tmp_path: Path, embedded: DnsServer) -> Site:
    return site(tmp_path, embedded)


def state(here: Site) -> Path:
    return here.directory / "state"


def orders(here: Site) -> Orders:
    return OrdersFile(state(here)).read()


def entries(here: Site) -> list[Entry | None]:
    return [decode(line).entry for line in read_lines(state(here))]


def logged(here: Site, *told: Entry) -> None:
    """Write a change log with these entries, of just now."""
    lines: list[bytes] = []
    for seq, entry in enumerate(told, start=1):
        prev = digest(lines[-1]) if lines else GENESIS
        lines.append(encode(entry, seq=seq, prev=prev, wall_s=time.time()))
    state(here).mkdir(exist_ok=True)
    (state(here) / "changes.jsonl").write_bytes(b"".join(lines))


def document(text: str) -> Any:
    (line,) = text.splitlines()
    return json.loads(line)


def test_a_freeze_is_an_order_and_a_line_of_the_change_log(here: Site) -> None:
    done = here.run("freeze", "dma", "--for", "2h", "--reason", "patching", "--by", "ana")
    freeze = orders(here).freezes["dma"]
    (line,) = entries(here)
    assert freeze.until_s is not None
    assert freeze.until_s - freeze.since_s == pytest.approx(7200.0)
    assert (freeze.by, freeze.reason) == ("ana", "patching")
    assert isinstance(line, Frozen)
    assert (line.by, line.reason) == ("ana", "patching")
    said = f"pair dma: frozen until {line.until}: decisions are shown, not carried out"
    assert (done.returncode, done.stdout) == (0, f"{said}; {LATER}\n")


def test_a_freeze_without_a_time_lasts_until_the_thaw(here: Site) -> None:
    done = here.run("freeze", "dma", "--reason", "patching")
    assert done.stdout.startswith("pair dma: frozen until it is thawed: decisions are shown")
    assert orders(here).freezes["dma"].until_s is None


def test_a_thaw_ends_a_freeze_and_says_so_in_the_change_log(here: Site) -> None:
    here.run("freeze", "dma", "--reason", "patching", "--by", "ana")
    done = here.run("thaw", "dma", "--reason", "patched", "--by", "ben")
    assert done.stdout.startswith("pair dma: thawed: decisions are carried out again")
    assert orders(here).freezes == {}
    assert entries(here)[1:] == [Thawed(pair="dma", by="ben", reason="patched")]
    assert isinstance(verify(read_lines(state(here))), Verified)


def test_a_thaw_of_a_pair_that_is_not_frozen_leaves_no_line(here: Site) -> None:
    done = here.run("thaw", "dma")
    assert (done.returncode, done.stdout) == (0, "pair dma: it was not frozen\n")
    assert entries(here) == []


def test_a_release_makes_the_switches_so_far_count_no_more(here: Site) -> None:
    logged(here, SWITCH, APPLIED, HELD)
    before = document(here.run("status", "--json").stdout)
    assert before["penalty"] == pytest.approx(1.0, abs=0.2)
    assert before["held"]["to"] == "dma-main.example.test."
    done = here.run("release", "dma", "--by", "ana")
    assert done.stdout.startswith("pair dma: released: its switches so far count no more")
    released = entries(here)[-1]
    assert isinstance(released, Released)
    assert released.penalty == pytest.approx(1.0, abs=0.2)
    assert orders(here).releases["dma"].by == "ana"
    after = document(here.run("status", "--json").stdout)
    assert (after["penalty"], after["held"]) == (0.0, None)


def test_an_order_is_json_for_programs(here: Site) -> None:
    frozen = document(here.run("freeze", "dma", "--reason", "patching", "--by", "ana", "--json").stdout)
    assert frozen == {
        "pair": "dma",
        "order": "freeze",
        "changed": True,
        "by": "ana",
        "reason": "patching",
        "until": None,
        "penalty": None,
    }
    here.run("thaw", "dma")
    again = document(here.run("thaw", "dma", "--json").stdout)
    assert (again["pair"], again["order"], again["changed"], again["by"]) == ("dma", "thaw", False, None)


def test_who_became_root_by_sudo_is_who_ordered(here: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "ana")
    here.run("freeze", "dma", "--reason", "patching")
    assert orders(here).freezes["dma"].by.startswith("ana@")


@pytest.mark.parametrize("command", ["freeze", "thaw", "release"])
def test_a_pair_that_is_not_configured_is_an_error_that_lists_those_that_are(
    here: Site, command: str
) -> None:
    done = here.run(command, "dmx", *(["--reason", "patching"] if command == "freeze" else []))
    assert (done.returncode, "no pair is called dmx; the pairs are: dma" in done.stderr) == (78, True)
    assert not state(here).exists()


@pytest.mark.parametrize("wrong", [["--for", "soon", "--reason", "x"], ["--for", "2h"]])
def test_a_freeze_that_is_not_understood_exits_with_64_and_orders_nothing(
    here: Site, wrong: list[str]
) -> None:
    assert here.run("freeze", "dma", *wrong).returncode == 64
    assert not state(here).exists()


def test_orders_that_are_damaged_are_named_and_nothing_is_added_to_them(here: Site) -> None:
    logged(here, SWITCH, APPLIED)
    (state(here) / "orders.json").write_text("{")
    done = here.run("freeze", "dma", "--reason", "patching")
    assert (done.returncode, "orders.json is damaged" in done.stderr) == (1, True)
    assert entries(here) == [SWITCH, APPLIED]
    shown = here.run("status")
    assert (shown.returncode, "orders.json is damaged" in shown.stderr) == (1, True)


def test_status_shows_who_froze_a_pair_and_why_and_until_when(here: Site) -> None:
    here.run("freeze", "dma", "--reason", "patching\x1b[2J", "--by", "ana")
    done = here.run("status")
    assert done.returncode == 0
    assert "by ana until it is thawed: patching\\x1b[2J" in done.stdout
    shown = document(here.run("status", "--json").stdout)
    assert (shown["zone"], shown["frozen"]["by"]) == (None, "ana")


def test_status_shows_who_else_moved_a_pair_and_warns_if_this_daemon_stands_for_another(here: Site) -> None:
    logged(here, PEER)
    assert (
        "  WARNING: ops-2 decided at 2026-03-01T09:30:00.000Z that dma-backup.example.test. is online "
        "(epoch 7); this daemon stands for dma-main.example.test.\n"
    ) in here.run("status").stdout


def test_status_shows_a_hold_and_without_a_configuration_no_penalty(here: Site) -> None:
    logged(here, HELD)
    done = here.run("status", "--state-dir", str(state(here)), configured=False)
    assert "  held (damped) at 20" in done.stdout
    assert "not moved to dma-main.example.test.: penalty 4.6, until 2026-03-01T09:40:00.000Z" in done.stdout
    assert "for its switches" not in done.stdout
    assert "  penalty 0.0 for its switches" in here.run("status").stdout


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90.0), ("30m", 1800.0), ("2h", 7200.0), ("1d", 86_400.0)]
)
def test_a_time_has_a_unit(text: str, seconds: float) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "90", "h", "0s", "-1h", "1.5h", "2w", "2 h", "999999d", "٣h"])
def test_what_is_no_time_says_what_one_looks_like(text: str) -> None:
    with pytest.raises(TimeError, match="write one such as 90s, 30m, 2h or 1d"):
        duration_s(text)
