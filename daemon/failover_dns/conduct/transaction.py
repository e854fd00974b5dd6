"""Carrying out a plan: every change is written before it is made, and believed only when it was read back.

The intents of all zones are on the disk before the first update is sent. Each zone is then driven to its own
end: send, judge the answer, read back, write the outcome. An intent that stays open, through a crash or a
full disk, is closed by reading DNS before anything else is done for its pair.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from failover_dns.conduct.walk import Why
from failover_dns.conduct.zone import Sitting, Zone
from failover_dns.core.changelog import Cause, Claimed, Converged, Entry, Intent, Result
from failover_dns.core.decide import Reason
from failover_dns.core.errors import FailoverDnsError
from failover_dns.core.model import Change, Instant, Plan, Records
from failover_dns.core.moment import rfc3339
from failover_dns.core.outcome import Answer, Outcome, Said, Verdict, conclude, recovered
from failover_dns.core.plan import before

LOCK_S = 10.0
"""How long a transaction waits for another process that works on the same state directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Why a plan is carried out, for the change log."""

    why: Why
    at: Instant
    cause: Cause
    reason: Reason
    fence: str = ""
    claims: tuple[Claimed, ...] = ()


NOT_YET = Answer(
    said=Said.UNSENT,
    what="not sent: the address was not added in the other agent's zone, and nobody would have it",
    cure="see that zone's outcome",
)


class Log(Protocol):
    """The change log (`effects.changelog`)."""

    async def append(self, *entries: Entry) -> tuple[int, ...]:
        """Return the sequence numbers once the entries are on the disk; JournalError if they cannot be."""
        ...


class Follow(Protocol):
    """Asks a zone's servers until they show a change (`conduct.converge`)."""

    async def __call__(self, seq: int, intent: Intent, sitting: Sitting, *, since: Instant) -> Converged:
        """Return when each server showed it."""
        ...


class Lock(Protocol):
    """The state directory's lock (`effects.lock`)."""

    def held(self, *, deadline_s: float) -> AbstractAsyncContextManager[None]:
        """Hold it against other processes."""
        ...


class Transactions:
    """Writes, sends, reads back and writes again; keeps the intents that have no outcome yet."""

    def __init__(  # noqa: PLR0913 - the outside things of the project's one writing path
        self,
        log: Log,
        lock: Lock,
        *,
        clock: Callable[[], Instant],
        writer: str,
        open_intents: Iterable[tuple[int, Intent]] = (),
        follow: Callable[[str], Follow] | None = None,
        tell: Callable[[Converged], None] = lambda _: None,
        names: Callable[[], str] = lambda: os.urandom(6).hex(),
    ) -> None:
        self._log = log
        self._lock = lock
        self._clock = clock
        self._writer = writer
        self._open = dict(open_intents)
        self._in_flight: set[int] = set()
        self._follow = follow
        self._tell = tell
        self._names = names
        self._notes: set[asyncio.Task[None]] = set()
        self._following: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._flights: set[asyncio.Task[None]] = set()

    async def launch(
        self, plan: Plan, sittings: Mapping[str, Sitting], story: Story
    ) -> Mapping[str, asyncio.Task[Outcome]]:
        """Write the intents down and send each zone its change; return, by zone, who brings the outcome.

        Raises JournalError or LockBusyError before anything is sent. A task raises JournalError if its outcome
        cannot be written: the intent then stays open.
        """
        launched: asyncio.Future[Mapping[str, asyncio.Task[Outcome]]] = asyncio.Future()
        flight = asyncio.create_task(self._fly(plan, sittings, story, launched))
        self._flights.add(flight)
        flight.add_done_callback(self._flights.discard)
        try:
            return await launched
        except asyncio.CancelledError:
            flight.cancel()
            raise

    async def _fly(
        self,
        plan: Plan,
        sittings: Mapping[str, Sitting],
        story: Story,
        launched: asyncio.Future[Mapping[str, asyncio.Task[Outcome]]],
    ) -> None:
        """Hold the lock from the intents to the last outcome, whoever waits for them."""
        try:
            async with self._lock.held(deadline_s=LOCK_S):
                opened = await self._journal(plan, sittings, story)
                tasks: dict[str, asyncio.Task[Outcome]] = {}
                # Those that wait for nobody come first: the others are handed their tasks.
                for seq, intent in sorted(opened.items(), key=lambda item: _waits(item[1], plan)):
                    first = [tasks[zone] for zone in sorted(before(intent.change, plan.changes))]
                    driven = self._drive(seq, intent, sittings[intent.zone], story, first)
                    tasks[intent.zone] = asyncio.create_task(driven)
                launched.set_result(tasks)
                await asyncio.wait(tasks.values())
        except Exception as error:  # whatever it is, somebody waits to hear of it
            if launched.done():
                raise
            launched.set_exception(error)

    async def _journal(
        self, plan: Plan, sittings: Mapping[str, Sitting], story: Story
    ) -> Mapping[int, Intent]:
        transaction = self._names()
        intents = [
            self._intent(plan, change, sittings[change.zone], story, transaction) for change in plan.changes
        ]
        opened = dict(zip(await self._log.append(*intents), intents, strict=True))
        self._open.update(opened)
        self._in_flight.update(opened)
        return opened

    async def recover(
        self, pair: str, zones: Mapping[str, Zone], *, skip: Collection[str] = ()
    ) -> Mapping[str, FailoverDnsError]:
        """Close the pair's open intents by reading DNS; return, by zone, why those that stay open do.

        Zones in `skip` are not asked.
        """
        problems: dict[str, FailoverDnsError] = {}
        for seq, intent in self._left_open(pair).items():
            if intent.zone in skip:
                continue
            try:
                await self._recover(seq, intent, zones.get(intent.zone))
            except FailoverDnsError as error:
                problems[intent.zone] = error
        return problems

    @property
    def under_way(self) -> int:
        """How many intents have no outcome yet."""
        return len(self._open)

    @property
    def followed(self) -> int:
        """How many zones' servers are being asked if they show a change."""
        return sum(not task.done() for task in self._following.values())

    def left_open(self, pair: str) -> frozenset[str]:
        """Return the zones where an intent of the pair has no outcome and nobody is about to bring it."""
        return frozenset(intent.zone for intent in self._left_open(pair).values())

    def _left_open(self, pair: str) -> Mapping[int, Intent]:
        left = self._open.keys() - self._in_flight
        return {seq: self._open[seq] for seq in sorted(left) if self._open[seq].pair == pair}

    def note(self, *entries: Entry) -> None:
        """Have lines written that no change depends on, off the switch's path."""
        if entries:
            task = asyncio.create_task(self._write(*entries))
            self._notes.add(task)
            task.add_done_callback(self._notes.discard)

    async def abandon(self, pairs: Iterable[str]) -> None:
        """Close the open intents of pairs that are not configured any more: nobody can read them back."""
        known = set(pairs)
        for seq, intent in list(self._open.items()):
            if intent.pair not in known:
                await self._recover(seq, intent, None)

    async def close(self) -> None:
        """Let go of the servers that are still being followed: what they show later is told of by nobody."""
        if self._notes:
            await asyncio.wait(self._notes)
        following = [task for task in self._following.values() if not task.done()]
        for task in following:
            task.cancel()
        if following:
            await asyncio.wait(following)

    async def _drive(
        self, seq: int, intent: Intent, sitting: Sitting, story: Story, first: Sequence[asyncio.Task[Outcome]]
    ) -> Outcome:
        try:
            added = [(await task).verdict is Verdict.APPLIED for task in first]
            answer = await sitting.send(intent.change) if all(added) else NOT_YET
            outcome = conclude(intent.change, answer, await _read_back(sitting, intent.change, answer))
            await self._close(seq, intent, outcome, since=story.at)
        finally:
            self._in_flight.discard(seq)
        if outcome.verdict is Verdict.APPLIED:
            self._watch(seq, intent, sitting, story.at)
        return outcome

    def _watch(self, seq: int, intent: Intent, sitting: Sitting, since: Instant) -> None:
        """Watch the zone's servers converge, in the background; a newer change of the same pair replaces it."""
        if self._follow is None:
            return
        follow = self._follow(intent.zone)
        of = (intent.pair, intent.zone)
        before = self._following.get(of)
        if before is not None:
            before.cancel()
        self._following[of] = asyncio.create_task(self._converge(follow, seq, intent, sitting, since))

    async def _converge(
        self, follow: Follow, seq: int, intent: Intent, sitting: Sitting, since: Instant
    ) -> None:
        line = await follow(seq, intent, sitting, since=since)
        self._tell(line)
        await self._write(line)

    async def _write(self, *entries: Entry) -> None:
        """Write what no change depends on; a log that cannot be written is told of by the walks."""
        with contextlib.suppress(FailoverDnsError):
            async with self._lock.held(deadline_s=LOCK_S):
                await self._log.append(*entries)

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
            fence=story.fence,
            claims=story.claims,
            zone=change.zone,
            primary=str(sitting.primary),
            key=sitting.signer.name,
            change=change,
        )


def _waits(intent: Intent, plan: Plan) -> bool:
    return bool(before(intent.change, plan.changes))


async def _read_back(sitting: Sitting, change: Change, answer: Answer) -> Records | None:
    """Return the change's RRsets as the primary has them; None if they cannot be read.

    Where the answer and the records disagree, one of them is from a cache or an older copy (PowerDNS shows what
    it had before for a while). Prerequisites look past both.
    """
    with contextlib.suppress(FailoverDnsError):
        found = await sitting.read(change.keys)
        if change.holds(found) is (answer.said is Said.DONE):
            return found
        return await _sworn(sitting, change, found)
    return None


async def _sworn(sitting: Sitting, change: Change, found: Records) -> Records | None:
    """Return what the primary swears to: the records after the change, or those that were found."""
    after = await sitting.prove(change.after)
    if change.holds(found):
        return None if after.said is Said.LOST_RACE else found
    before = await sitting.prove(change.before)
    if after.said is Said.DONE and before.said is Said.LOST_RACE:
        return {rrset.key: rrset for rrset in change.after}
    return found


def _touched(change: Change, after: Records | None) -> Records | None:
    return None if after is None else {key: after[key] for key in change.keys}


def _forgotten_at(change: Change, outcome: Outcome, now: Instant) -> str | None:
    """Say when the last cache forgets the old answer: its TTL after the primary gave up serving it."""
    ttls = [rrset.ttl_s for rrset in change.touched if rrset.values]
    if outcome.verdict is not Verdict.APPLIED or not ttls:
        return None
    return rfc3339(now.wall_s + max(ttls))
