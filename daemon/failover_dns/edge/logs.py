"""The daemon's log: one canonical line for each walk that did something, one for each thing that changed.

A state that lasts is told once, when it begins, and again when it ends; the log of a quiet night is quiet.
Where standard error is systemd's journal, lines become its entries, with a priority and a field for each value.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import structlog

from failover_dns.conduct.walk import Wake, Walk
from failover_dns.core.changelog import Cause, Converged
from failover_dns.core.decide import Hold, Move, Reason
from failover_dns.core.errors import FailoverDnsError
from failover_dns.core.model import Change
from failover_dns.core.moment import rfc3339
from failover_dns.core.outcome import Outcome, Verdict
from failover_dns.core.returns import registrant
from failover_dns.effects.journal import Journal, is_stream

EVENTS = {
    Cause.SWITCH: "vip_moved",
    Cause.DRIFT: "drift_repaired",
    Cause.START: "dns_brought_in_order",
    Cause.WITHDRAWAL: "decision_withdrawn",
}

STDERR = 2
"""Standard error's descriptor, whatever stands in for `sys.stderr`."""

PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
"""syslog's numbers for ours, as the journal wants them."""

QUIET = frozenset({Reason.SETTLING, Reason.SWITCHING})
"""Reasons to hold that are part of every switch."""

Logger = structlog.typing.FilteringBoundLogger
EventDict = structlog.typing.EventDict


def configure(*, level: str, form: str) -> Logger:
    """Set the process's log up, on standard error, and return it."""
    if form == "auto" and is_stream(os.environ.get("JOURNAL_STREAM"), STDERR):
        return _configure(level, [entry], lambda *_: JournalLogger(Journal()))
    render: structlog.typing.Processor
    if form == "console":
        render = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    else:
        render = structlog.processors.JSONRenderer()
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    return _configure(level, [stamp, _heading_first, render], lambda *_: LinesLogger())


def _configure(
    level: str, processors: list[structlog.typing.Processor], factory: Callable[..., Any]
) -> Logger:
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.format_exc_info, *processors],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=factory,
    )
    logger: Logger = structlog.get_logger()
    return logger


class LinesLogger:
    """What structlog hands each line to: standard error. What it does not take is counted, and stops nothing."""

    def __init__(self, descriptor: int = STDERR) -> None:
        self._descriptor = descriptor
        self._lost = 0

    def info(self, line: str) -> None:
        """Write one line, after one that says how many were lost before it."""
        lines = [line]
        if self._lost:  # the last of them may have been written in part
            lines = ["", json.dumps({"level": "error", "event": "log_lines_lost", "lines": self._lost}), line]
        rest = "".join(f"{each}{os.linesep}" for each in lines).encode(errors="backslashreplace")
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            self._lost += 1
        else:
            self._lost = 0

    debug = warning = error = critical = info


class Entries(Protocol):
    """Where entries are written (`effects.journal`)."""

    def send(self, fields: Mapping[str, str]) -> bool:
        """Write one entry; return whether it is written."""
        ...


class JournalLogger:
    """What structlog hands each entry to; one that the journal does not take goes to standard error."""

    def __init__(self, journal: Entries) -> None:
        self._journal = journal

    def info(self, **fields: str) -> None:
        """Write one entry; its priority is among its fields."""
        if not self._journal.send(fields):
            sys.stderr.write(f"<{fields['PRIORITY']}>{fields['MESSAGE']}\n")

    debug = warning = error = critical = info


def entry(_logger: object, _method: str, event: EventDict) -> Mapping[str, str]:
    """Return the journal's fields: the event in words, and each value by its name in capitals."""
    level, name = event.pop("level"), event.pop("event")
    values = {field: _text(value) for field, value in event.items()}
    said = " ".join([name, *(f"{field}={value}" for field, value in values.items())])
    return {
        "MESSAGE": said,
        "PRIORITY": str(PRIORITIES[level]),
        "SYSLOG_IDENTIFIER": "failover-dns",
        "EVENT": name,
        **{field.upper(): value for field, value in values.items()},
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _heading_first(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Put what every line has before what only some have, for the eyes that read them."""
    heading = {name: event.pop(name) for name in ("timestamp", "level", "event")}
    return {**heading, **event}


class Teller:
    """Tells of walks; knows what it told last of each pair, so that it says a thing once."""

    def __init__(self, log: Logger) -> None:
        self._log = log
        self._told: dict[tuple[str, str], Any] = {}

    def __call__(self, walk: Walk, wake: Wake) -> None:
        """Tell of one walk."""
        self._told.pop((walk.pair, "defect"), None)
        self._roles(walk)
        self._decision(walk)
        self._frozen(walk)
        self._elsewhere(walk)
        self._trouble(walk)
        if walk.outcomes:
            self._changes(walk, wake)

    def failed(self, pair: str, error: Exception, *, again_in_s: float) -> None:
        """Tell of a walk that ended by a defect of ours, with its traceback if it is not the one told last."""
        fields = {"pair": pair, "why": repr(error), "again_in_s": round(again_in_s, 3)}
        cure = "report it with these lines; the pair is tried again, and the others go on"
        known = not self._new(pair, "defect", repr(error))
        self._log.critical("pair_failed", **fields, cure=cure, exc_info=None if known else error)

    def unrenewed(self, error: FailoverDnsError) -> None:
        """Tell of a security context that grows old: it serves on for a while."""
        self._log.warning("context_not_renewed", what=error.what, cure=error.cure)

    def converged(self, line: Converged) -> None:
        """Tell when the servers of a zone showed a change, and which of them did not."""
        fields = {"pair": line.pair, "zone": line.zone, "intent": line.intent}
        late = [f"{server.server}: {server.problem}" for server in line.servers if server.delay_ms is None]
        if late:
            cure = "look at its zone transfers; until it catches up it gives the old answer"
            self._log.warning("secondary_lags", **fields, servers=late, cure=cure)
        else:
            slowest = max((server.delay_ms or 0.0 for server in line.servers), default=None)
            self._log.info("converged", **fields, slowest_ms=slowest, forgotten_at=line.forgotten_at)

    def _roles(self, walk: Walk) -> None:
        for agent, seen in walk.seen.items():
            if self._new(walk.pair, f"role {agent}", (seen.role, seen.source)):
                self._log.info(
                    "role_seen",
                    pair=walk.pair,
                    agent=agent,
                    role=seen.role,
                    source=seen.source,
                    reason=seen.reason,
                )

    def _decision(self, walk: Walk) -> None:
        match walk.decision:
            case Move(to=to, reason=reason):
                if self._new(walk.pair, "decision", (to, reason)):
                    tell = self._log.warning if reason.alerts else self._log.info
                    tell("agent_online", pair=walk.pair, online=to, reason=reason)
            case Hold(reason=reason, agents=agents):
                if self._new(walk.pair, "decision", (agents, reason)):
                    tell = self._log.info if reason in QUIET else self._log.warning
                    tell("pair_held", pair=walk.pair, reason=reason, agents=agents, **_superseded(walk))

    def _frozen(self, walk: Walk) -> None:
        freeze = walk.frozen
        if self._new(walk.pair, "frozen", freeze) and freeze is not None:
            until = None if freeze.until_s is None else rfc3339(freeze.until_s)
            self._log.warning("pair_frozen", pair=walk.pair, by=freeze.by, reason=freeze.reason, until=until)
        wanted = [text for change in walk.plan.changes for text in describe(change)] if walk.plan else []
        if freeze is not None and self._new(walk.pair, "withheld", wanted) and wanted:
            cure = "failover-dns thaw ends the freeze"
            self._log.warning("change_not_carried_out", pair=walk.pair, changes=wanted, cure=cure)

    def _elsewhere(self, walk: Walk) -> None:
        if self._new(walk.pair, "elsewhere", walk.elsewhere):
            for zone, fence in walk.elsewhere.items():
                here = walk.view.servers[zone] if walk.view else None
                cure = "name the same server first in `primaries` of every daemon: only one server can order them"
                fields = {"by": fence.writer, "there": fence.at, "here": here, "cure": cure}
                self._log.warning("decided_at_another_server", pair=walk.pair, zone=zone, **fields)

    def _trouble(self, walk: Walk) -> None:
        refusals = tuple((r.reason, r.what, r.cure) for r in walk.refusals)
        if self._new(walk.pair, "refusals", refusals):
            for reason, what, cure in refusals:
                self._log.error("change_withheld", pair=walk.pair, reason=reason, what=what, cure=cure)
        problems = tuple((p.what, p.cure) for p in walk.problems)
        if self._new(walk.pair, "problems", problems):
            for what, cure in problems:
                self._log.error("walk_hindered", pair=walk.pair, what=what, cure=cure)
        if self._new(walk.pair, "returning", walk.returning) and walk.returning:
            self._log.error(
                "record_keeps_returning",
                pair=walk.pair,
                records=[str(record) for record in walk.returning],
                hosts=sorted({registrant(record) for record in walk.returning}),
                again_in_s=walk.again_in_s,
                cure="stop these hosts from registering it: clear 'Register this connection's addresses in DNS'",
            )
        foreign = tuple(str(record) for record in walk.plan.foreign) if walk.plan else ()
        if walk.plan and self._new(walk.pair, "foreign", foreign) and foreign:
            self._log.warning(
                "foreign_pointer",
                pair=walk.pair,
                records=foreign,
                cure="remove them by hand if they are stale: only configured names are touched",
            )

    def _changes(self, walk: Walk, wake: Wake) -> None:
        failed = {zone: o for zone, o in walk.outcomes.items() if o.verdict is not Verdict.APPLIED}
        if failed and walk.in_order:
            self._log.info("done_by_another", pair=walk.pair, zones=list(failed), wake=wake.why)
            return
        fields: dict[str, Any] = {
            "pair": walk.pair,
            "online": walk.plan.online if walk.plan else None,
            "wake": wake.why,
            "zones": {zone: outcome.verdict for zone, outcome in walk.outcomes.items()},
            "changes": [text for change in walk.made for text in describe(change)],
        }
        if failed and self._new(walk.pair, "failed", _gist(failed)):
            self._log.error("change_failed", **fields, why=_gist(failed), again_in_s=walk.again_in_s)
        elif not failed:
            self._told.pop((walk.pair, "failed"), None)
            self._log.info(EVENTS[walk.cause or Cause.START], **fields)

    def _new(self, pair: str, topic: str, state: Any) -> bool:
        before = self._told.get((pair, topic))
        self._told[pair, topic] = state
        return bool(before != state)


def _superseded(walk: Walk) -> dict[str, Any]:
    """Return who decided later, where that is why a pair is held."""
    if not isinstance(walk.decision, Hold) or walk.decision.reason is not Reason.SUPERSEDED or not walk.fence:
        return {}
    fence = walk.fence
    return {"by": fence.writer, "epoch": fence.epoch, "decided": rfc3339(fence.time_s)}


def describe(change: Change) -> list[str]:
    """Return the change as `-record` and `+record`, for people."""
    return [f"-{record}" for record in change.removes] + [f"+{record}" for record in change.adds]


def _gist(failed: Mapping[str, Outcome]) -> list[str]:
    return [
        f"{zone} {outcome.verdict}: {outcome.what}" + (f"; {outcome.cure}" if outcome.cure else "")
        for zone, outcome in failed.items()
    ]
