"""One pair's fence between walks: the newest that is known, the one that is proposed, and what follows (core.fence)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from failover_dns.conduct.view import View
from failover_dns.core.decide import Decision, Memory, Move, Seen
from failover_dns.core.fence import (
    Fence,
    Found,
    Known,
    demanding,
    elsewhere,
    fenced,
    find,
    judge,
    learn,
    outdated,
    target,
)
from failover_dns.core.model import Instant, Pair, Plan, Records

MAX_OWN = 8
"""How many of the fences that were proposed are remembered: as many as may still be on their way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Insist:
    """What an operator asks for by hand: to decide although superseded, to replace what is no fence."""

    supersede: bool = False
    mend: bool = False


class Fencing:
    """The fence of one pair, as this daemon knows it."""

    def __init__(
        self,
        pair: Pair,
        writer: str,
        *,
        known: Known | None = None,
        began: Instant | None = None,
        insist: Insist | None = None,
    ) -> None:
        self.writer = writer
        self._pair = pair
        self._known = known
        self._own: tuple[Known, ...] = ()
        self._insist = insist or Insist()
        self._asked = Insist()
        self._found: Mapping[str, Found] = {}
        self._servers: Mapping[str, str] = {}
        self._current: Records = {}
        self.began = began
        self._has_read = False
        self._named = known.fence.online if known else ""
        self._under: Fence | None = None
        self._told = known.fence if known else None

    @property
    def newest(self) -> Known | None:
        """The newest fence that is known, and since when."""
        return self._known

    @property
    def known(self) -> Fence | None:
        """The newest fence that is known."""
        return self._known.fence if self._known else None

    def ask(self, insist: Insist) -> None:
        """Insist in the next walk that an operator asks for, and in that one only."""
        supersede = insist.supersede or self._asked.supersede
        self._asked = Insist(supersede=supersede, mend=insist.mend or self._asked.mend)

    @contextmanager
    def insisting(self) -> Iterator[None]:
        """Insist on what was asked for, for the length of a walk."""
        standing, asked = self._insist, self._asked
        self._asked = Insist()
        self._insist = Insist(
            supersede=standing.supersede or asked.supersede, mend=standing.mend or asked.mend
        )
        try:
            yield
        finally:
            self._insist = standing

    def begin(self, now: Instant) -> None:
        """Note when this daemon began, if it did not before: what was decided before stood already then."""
        self.began = self.began or now

    def look(self, view: View, *, now: Instant) -> None:
        """Take in the fences of a view; `now` is when the decision was made that it was read for."""
        self._found = find(self._pair, view.records, view.zones - view.unread.keys())
        self._servers = view.servers
        self._current = view.records
        began = None if self._has_read else self.began
        self._has_read = self._has_read or bool(self._found)
        self._known = learn(self._known, self._found.values(), self._own, now=now, began=began)
        self._named = (self._known.fence.online if self._known else "") or self._named

    def news(self) -> Fence | None:
        """Return the newest fence once, if another daemon wrote it."""
        fence = self.known
        if fence == self._told:
            return None
        self._told = fence
        return fence if fence and fence.writer != self.writer else None

    @property
    def named(self) -> str:
        """The agent that was last decided for, also after that was withdrawn; empty if none is known."""
        return self._named

    def judge(self, move: Move, seen: Seen, memory: Memory) -> Decision:
        """Return the move, or that it is superseded."""
        if self._insist.supersede:
            return move
        return judge(self._pair, move, seen, memory.claims, self._known)

    def withdraws(self, seen: Seen, memory: Memory) -> bool:
        """Return whether the decision that the fence names is to be withdrawn, or was and is not everywhere yet."""
        if self._known is not None and not self._known.fence.online:
            return bool(self._named)
        return outdated(self._pair, seen, memory.claims, self._known)

    def fenced(self, plan: Plan, to: str, *, now: Instant) -> Plan:
        """Return the plan under the fence of the decision for `to` ("" is nobody), which is proposed by this."""
        proposed = target(to, self.writer, self._known, self._own, now=now)
        if proposed not in self._own:
            self._own = (*self._own[-MAX_OWN:], proposed)
        self._under = proposed.fence
        plan = fenced(plan, self._pair, self._found, proposed.fence, self._servers)
        return demanding(plan, self._pair, self._current, frozenset(self._found))

    @property
    def under(self) -> str:
        """The fence that the last plan stands under; empty if there was none."""
        return str(self._under or "")

    @property
    def elsewhere(self) -> Mapping[str, Fence]:
        """The fences, by zone, that another server took than the one that this daemon asks."""
        return elsewhere(self._found, self._servers)

    @property
    def mends(self) -> bool:
        """Whether what stands in the fence's place and is none may be replaced."""
        return self._insist.mend
