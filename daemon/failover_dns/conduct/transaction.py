"""Carrying out a plan: every change is written before it is made, and believed only when it was read back.

The intents of all zones are on the disk before the first update is sent. Each zone is then driven to its own
end: send, judge the answer, read back, write the outcome. An intent that stays open, through a crash or a
full disk, is closed by reading DNS before anything else is done for its pair.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from failover_dns.conduct.walk import Why
from failover_dns.conduct.zone import Sitting, Zone
from failover_dns.core.changelog import Cause, Entry, Intent, Result, rfc3339
from failover_dns.core.decide import Reason
from failover_dns.core.errors import FailoverDnsError
from failover_dns.core.model import Change, Instant, Plan, Records
from failover_dns.core.outcome import Answer, Outcome, Said, Verdict, conclude, recovered

LOCK_S = 10.0
"""How long a transaction waits for another process that works on the same state directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Why a plan is carried out, for the change log."""

    why: Why
    at: Instant
    cause: Cause
    reason: Reason


class Log(Protocol):
    """The change log (`effects.changelog`)."""

    async def append(self, *entries: Entry) -> tuple[int, ...]:
        """Return the sequence numbers once the entries are on the disk; JournalError if they cannot be."""
        ...


class Lock(Protocol):
    """The state directory's lock (`effects.lock`)."""

    def held(self, *, deadline_s: float) -> AbstractAsyncContextManager[None]:
        """Hold it against other processes."""
        ...


class Transactions:
    """Writes, sends, reads back and writes again; keeps the intents that have no outcome yet."""

    def __init__(
        self,
        log: Log,
        lock: Lock,
        *,
        clock: Callable[[], Instant],
        writer: str,
        open_intents: Iterable[tuple[int, Intent]] = (),
    ) -> None:
        self._log = log
        self._lock = lock
        self._clock = clock
        self._writer = writer
        self._open = dict(open_intents)

    async def carry_out(
        self, plan: Plan, sittings: Mapping[str, Sitting], story: Story
    ) -> Mapping[str, Outcome]:
        """Return each zone's outcome.

        Raises JournalError before anything is sent if the intents cannot be written; if an outcome cannot be,
        it raises too, and the intent stays open.
        """
        transaction = os.urandom(6).hex()
        intents = [
            self._intent(plan, change, sittings[change.zone], story, transaction) for change in plan.changes
        ]
        async with self._lock.held(deadline_s=LOCK_S):
            opened = dict(zip(await self._log.append(*intents), intents, strict=True))
            self._open.update(opened)
            driven = await asyncio.gather(
                *(self._drive(seq, intent, sittings[intent.zone], story) for seq, intent in opened.items()),
                return_exceptions=True,
            )
        outcomes: dict[str, Outcome] = {}
        for change, outcome in zip(plan.changes, driven, strict=True):
            if isinstance(outcome, BaseException):
                raise outcome
            outcomes[change.zone] = outcome
        return outcomes

    async def recover(self, pair: str, zones: Mapping[str, Zone]) -> tuple[FailoverDnsError, ...]:
        """Close the pair's open intents by reading DNS; return why those that stay open do."""
        mine = {seq: intent for seq, intent in self._open.items() if intent.pair == pair}
        problems = []
        for seq, intent in mine.items():
            try:
                await self._recover(seq, intent, zones.get(intent.zone))
            except FailoverDnsError as error:
                problems.append(error)
        return tuple(problems)

    async def abandon(self, pairs: Iterable[str]) -> None:
        """Close the open intents of pairs that are not configured any more: nobody can read them back."""
        known = set(pairs)
        for seq, intent in list(self._open.items()):
            if intent.pair not in known:
                await self._recover(seq, intent, None)

    async def _drive(self, seq: int, intent: Intent, sitting: Sitting, story: Story) -> Outcome:
        answer = await sitting.send(intent.change)
        outcome = conclude(intent.change, answer, await _read_back(sitting, intent.change, answer))
        await self._close(seq, intent, outcome, since=story.at)
        return outcome

    async def _recover(self, seq: int, intent: Intent, zone: Zone | None) -> None:
        if zone is None:
            gone = Answer(
                said=Said.SILENT, what="its pair or zone is no longer configured", cure="look by hand"
            )
            outcome = conclude(intent.change, gone, None)
        else:
            _, after = await zone.read(intent.change.keys)
            outcome = recovered(intent.change, after)
        async with self._lock.held(deadline_s=LOCK_S):
            await self._close(seq, intent, outcome, since=None)

    async def _close(self, seq: int, intent: Intent, outcome: Outcome, *, since: Instant | None) -> None:
        now = self._clock()
        await self._log.append(
            Result(
                pair=intent.pair,
                transaction=intent.transaction,
                zone=intent.zone,
                intent=seq,
                verdict=outcome.verdict,
                said=outcome.answer.said,
                rcode=outcome.answer.rcode,
                what=outcome.what,
                cure=outcome.cure,
                after=_touched(intent.change, outcome.after),
                took_ms=None if since is None else round((now.mono_s - since.mono_s) * 1000, 3),
                recovered=since is None,
                forgotten_at=_forgotten_at(intent.change, outcome, now),
            )
        )
        del self._open[seq]

    def _intent(self, plan: Plan, change: Change, sitting: Sitting, story: Story, transaction: str) -> Intent:
        return Intent(
            pair=plan.pair,
            transaction=transaction,
            cause=story.cause,
            wake=story.why,
            reason=story.reason,
            online=plan.online,
            writer=self._writer,
            zone=change.zone,
            primary=str(sitting.primary),
            key=sitting.key.name.to_text(),
            change=change,
        )


async def _read_back(sitting: Sitting, change: Change, answer: Answer) -> Records | None:
    """Return the change's RRsets as the primary has them; None if they cannot be read.

    A server that reads from a cache may show what it had before (PowerDNS): prerequisites look past it.
    """
    with contextlib.suppress(FailoverDnsError):
        found = await sitting.read(change.keys)
        if answer.said is Said.DONE and not change.holds(found) and await _proved(sitting, change):
            return {rrset.key: rrset for rrset in change.after}
        return found
    return None


async def _proved(sitting: Sitting, change: Change) -> bool:
    """Whether the primary swears to the records after the change and denies those before it."""
    after, before = await sitting.prove(change.after), await sitting.prove(change.before)
    return after.said is Said.DONE and before.said is Said.LOST_RACE


def _touched(change: Change, after: Records | None) -> Records | None:
    return None if after is None else {key: after[key] for key in change.keys}


def _forgotten_at(change: Change, outcome: Outcome, now: Instant) -> str | None:
    """Say when the last cache forgets the old answer: its TTL after the primary gave up serving it."""
    ttls = [rrset.ttl_s for rrset in change.before if rrset.values]
    if outcome.verdict is not Verdict.APPLIED or not ttls:
        return None
    return rfc3339(now.wall_s + max(ttls))
