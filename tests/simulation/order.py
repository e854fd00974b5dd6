"""The order of decisions, by the fences that the zones show before and after each update."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from failover_dns.core.model import Pair, Role
from tests.simulation.notes import Noted
from tests.simulation.primaries import Applied
from tests.simulation.truth import FENCE, Nodes, fence_owner, values


@dataclass(frozen=True, slots=True, order=True)
class Fence:
    """Who decided for whom, in the order of decisions; nobody is online where a decision was withdrawn."""

    epoch: int
    writer: str
    online: str
    time: str

    def __str__(self) -> str:
        return f"epoch {self.epoch} ({self.online or 'nobody'}, by {self.writer})"


@dataclass(slots=True)
class Order:
    """The newest decision of each zone, and when each was first carried out anywhere.

    By the clocks a daemon may know that a claim is newer than another's decision: where one of both clocks has ever
    been wrong, what follows from the clocks is not judged.
    """

    pair: Pair
    newest: dict[str, Fence] = field(default_factory=dict)
    decided_s: dict[Fence, float] = field(default_factory=dict)
    wrong_clocks: set[str] = field(default_factory=set)

    def replaced(self, zone: str) -> None:
        """Take in that an older copy of a zone is served."""
        self.newest.pop(zone, None)

    def broken(self, daemon: str, update: Applied, noted: Noted) -> Iterator[str]:
        """Return what is wrong with an update's place in the order, as `daemon` intended it."""
        before, after = self._fence(update.before, update.zone), self._fence(update.after, update.zone)
        if after is None:
            yield f"changed {update.zone} and left it without a fence"
            return
        newest = self.newest.get(update.zone, after)
        if after < newest:
            yield f"changed {update.zone} under {after} after {newest}"
        self.newest[update.zone] = max(after, newest)
        first = after not in self.decided_s
        self.decided_s.setdefault(after, update.at_s)
        if first and not after.online:
            yield from self._withdrawn(after, noted.said)
        if first and before is not None and before.online not in {"", after.online}:
            yield from self._overruled(daemon, before, after, noted)

    def _withdrawn(self, after: Fence, said: dict[str, Role | None]) -> Iterator[str]:
        """Judge a withdrawal by the decision of the epoch before, which some zone has shown."""
        named = {fence.online for fence in self.decided_s if fence.epoch == after.epoch - 1} - {""}
        if named and not any(said[agent] is Role.OFFLINE for agent in named):
            yield f"withdraws a decision by {after}, and {' and '.join(sorted(named))} does not say OFFLINE to it"

    def _overruled(self, daemon: str, before: Fence, after: Fence, noted: Noted) -> Iterator[str]:
        """Judge a decision against another daemon's, which it replaces: it needs evidence that is newer."""
        if before.writer == daemon or self.wrong_clocks & {daemon, before.writer}:
            return
        later = noted.began_s > datetime.fromisoformat(before.time).timestamp()
        if not later and noted.changed_s < self.decided_s.get(before, 0.0):
            yield f"overrules {before} with {after}, and saw nothing new since that was decided"

    def _fence(self, nodes: Nodes, zone: str) -> Fence | None:
        """Return a zone's fence; None if it has none, or more than one."""
        found = [FENCE.match(text) for text in values(nodes, fence_owner(self.pair, zone), "TXT")]
        if len(found) != 1 or found[0] is None:
            return None
        epoch, online, writer, time = found[0].groups()
        return Fence(int(epoch), writer, "" if online == "-" else online, time)
