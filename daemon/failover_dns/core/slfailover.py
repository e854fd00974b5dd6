"""DataMiner's texts about a switch: the free text of FailoverStatus.txt and the lines of SLFailover.txt.

The log's lines are `yyyy/MM/dd HH:mm:ss.fff|process|method|type|level|thread|text`, and of those only
the ones whose text begins with `Failover Status =>` count; the last of them holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import tzinfo

from failover_dns.core.dms import local_time_s, read_state
from failover_dns.core.model import Instant, Observation
from failover_dns.core.roles import Reading, decode, unknown
from failover_dns.core.sources import MAX_BYTES, Glance

FIELDS = 7
_STATUS = re.compile(r"\s*Failover Status\s*=>(?P<state>.*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSource:
    """An agent's own FailoverStatus.txt or SLFailover.txt; `zone` is the log's, None for this host's."""

    path: str
    agent: str
    zone: tzinfo | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """What reading on in a log brought: whole lines, or a problem.

    With `anew` they do not follow on what was read before: the log was opened, cut or replaced, or so much
    was appended that a part of it was left out.
    """

    content: bytes = b""
    anew: bool = False
    problem: str | None = None


def observe_failover_status(source: TextSource, glance: Glance, *, now: Instant) -> Observation:
    """Return the agent's observation from FailoverStatus.txt."""
    return _observation(source, f"status {source.path}", _read_status(glance), now)


def observe_failover_log(
    source: TextSource, appended: Appended, last: Reading | None, *, now: Instant
) -> tuple[Observation, Reading | None]:
    """Return the agent's observation from SLFailover.txt, and the reading to hand in the next time."""
    name = f"log {source.path}"
    if appended.problem is not None:
        return _observation(source, name, unknown(appended.problem), now), last
    found = read_failover_log(appended.content, source.zone) or (None if appended.anew else last)
    said = found or unknown("no Failover Status stands in what was read of it")
    return _observation(source, name, said, now), found


def read_failover_log(lines: bytes, zone: tzinfo | None = None) -> Reading | None:
    """Return what the last of `lines` that tells a Failover status says; None if none does."""
    for line in reversed(lines.decode("utf-8", "replace").splitlines()):
        fields = line.split("|", FIELDS - 1)
        if len(fields) == FIELDS and (found := _STATUS.fullmatch(fields[-1])):
            return replace(read_state(found["state"]), since_s=local_time_s(fields[0].lstrip("\ufeff"), zone))
    return None


def _read_status(glance: Glance) -> Reading:
    if glance.problem is not None:
        return unknown(glance.problem)
    if len(glance.content) > MAX_BYTES:
        return unknown(f"it is larger than {MAX_BYTES // 1024} KiB")
    text = decode(glance.content)
    return unknown("it is not text in UTF-8 or UTF-16") if text is None else read_state(text)


def _observation(source: TextSource, name: str, reading: Reading, now: Instant) -> Observation:
    return Observation(
        agent=source.agent,
        role=reading.role,
        read=now,
        source=name,
        reason=reading.reason,
        since_s=reading.since_s,
    )
