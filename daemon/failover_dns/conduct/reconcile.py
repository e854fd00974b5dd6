"""The main path, for one pair: observe, decide, read, plan, guard, and have the plan carried out.

Start-up, a file event, a periodic look, the audit, a retry and a manual resync all walk it. What woke it says
only whether DNS must be read anew; otherwise what was read last serves as the prerequisite of the update.

A zone whose primary is slow is left in flight when something new wakes the pair: the other zones follow the
newer decision at once, and this one as soon as its outcome is known.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace

from failover_dns.conduct.backoff import OURSELVES, Backoff
from failover_dns.conduct.fencing import Insist
from failover_dns.conduct.propose import Proposer
from failover_dns.conduct.remembered import Remembered
from failover_dns.conduct.restraint import Restraint
from failover_dns.conduct.transaction import Story, Transactions
from failover_dns.conduct.view import Depth, View
from failover_dns.conduct.walk import Wake, Walk, Why
from failover_dns.core.changelog import Cause, Held, Peer
from failover_dns.core.decide import Decision, Hold, Memory, Move, Reason
from failover_dns.core.errors import FailoverDnsError, ReadError
from failover_dns.core.model import Change, Instant, Pair, Plan, Record
from failover_dns.core.moment import rfc3339
from failover_dns.core.outcome import Next, Outcome, Said, Verdict
from failover_dns.core.recall import claimed
from failover_dns.core.returns import Returns

MAX_PLANS = 4
"""How often one walk plans anew when the records changed under it; then it waits and starts over."""

DEPTHS = {
    Why.START: Depth.ANEW,
    Why.RESYNC: Depth.ANEW,
    Why.RETRY: Depth.ANEW,
    Why.NOTIFY: Depth.ANEW,
    Why.AUDIT: Depth.CHANGED,
}
"""How much is read anew, by what woke the path; whatever else did takes what is known."""


WITHDRAWING = frozenset({Why.AUDIT, Why.RESYNC})
"""When a decision may be withdrawn: not in the middle of a switch, whose other half comes by itself."""


@dataclass(frozen=True, slots=True)
class _Flight:
    """A change on its way, the agent it is for, and why it was sent."""

    change: Change
    online: str
    cause: Cause
    task: asyncio.Task[Outcome]


class Reconciler:
    """One pair's path, with what it remembers between walks. One walk at a time."""

    def __init__(  # noqa: PLR0913 - what a pair remembers between walks is given, so that tests can give it
        self,
        proposer: Proposer,
        transactions: Transactions,
        *,
        clock: Callable[[], Instant],
        rng: random.Random,
        last_online: str | None = None,
        returns: Returns | None = None,
        restraint: Restraint | None = None,
    ) -> None:
        self._proposer = proposer
        self._reader = proposer.reader
        self._transactions = transactions
        self._clock = clock
        self._backoff = Backoff(rng)
        self._last_online = last_online
        self._aim: tuple[str, Cause] | None = None
        self._flying: dict[str, _Flight] = {}
        self._returns = returns or Returns(limit=5, window_s=3600.0)
        self._restraint = restraint or Restraint(proposer.pair.name, clock=clock, published=last_online)
        self._told_hold: tuple[Reason, str] | None = None
        self._walking: Wake | None = None

    @property
    def pair(self) -> Pair:
        """The pair whose path this is."""
        return self._proposer.pair

    @property
    def remembered(self) -> Remembered:
        """What is to be handed on to whoever walks the pair's path next."""
        fencing = self._proposer.fencing
        return Remembered(
            memory=self._proposer.memory,
            known=fencing.newest if fencing else None,
            began=fencing.began if fencing else None,
            last_online=self._last_online,
            flaps=self._restraint.flaps,
            returns=self._returns,
        )

    @property
    def zones(self) -> frozenset[str]:
        """The zones that the pair's records lie in."""
        return self._reader.zones

    @property
    def walking(self) -> Wake | None:
        """What woke the walk that is under way, if one is."""
        return self._walking

    @property
    def penalty(self) -> float:
        """What the pair's switches count by now; 0 without damping."""
        return self._restraint.penalty

    @property
    def memory(self) -> Memory:
        """What the observations so far left behind."""
        return self._proposer.memory

    def insist(self, insist: Insist) -> None:
        """Insist in the next walk that an operator asks for; a pair without a fence has nothing to insist on."""
        if self._proposer.fencing is not None:
            self._proposer.fencing.ask(insist)

    async def walk(self, wake: Wake, *, hurry: asyncio.Event | None = None) -> Walk:
        """Walk the whole path; never raises for what a source, a network or a disk can do.

        When `hurry` is set the walk does not wait for the outcomes that are still missing.
        """
        self._walking = wake
        fencing = self._proposer.fencing
        try:
            with fencing.insisting() if fencing and wake.why is Why.RESYNC else nullcontext():
                return await self._walk(wake, hurry)
        finally:
            self._walking = None

    async def _walk(self, wake: Wake, hurry: asyncio.Event | None) -> Walk:
        walk = await self._proposer.decide(settled=wake.why is Why.RESYNC)
        stuck = await self._recover(wake)
        try:
            walk = await self._carry_out(walk, wake, hurry)
        except FailoverDnsError as error:
            return replace(walk, problems=(*stuck, error), again_in_s=self._start_over())
        self._backoff.succeed(OURSELVES)
        if walk.in_order and isinstance(walk.decision, Move):
            self._last_online, self._aim = walk.decision.to, None
            self._restraint.moved(walk.decision.to)
            self._told_hold = None
        return replace(walk, problems=(*stuck, *walk.problems), again_in_s=self._again_in_s(walk))

    async def _recover(self, wake: Wake) -> tuple[FailoverDnsError, ...]:
        """Close what an earlier life or a full disk left open; zones that cannot be read wait their turn."""
        now_s = self._clock().mono_s
        waiting = frozenset() if wake.why is Why.RESYNC else self._backoff.unreadable(now_s=now_s)
        stuck = await self._transactions.recover(self.pair.name, self._proposer.zones, skip=waiting)
        for zone, error in stuck.items():
            if isinstance(error, ReadError):
                self._backoff.fail(zone, None, now_s=now_s)
        return tuple(stuck.values())

    @property
    def in_flight(self) -> tuple[asyncio.Task[Outcome], ...]:
        """Who brings the outcomes that the last walk did not wait for."""
        return tuple(flight.task for flight in self._flying.values())

    async def _carry_out(self, walk: Walk, wake: Wake, hurry: asyncio.Event | None) -> Walk:
        walk = replace(self._collect(walk), frozen=self._restraint.frozen())
        for attempt in range(MAX_PLANS):
            depth = Depth.ANEW if attempt else DEPTHS.get(wake.why, Depth.KNOWN)
            planned, plan = await self._planned(replace(walk, outcomes={}, made=()), wake, depth)
            if walk.frozen is not None or (isinstance(planned.decision, Hold) and not plan.changes):
                return replace(planned, outcomes=walk.outcomes, made=walk.made, cause=walk.cause)
            earlier = frozenset(self._flying)
            story = self._story(planned.decision, wake)
            due, returning = self._due(plan, wake, story)
            await self._launch(due, planned.view, story)
            await self._wait(hurry, earlier)
            landed = self._collect(planned)
            self._forgive(plan)
            walk = replace(
                landed,
                plan=walk.plan or plan,
                outcomes={**walk.outcomes, **landed.outcomes},
                made=(*walk.made, *landed.made),
                cause=story.cause,
                returning=returning,
                in_order=not self._flying and _in_order(planned, plan, landed.outcomes),
            )
            replan = any(outcome.next is Next.REPLAN for outcome in landed.outcomes.values())
            if not replan and earlier.isdisjoint(landed.outcomes):
                break
        return walk

    async def _planned(self, walk: Walk, wake: Wake, depth: Depth) -> tuple[Walk, Plan]:
        """Return what is to be done: the decision's plan, a withdrawal, or an empty one if the pair holds."""
        nothing = Plan(pair=self.pair.name, online="")
        if isinstance(walk.decision, Hold):
            if walk.decision.reason is not Reason.NOBODY_ONLINE or wake.why not in WITHDRAWING:
                return walk, nothing
            return self._proposer.withdrawal(walk, await self._view(wake, depth))
        planned, plan = self._proposer.plan(walk, walk.decision, await self._view(wake, depth))
        self._follow_peers(planned, walk.decision)
        planned = self._restraint.damped(planned)
        if isinstance(planned.decision, Hold):
            return self._held(planned, planned.decision, walk.decision.to), nothing
        return planned, plan

    def _follow_peers(self, walk: Walk, decision: Move) -> None:
        """Note what another daemon decided, once."""
        fence = self._proposer.fencing.news() if self._proposer.fencing else None
        if fence is None:
            return
        if fence.online:
            self._last_online = self._last_online and fence.online
            self._restraint.moved(fence.online)
        line = Peer(
            pair=self.pair.name,
            epoch=fence.epoch,
            online=fence.online,
            writer=fence.writer,
            decided=rfc3339(fence.time_s),
            stands_for=decision.to if isinstance(walk.decision, Move) else "",
            agrees=fence.online in {"", decision.to},
        )
        self._transactions.note(line)

    def _held(self, walk: Walk, hold: Hold, to: str) -> Walk:
        """Note a hold that has begun, once; return the walk without a plan."""
        if (hold.reason, to) != self._told_hold:
            left_s = hold.again_in_s
            until = None if left_s is None else rfc3339(self._clock().wall_s + left_s)
            penalty = round(self._restraint.penalty, 3)
            line = Held(pair=self.pair.name, reason=hold.reason, to=to, penalty=penalty, until=until)
            self._transactions.note(line)
        self._told_hold = (hold.reason, to)
        return replace(walk, plan=None)

    def _story(self, decision: Decision, wake: Wake) -> Story:
        return Story(
            why=wake.why,
            at=wake.at,
            cause=self._cause(decision),
            reason=decision.reason,
            fence=self._proposer.fencing.under if self._proposer.fencing else "",
            claims=claimed(self._proposer.memory),
        )

    async def _launch(self, due: Plan, view: View | None, story: Story) -> None:
        """Send what is due."""
        if due.changes and view is not None:
            tasks = await self._transactions.launch(due, view.sittings, story)
            self._aim = self._aim if story.cause is Cause.WITHDRAWAL else (due.online, story.cause)
            flights = {
                change.zone: _Flight(change, due.online, story.cause, tasks[change.zone])
                for change in due.changes
            }
            self._flying |= flights

    async def _wait(self, hurry: asyncio.Event | None, earlier: Collection[str]) -> None:
        """Wait for what is in flight; what an earlier walk sent is planned anew as soon as it has landed."""
        called = asyncio.create_task((hurry or asyncio.Event()).wait())
        try:
            while not called.done():
                waiting = {zone: f.task for zone, f in self._flying.items() if not f.task.done()}
                if not waiting or any(self._flying[zone].task.done() for zone in earlier):
                    break
                await asyncio.wait({*waiting.values(), called}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            for flight in self._flying.values():
                flight.task.cancel()
            self._flying.clear()
            raise
        finally:
            called.cancel()

    def _collect(self, walk: Walk) -> Walk:
        """Take in the outcomes that are there: what was read back is known, what failed is sent again later.

        Raises JournalError for an outcome that could not be written.
        """
        done = {zone: flight for zone, flight in self._flying.items() if flight.task.done()}
        self._flying = {zone: flight for zone, flight in self._flying.items() if zone not in done}
        errors = [error for flight in done.values() if (error := flight.task.exception()) is not None]
        if errors:
            raise errors[0]
        outcomes = {zone: flight.task.result() for zone, flight in done.items()}
        now_s = self._clock().mono_s
        for zone, outcome in outcomes.items():
            if outcome.verdict is Verdict.APPLIED:
                self._restraint.moved(done[zone].online)
            if outcome.next is Next.NOTHING:
                self._backoff.succeed(zone)
                self._reader.learn(zone, outcome.after)
                self._note_return(done[zone], now_s)
            else:
                self._backoff.fail(zone, done[zone].change, now_s=now_s)
                self._reader.forget(zone)
            if outcome.answer.said is Said.DENIED:  # NOTAUTH, NOTZONE, or a primary of former days
                self._proposer.zones.forget(zone)
        made = tuple(flight.change for flight in done.values())
        cause = next((flight.cause for flight in done.values()), None)
        return replace(walk, outcomes=outcomes, made=made, cause=cause)

    def _note_return(self, flight: _Flight, now_s: float) -> None:
        if flight.cause is Cause.DRIFT:
            records = (*flight.change.removes, *flight.change.adds)
            self._returns = self._returns.noting(records, now_s=now_s)

    def _forgive(self, plan: Plan) -> None:
        """Forget the failures of zones that were read and have nothing to be done."""
        for zone in self._reader.read_zones - {change.zone for change in plan.changes} - self._flying.keys():
            self._backoff.succeed(zone)

    def _again_in_s(self, walk: Walk) -> float | None:
        if isinstance(walk.decision, Hold):
            return walk.decision.again_in_s
        now = self._clock()
        now_s = now.mono_s
        if walk.frozen is not None:
            return None if walk.frozen.until_s is None else max(0.0, walk.frozen.until_s - now.wall_s)
        times = [self._backoff.next_in_s(now_s=now_s)]
        if walk.returning:
            times.append(self._returns.free_in_s(walk.returning, now_s=now_s))
        return min((time for time in times if time is not None), default=None)

    async def _view(self, wake: Wake, depth: Depth) -> View:
        """Read what must be read; zones that could not be read lately wait their turn, unless asked for."""
        now_s = self._clock().mono_s
        waiting = self._backoff.unreadable(now_s=now_s)
        skip = frozenset[str]() if wake.why is Why.RESYNC else waiting
        view = await self._reader.view(depth, skip=skip, busy=frozenset(self._flying))
        self._backoff.keep({*view.zones, *self._flying, OURSELVES})
        for zone in view.unread.keys() - skip:
            self._backoff.fail(zone, None, now_s=now_s)
        return view

    def _due(self, plan: Plan, wake: Wake, story: Story) -> tuple[Plan, tuple[Record, ...]]:
        """Leave out what is in flight and what must wait; return, too, the records that come back too often.

        An operator who asks for it waits for neither failures nor records. A zone whose last intent is open waits in
        any case: what became of that one could not be told any more.
        """
        left_open = self._transactions.left_open(self.pair.name)
        changes = tuple(c for c in plan.changes if c.zone not in self._flying and c.zone not in left_open)
        if wake.why is Why.RESYNC:
            return replace(plan, changes=changes), ()
        now_s = self._clock().mono_s
        changes = self._backoff.due(changes, now_s=now_s)
        if story.cause is not Cause.DRIFT:
            return replace(plan, changes=changes), ()
        waiting = self._returns.too_often(now_s=now_s)
        repairs = tuple(change for change in changes if not change.decides)
        returning = tuple(r for c in repairs for r in (*c.removes, *c.adds) if r in waiting)
        left = (change if change.decides else change.without(waiting) for change in changes)
        return replace(plan, changes=tuple(change for change in left if change is not None)), returning

    def _start_over(self) -> float:
        """After a failure of our own rely on nothing that was read; return when to try again by itself.

        No zone waits for that: the next look or event tries again too.
        """
        for zone in self._reader.zones:
            self._reader.forget(zone)
        return self._backoff.fail(OURSELVES, None, now_s=self._clock().mono_s)

    def _cause(self, decision: Decision) -> Cause:
        if isinstance(decision, Hold):
            return Cause.WITHDRAWAL
        if self._aim is not None and self._aim[0] == decision.to:
            return self._aim[1]  # what was begun and is not in order yet goes on under its name
        if self._last_online is None:
            return Cause.START
        # A switch back while the one before is under way is a switch: its records did not come back by themselves.
        return Cause.DRIFT if self._aim is None and decision.to == self._last_online else Cause.SWITCH


def _in_order(walk: Walk, plan: Plan, outcomes: Mapping[str, Outcome]) -> bool:
    done = all(c.zone in outcomes and outcomes[c.zone].next is Next.NOTHING for c in plan.changes)
    return done and not walk.refusals and not walk.problems
