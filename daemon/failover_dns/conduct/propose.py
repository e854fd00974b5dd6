"""The first half of the main path: observe, decide, read, plan and guard. It changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from failover_dns.conduct.discover import ZoneBook
from failover_dns.conduct.fencing import Fencing
from failover_dns.conduct.observe import Source, observe
from failover_dns.conduct.view import Depth, Reader, View
from failover_dns.conduct.walk import Walk
from failover_dns.conduct.zone import Zone
from failover_dns.core.decide import Hold, Memory, Move, decide, remember
from failover_dns.core.fence import fence_key
from failover_dns.core.guard import guard
from failover_dns.core.model import Instant, Pair, Plan
from failover_dns.core.plan import keys, plan


class Proposer:
    """One pair's decisions and plans, with what must be remembered between them.

    `fencing` is needed for a pair that has a fence; `memory` is what an earlier life of this daemon left behind.
    """

    def __init__(  # noqa: PLR0913 - what a pair remembers between walks is given, so that tests can give it
        self,
        pair: Pair,
        sources: Sequence[Source],
        zones: ZoneBook | Mapping[str, Zone],
        *,
        clock: Callable[[], Instant],
        max_changes: int,
        fencing: Fencing | None = None,
        memory: Memory | None = None,
    ) -> None:
        if pair.fence is (fencing is None):
            raise ValueError(f"pair {pair.name}: a fence needs its keeper, and none has no keeper")
        self.pair = pair
        self.zones = zones if isinstance(zones, ZoneBook) else ZoneBook(zones)
        fence = partial(fence_key, pair.name) if pair.fence else None
        self.reader = Reader(keys(pair), self.zones, clock=clock, fence=fence)
        self.sources = tuple(sources)
        self.fencing = fencing
        self._clock = clock
        self._max_changes = max_changes
        self._memory = memory or Memory()
        self._at = clock()
        if fencing is not None:
            fencing.begin(self._at)
        self._looked_once = False

    @property
    def memory(self) -> Memory:
        """What the observations so far leave behind."""
        return self._memory

    async def decide(self, *, settled: bool = False) -> Walk:
        """Look at the sources and decide; with `settled` for an operator, who does not wait for `settle_s`."""
        seen = await observe(self.sources)
        now = self._at = self._clock()
        self._looked_once = False
        self._memory = remember(self.pair, self._memory, seen, now=now)
        pair = replace(self.pair, settle_s=0.0) if settled else self.pair
        return Walk(pair=pair.name, seen=seen, decision=decide(pair, seen, self._memory, now=now))

    def plan(self, walk: Walk, decision: Move, view: View) -> tuple[Walk, Plan]:
        """Return the walk with its plan against `view`, guarded, and that plan.

        Where another daemon decided later, the walk's decision is to hold and the plan is empty.
        """
        walk = self._judged(walk, decision, view)
        if isinstance(walk.decision, Hold):
            return walk, Plan(pair=self.pair.name, online=decision.to)
        found = plan(self.pair, decision.to, view.records, view.zones, unread=frozenset(view.unread))
        if self.fencing is not None:
            found = self.fencing.fenced(found, decision.to, now=self._at)
        return self._guarded(walk, found, view)

    def withdrawal(self, walk: Walk, view: View) -> tuple[Walk, Plan]:
        """Return the walk with the plan that withdraws the fence's decision, if this daemon may; else an empty one."""
        walk = self._looked(walk, view)
        if self.fencing is None or not self.fencing.withdraws(walk.seen, self._memory):
            return walk, Plan(pair=self.pair.name, online="")
        plan = Plan(pair=self.pair.name, online=self.fencing.named)
        return self._guarded(walk, self.fencing.fenced(plan, "", now=self._at), view)

    async def preview(self) -> Walk:
        """Return what would be done now, and why."""
        walk = await self.decide()
        if isinstance(walk.decision, Hold):
            return walk
        planned, _ = self.plan(walk, walk.decision, await self.reader.view(Depth.ANEW))
        return planned

    def _looked(self, walk: Walk, view: View) -> Walk:
        walk = replace(walk, view=view, problems=tuple(view.unread.values()))
        if self.fencing is None:
            return walk
        # What a later view of the same walk shows was not there when the walk looked at its sources.
        self.fencing.look(view, now=self._clock() if self._looked_once else self._at)
        self._looked_once = True
        return replace(walk, fence=self.fencing.known, elsewhere=self.fencing.elsewhere)

    def _judged(self, walk: Walk, decision: Move, view: View) -> Walk:
        walk = self._looked(walk, view)
        if self.fencing is None:
            return walk
        return replace(walk, decision=self.fencing.judge(decision, walk.seen, self._memory))

    def _guarded(self, walk: Walk, found: Plan, view: View) -> tuple[Walk, Plan]:
        mend = self.fencing is not None and self.fencing.mends
        guarded = guard(found, self.pair, view.records, max_changes=self._max_changes, mend=mend)
        return replace(walk, plan=guarded.plan, refusals=guarded.refusals), guarded.plan
