"""An update's answer and the records read back after it become an outcome: applied, refused or unknown.

NOERROR is not proof and an error or silence is no disproof: what was read back from the primary decides.

    read back             answer                          verdict    next
    shows the change      any                             applied    nothing
    failed                any                             unknown    retry
    as it was before      DONE                            refused    operator: the server ignored it
    as it was before      SILENT, UNVERIFIED              unknown    retry: it may still arrive
    neither               DONE, SILENT, UNVERIFIED        unknown    plan again: somebody wrote in between
    does not show it      LOST_RACE                       refused    plan again
    does not show it      DENIED                          refused    operator
    does not show it      FAILED, UNSENT                  refused    retry
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from failover_dns.core.model import Change, Records


class Said(StrEnum):
    """What an answer to an update says, before anything is believed."""

    DONE = "done"
    LOST_RACE = "lost_race"
    DENIED = "denied"
    FAILED = "failed"
    UNVERIFIED = "unverified"
    SILENT = "silent"
    UNSENT = "unsent"


class Verdict(StrEnum):
    """What became of an update."""

    APPLIED = "applied"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Next(StrEnum):
    """What follows an outcome."""

    NOTHING = "nothing"
    REPLAN = "replan"
    RETRY = "retry"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer judged alone: its kind, the rcode as text if there was one, what it means and the cure."""

    said: Said
    rcode: str | None = None
    what: str = ""
    cure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one change; `after` is what was read back, None if reading failed."""

    verdict: Verdict
    next: Next
    answer: Answer
    after: Records | None = None
    what: str = ""
    cure: str = ""


IGNORED = "the primary answered NOERROR and did not make the change"
IGNORED_CURE = "look for a CNAME at the name, a zone of another view, or a secondary that forwards updates"
NOT_DONE = "closed by reading DNS: the change was not made"
OVERWRITTEN = "the records changed again before they were read back"
OVERWRITTEN_CURE = "if that goes on, look for another writer at these names"
UNREAD = "what became of the update could not be read back"
UNREAD_CURE = "it is read again by itself; if that goes on, see the primary's own log"

_FIRM = {
    Said.LOST_RACE: (Verdict.REFUSED, Next.REPLAN),
    Said.DENIED: (Verdict.REFUSED, Next.OPERATOR),
    Said.FAILED: (Verdict.REFUSED, Next.RETRY),
    Said.UNSENT: (Verdict.REFUSED, Next.RETRY),
}
"""Answers that say by themselves that nothing was done; the others leave it open."""


def conclude(change: Change, answer: Answer, after: Records | None) -> Outcome:
    """Return the outcome of `change`; `after` holds its keys as read back, or is None."""
    verdict, following, what, cure = _judge(change, answer, after)
    return Outcome(
        verdict=verdict,
        next=following,
        answer=answer,
        after=after,
        what=what or answer.what,
        cure=cure or answer.cure,
    )


def recovered(change: Change, after: Records) -> Outcome:
    """Return the outcome of a change whose answer nobody heard, as its records were read after a restart."""
    answer = Answer(said=Said.SILENT, what="closed by reading DNS: nobody heard the answer")
    if change.holds(after):
        verdict, following, what = Verdict.APPLIED, Next.NOTHING, answer.what
    else:
        verdict, following, what = Verdict.REFUSED, Next.REPLAN, NOT_DONE
    return Outcome(verdict=verdict, next=following, answer=answer, after=after, what=what)


def _judge(change: Change, answer: Answer, after: Records | None) -> tuple[Verdict, Next, str, str]:
    if after is None:
        what = f"{answer.what}; {UNREAD}" if answer.what else UNREAD
        return Verdict.UNKNOWN, Next.RETRY, what, answer.cure or UNREAD_CURE
    if change.holds(after):
        return Verdict.APPLIED, Next.NOTHING, "", ""
    if answer.said in _FIRM:
        return *_FIRM[answer.said], "", ""
    if not _untouched(change, after):
        return Verdict.UNKNOWN, Next.REPLAN, OVERWRITTEN, OVERWRITTEN_CURE
    if answer.said is Said.DONE:
        return Verdict.REFUSED, Next.OPERATOR, IGNORED, IGNORED_CURE
    return Verdict.UNKNOWN, Next.RETRY, "", ""


def _untouched(change: Change, after: Records) -> bool:
    return all(after[rrset.key].values == rrset.values for rrset in change.before if rrset.key in after)
