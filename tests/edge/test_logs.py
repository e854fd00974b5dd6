"""What the daemon tells of its walks: each thing once, in stable words, with what to do about it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address

import pytest
import structlog
from structlog.testing import LogCapture

from failover_dns.conduct.walk import Wake, Walk, Why
from failover_dns.core.changelog import Cause, Converged, Shown
from failover_dns.core.decide import Hold, Move, Reason
from failover_dns.core.errors import ReadError
from failover_dns.core.guard import Refusal, Refused
from failover_dns.core.model import Change, Instant, Key, Observation, Plan, Record, Role, RRset, Type
from failover_dns.core.outcome import Answer, Next, Outcome, Said, Verdict
from failover_dns.edge.logs import JournalLogger, LinesLogger, Teller, entry

NOW = Instant(mono_s=5.0, wall_s=1_772_323_200.0)
MAIN, BACKUP = "dma-main.example.test.", "dma-backup.example.test."
A = Key(MAIN, Type.A)
STALE = Record(A, ip_address("10.10.10.5"))
CHANGE = Change(
    zone="example.test.", before=(RRset(key=A, values=frozenset({STALE.value})),), removes=(STALE,)
)
APPLIED = Outcome(verdict=Verdict.APPLIED, next=Next.NOTHING, answer=Answer(said=Said.DONE))
REFUSED = Outcome(
    verdict=Verdict.REFUSED,
    next=Next.OPERATOR,
    answer=Answer(said=Said.DENIED, rcode="REFUSED"),
    what="the primary refuses this update",
    cure="grant the key",
)
WALK = Walk(
    pair="dma",
    seen={MAIN: Observation(agent=MAIN, role=Role.OFFLINE, read=NOW, source="file /x", reason="it says so")},
    decision=Move(to=BACKUP, reason=Reason.OTHER_OFFLINE),
    plan=Plan(pair="dma", online=BACKUP, changes=(CHANGE,)),
    cause=Cause.SWITCH,
    in_order=True,
)
WAKE = Wake(why=Why.SOURCE, at=NOW)


@pytest.fixture
def told() -> LogCapture:
    return LogCapture()


@pytest.fixture
def tell(told: LogCapture) -> Teller:
    return Teller(structlog.wrap_logger(None, processors=[told]))


def events(told: LogCapture) -> list[str]:
    return [str(entry["event"]) for entry in told.entries]


@pytest.mark.parametrize(
    ("cause", "event"),
    [(Cause.SWITCH, "vip_moved"), (Cause.DRIFT, "drift_repaired"), (Cause.START, "dns_brought_in_order")],
)
def test_a_change_is_told_by_what_caused_it(tell: Teller, told: LogCapture, cause: Cause, event: str) -> None:
    tell(replace(WALK, cause=cause, made=(CHANGE,), outcomes={"example.test.": APPLIED}), WAKE)
    last = told.entries[-1]
    assert (last["event"], last["zones"]) == (event, {"example.test.": "applied"})
    assert last["changes"] == [f"-{STALE}"]


def test_a_defect_is_told_aloud_with_its_traceback_once_and_again_after_a_walk_in_order(
    tell: Teller, told: LogCapture
) -> None:
    error = RuntimeError("a defect of ours")
    for again_in_s in (1.0, 2.0):
        tell.failed("dma", error, again_in_s=again_in_s)
    first, second = told.entries
    assert (first["event"], first["log_level"], first["pair"]) == ("pair_failed", "critical", "dma")
    assert (first["exc_info"], first["again_in_s"]) == (error, 1.0)
    assert (second["exc_info"], second["why"]) == (None, "RuntimeError('a defect of ours')")
    tell(WALK, WAKE)
    tell.failed("dma", error, again_in_s=1.0)
    assert told.entries[-1]["exc_info"] is error


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe that does not wait")
def test_lines_that_standard_error_does_not_take_are_lost_counted_and_stop_nothing() -> None:
    reader, writer = os.pipe2(os.O_NONBLOCK)
    log = LinesLogger(writer)
    try:
        log.info("first")
        assert os.read(reader, 100) == b"first\n"
        os.close(reader)
        log.info("lost")
        log.error("lost")
        reader, fresh = os.pipe2(os.O_NONBLOCK)
        os.dup2(fresh, writer)
        os.close(fresh)
        log.info("last")
        assert os.read(reader, 100) == b'\n{"level": "error", "event": "log_lines_lost", "lines": 2}\nlast\n'
    finally:
        os.close(reader)
        os.close(writer)


def test_a_quiet_walk_after_the_first_tells_nothing(tell: Teller, told: LogCapture) -> None:
    tell(WALK, WAKE)
    first = len(told.entries)
    tell(WALK, WAKE)
    assert (events(told)[:2], len(told.entries)) == (["role_seen", "agent_online"], first)


def test_a_failure_is_told_once_with_the_cure_and_again_when_it_changes(
    tell: Teller, told: LogCapture
) -> None:
    failed = replace(WALK, made=(CHANGE,), outcomes={"example.test.": REFUSED}, in_order=False)
    tell(failed, WAKE)
    tell(failed, WAKE)
    assert events(told).count("change_failed") == 1
    assert "grant the key" in told.entries[-1]["why"][0]
    unknown = replace(REFUSED, verdict=Verdict.UNKNOWN)
    tell(replace(failed, outcomes={"example.test.": unknown}), WAKE)
    assert events(told).count("change_failed") == 2


def test_what_another_writer_did_first_is_no_failure(tell: Teller, told: LogCapture) -> None:
    tell(replace(WALK, made=(CHANGE,), outcomes={"example.test.": REFUSED}), WAKE)
    assert events(told)[-1] == "done_by_another"


@pytest.mark.parametrize(("reason", "level"), [(Reason.SWITCHING, "info"), (Reason.BOTH_ONLINE, "warning")])
def test_a_hold_is_an_alert_unless_it_is_part_of_every_switch(
    tell: Teller, told: LogCapture, reason: Reason, level: str
) -> None:
    tell(replace(WALK, decision=Hold(reason=reason, agents=(MAIN,)), plan=None), WAKE)
    assert (told.entries[-1]["event"], told.entries[-1]["log_level"]) == ("pair_held", level)


def test_trouble_is_told_with_what_to_do(tell: Teller, told: LogCapture) -> None:
    refusal = Refusal(reason=Refused.LAST_ADDRESS, name=MAIN, what="it would be bare", cure="keep_physical")
    tell(
        replace(
            WALK,
            refusals=(refusal,),
            problems=(ReadError("no primary answers", "start it"),),
            returning=(STALE,),
            plan=replace(WALK.plan or Plan(pair="dma", online=MAIN), foreign=(STALE,)),
        ),
        WAKE,
    )
    by_event = {entry["event"]: entry for entry in told.entries}
    assert by_event["change_withheld"]["cure"] == "keep_physical"
    assert by_event["walk_hindered"]["cure"] == "start it"
    assert by_event["record_keeps_returning"]["hosts"] == [MAIN]
    assert by_event["foreign_pointer"]["records"] == (str(STALE),)


def test_servers_that_follow_are_told_of_and_one_that_lags_is_an_alert(
    tell: Teller, told: LogCapture
) -> None:
    line = Converged(
        pair="dma",
        transaction="5f0c3be1a9d2",
        zone="example.test.",
        intent=7,
        servers=(Shown(server="ns2#53", delay_ms=8.5),),
        forgotten_at=None,
    )
    tell.converged(line)
    tell.converged(replace(line, servers=(Shown(server="ns2#53", delay_ms=None, problem="no answer"),)))
    assert events(told) == ["converged", "secondary_lags"]
    assert told.entries[0]["slowest_ms"] == 8.5
    assert told.entries[1]["servers"] == ["ns2#53: no answer"]


class Journal:
    """Keeps its entries, if it takes them."""

    def __init__(self, *, takes: bool) -> None:
        self.entries: list[Mapping[str, str]] = []
        self._takes = takes

    def send(self, fields: Mapping[str, str]) -> bool:
        self.entries.append(fields)
        return self._takes


def journalled(journal: Journal) -> structlog.typing.FilteringBoundLogger:
    logger: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        JournalLogger(journal),
        processors=[structlog.processors.add_log_level, entry],
        wrapper_class=structlog.make_filtering_bound_logger(0),
    )
    return logger


def test_the_journal_has_a_priority_words_and_a_field_for_each_value() -> None:
    journal = Journal(takes=True)
    journalled(journal).warning("pair_held", pair="dma", reason=Reason.BOTH_ONLINE, agents=(MAIN, BACKUP))
    assert journal.entries == [
        {
            "MESSAGE": f'pair_held pair=dma reason=both_online agents=["{MAIN}", "{BACKUP}"]',
            "PRIORITY": "4",
            "SYSLOG_IDENTIFIER": "failover-dns",
            "EVENT": "pair_held",
            "PAIR": "dma",
            "REASON": "both_online",
            "AGENTS": f'["{MAIN}", "{BACKUP}"]',
        }
    ]


@pytest.mark.parametrize(
    ("level", "priority"),
    [("debug", "7"), ("info", "6"), ("warning", "4"), ("error", "3"), ("critical", "2")],
)
def test_each_level_has_syslogs_number(level: str, priority: str) -> None:
    journal = Journal(takes=True)
    getattr(journalled(journal), level)("ready")
    assert journal.entries[0]["PRIORITY"] == priority


def test_what_the_journal_does_not_take_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    journalled(Journal(takes=False)).error("change_failed", pair="dma")
    assert capsys.readouterr().err == "<3>change_failed pair=dma\n"
