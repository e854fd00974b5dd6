"""The first half of the main path: observe, decide, read, plan and guard. It changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from failover_dns.conduct.discover import ZoneBook
from failover_dns.conduct.observe import Source, observe
from failover_dns.conduct.view import Depth, Reader, View
from failover_dns.conduct.walk import Walk
from failover_dns.conduct.zone import Zone
from failover_dns.core.decide import Hold, Memory, Move, decide, remember
from failover_dns.core.guard import guard
from failover_dns.core.model import Instant, Pair, Plan
from failover_dns.core.plan import keys, plan


class Proposer:
    """One pair's decisions and plans, with what must be remembered between them."""

    def __init__(
        self,
        pair: Pair,
        sources: Sequence[Source],
        zones: ZoneBook | Mapping[str, Zone],
        *,
        clock: Callable[[], Instant],
        max_changes: int,
    ) -> None:
        self.pair = pair
        self.zones = zones if isinstance(zones, ZoneBook) else ZoneBook(zones)
        self.reader = Reader(keys(pair), self.zones, clock=clock)
        self.sources = tuple(sources)
        self._clock = clock
        self._max_changes = max_changes
        self._memory = Memory()

    async def decide(self) -> Walk:
        """Look at the sources and decide."""
        seen = await observe(self.sources)
        now = self._clock()
        self._memory = remember(self.pair, self._memory, seen, now=now)
        return Walk(pair=self.pair.name, seen=seen, decision=decide(self.pair, seen, self._memory, now=now))

    def plan(self, walk: Walk, decision: Move, view: View) -> tuple[Walk, Plan]:
        """Return the walk with its plan against `view`, guarded, and that plan."""
        found = plan(self.pair, decision.to, view.records, view.zones, unread=frozenset(view.unread))
        guarded = guard(found, self.pair, view.records, max_changes=self._max_changes)
        problems = tuple(view.unread.values())
        walk = replace(walk, view=view, plan=guarded.plan, refusals=guarded.refusals, problems=problems)
        return walk, guarded.plan

    async def preview(self) -> Walk:
        """Return what would be done now, and why."""
        walk = await self.decide()
        if isinstance(walk.decision, Hold):
            return walk
        planned, _ = self.plan(walk, walk.decision, await self.reader.view(Depth.ANEW))
        return planned
