"""The main path, for one pair: observe, decide, read, plan, guard, and have the plan carried out.

Start-up, a file event, a periodic look, the audit, a retry and a manual resync all walk it. What woke it says
only whether DNS must be read anew; otherwise what was read last serves as the prerequisite of the update.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from failover_dns.conduct.backoff import OURSELVES, Backoff
from failover_dns.conduct.propose import Proposer
from failover_dns.conduct.transaction import Story, Transactions
from failover_dns.conduct.view import Depth, View
from failover_dns.conduct.walk import Wake, Walk, Why
from failover_dns.core.changelog import Cause
from failover_dns.core.decide import Hold, Move
from failover_dns.core.errors import FailoverDnsError
from failover_dns.core.model import Instant, Pair, Plan
from failover_dns.core.outcome import Next, Outcome

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


class Reconciler:
    """One pair's path, with what it remembers between walks. One walk at a time."""

    def __init__(
        self,
        proposer: Proposer,
        transactions: Transactions,
        *,
        clock: Callable[[], Instant],
        rng: random.Random,
        last_online: str | None = None,
    ) -> None:
        self._proposer = proposer
        self._reader = proposer.reader
        self._transactions = transactions
        self._clock = clock
        self._backoff = Backoff(rng)
        self._last_online = last_online

    @property
    def pair(self) -> Pair:
        """The pair whose path this is."""
        return self._proposer.pair

    async def walk(self, wake: Wake) -> Walk:
        """Walk the whole path; never raises for what a source, a network or a disk can do."""
        walk = await self._proposer.decide()
        stuck = await self._transactions.recover(self.pair.name, self._proposer.zones)
        if isinstance(walk.decision, Hold):
            return replace(walk, problems=stuck, again_in_s=walk.decision.again_in_s)
        try:
            walk = await self._carry_out(walk, walk.decision, wake)
        except FailoverDnsError as error:
            return replace(walk, problems=(*stuck, error), again_in_s=self._start_over())
        self._backoff.succeed(OURSELVES)
        if walk.in_order and isinstance(walk.decision, Move):
            self._last_online = walk.decision.to
        again_in_s = self._backoff.next_in_s(now_s=self._clock().mono_s)
        return replace(walk, problems=(*stuck, *walk.problems), again_in_s=again_in_s)

    async def _carry_out(self, walk: Walk, decision: Move, wake: Wake) -> Walk:
        story = Story(why=wake.why, at=wake.at, cause=self._cause(decision), reason=decision.reason)
        for attempt in range(MAX_PLANS):
            view = await self._view(wake, Depth.ANEW if attempt else DEPTHS.get(wake.why, Depth.KNOWN))
            planned, plan = self._proposer.plan(walk, decision, view)
            due = self._due(plan, wake)
            outcomes = await self._transactions.carry_out(due, view.sittings, story) if due.changes else {}
            self._learn(plan, outcomes)
            walk = replace(
                planned,
                plan=walk.plan or plan,
                outcomes={**walk.outcomes, **outcomes},
                cause=story.cause,
                in_order=_in_order(planned, plan, outcomes),
            )
            if not any(outcome.next is Next.REPLAN for outcome in outcomes.values()):
                break
        return walk

    async def _view(self, wake: Wake, depth: Depth) -> View:
        """Read what must be read; zones that could not be read lately wait their turn, unless asked for."""
        now_s = self._clock().mono_s
        waiting = self._backoff.unreadable(now_s=now_s)
        skip = frozenset[str]() if wake.why is Why.RESYNC else waiting
        view = await self._reader.view(depth, skip=skip)
        for zone in view.unread.keys() - skip:
            self._backoff.fail(zone, None, now_s=now_s)
        return view

    def _due(self, plan: Plan, wake: Wake) -> Plan:
        if wake.why is Why.RESYNC:
            return plan
        return replace(plan, changes=self._backoff.due(plan.changes, now_s=self._clock().mono_s))

    def _learn(self, plan: Plan, outcomes: Mapping[str, Outcome]) -> None:
        """Keep what was read back; what did not succeed is read anew, and sent again later each time."""
        now_s = self._clock().mono_s
        changes = {change.zone: change for change in plan.changes}
        for zone in self._reader.read_zones - changes.keys():
            self._backoff.succeed(zone)
        for zone, outcome in outcomes.items():
            if outcome.next is Next.NOTHING:
                self._backoff.succeed(zone)
                self._reader.learn(zone, outcome.after)
            else:
                self._backoff.fail(zone, changes[zone], now_s=now_s)
                self._reader.forget(zone)

    def _start_over(self) -> float:
        """After a failure of our own rely on nothing that was read; return when to try again by itself.

        No zone waits for that: the next look or event tries again too.
        """
        for zone in self._reader.zones:
            self._reader.forget(zone)
        return self._backoff.fail(OURSELVES, None, now_s=self._clock().mono_s)

    def _cause(self, decision: Move) -> Cause:
        if self._last_online is None:
            return Cause.START
        return Cause.DRIFT if decision.to == self._last_online else Cause.SWITCH


def _in_order(walk: Walk, plan: Plan, outcomes: Mapping[str, Outcome]) -> bool:
    done = all(c.zone in outcomes and outcomes[c.zone].next is Next.NOTHING for c in plan.changes)
    return done and not walk.refusals and not walk.problems
