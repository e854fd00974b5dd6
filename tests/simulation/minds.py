"""What each daemon was shown, and which decisions follow from that: worked out anew, for the tested rules to meet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from failover_dns.core.changelog import Cause, Intent
from failover_dns.core.model import BothOnline, Pair, Role
from tests.simulation.clocks import EPOCH_S
from tests.simulation.sources import Sighting
from tests.simulation.truth import rr

FRESH_S = 300.0
"""A walk that reads slow servers and plans anew takes its time; what was seen longer ago is not fresh."""

TICK_S = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What an agent has said to one daemon in one of its lives, and since when."""

    role: Role
    at_s: float
    begun: bool
    since_s: float | None


@dataclass(slots=True)
class Mind:
    """What one daemon has seen in one of its lives; `changed_s` is when it last saw something new."""

    pair: Pair
    last: dict[str, Sighting] = field(default_factory=dict)
    claims: dict[str, Claim] = field(default_factory=dict)
    online_since_s: dict[str, float] = field(default_factory=dict)
    changed_s: float = 0.0
    frozen_s: float | None = None

    def see(self, agent: str, seen: Sighting) -> None:
        last = self.last.get(agent)
        if last is None or (last.role, last.since_s) != (seen.role, seen.since_s):
            self.changed_s = seen.at_s
        self.last[agent] = seen
        if seen.role is Role.ONLINE:
            self.online_since_s.setdefault(agent, seen.at_s)
        else:
            self.online_since_s.pop(agent, None)
        if seen.role is not Role.UNKNOWN:
            self._claim(agent, seen)

    def says(self, agent: str) -> Role | None:
        """Return what an agent said last; None if it was never looked at."""
        return self.last[agent].role if agent in self.last else None

    def began_s(self, agent: str) -> float:
        """Return when an agent's claim began as far as is known, in seconds since 1970."""
        claim = self.claims.get(agent)
        if claim is None:
            return 0.0
        return max(EPOCH_S + claim.at_s, claim.since_s or 0.0)

    def unfounded(self, intent: Intent, now_s: float) -> Iterator[str]:
        """Return why the intent's decision does not follow from what was seen."""
        if self.frozen_s is not None and all(seen.at_s > self.frozen_s for seen in self.last.values()):
            yield f"is to change {intent.zone} though the pair is frozen"
        if intent.cause is not Cause.WITHDRAWAL:
            yield from self._misled(intent.online, now_s, asked=intent.wake == "resync")
        elif any(rr(record)[1] != "TXT" for record in (*intent.change.adds, *intent.change.removes)):
            yield "moves records though it only withdraws a decision"

    def _misled(self, online: str, now_s: float, *, asked: bool) -> Iterator[str]:
        """Return what speaks against a move; an operator who asks for it does not wait for `settle_s`."""
        other = self.pair.other(online).name
        role, beside = self.says(online), self.says(other)
        if role is not Role.ONLINE:
            yield f"moves to {online}, whose source said {role or 'nothing'} to it"
            return
        if now_s - self.last[online].at_s > FRESH_S:
            yield f"moves to {online}, whose source it looked at {now_s - self.last[online].at_s:.0f} s ago"
        if not asked and now_s - self.online_since_s[online] < self.pair.settle_s - TICK_S:
            yield f"moves to {online} before that has stood for settle_s"
        if beside is Role.SWITCHING:
            yield f"moves to {online} while {other} is switching"
        if beside is Role.ONLINE and self.pair.both_online is BothOnline.HOLD:
            yield f"moves to {online} though both are online and both_online is hold"
        elif beside is Role.ONLINE and self._newer(other, online):
            yield f"moves to {online} though {other} claims to be online since later"

    def _newer(self, one: str, other: str) -> bool:
        """Return whether the claim of `one` is newer than that of `other` beyond doubt."""
        first, second = self.claims[one], self.claims[other]
        if first.since_s is not None and second.since_s is not None:
            ahead_s = first.since_s - second.since_s
            if abs(ahead_s) > self.pair.clock_tolerance_s / 2:
                return ahead_s > self.pair.clock_tolerance_s * 2
        return first.begun and first.at_s > second.at_s

    def _claim(self, agent: str, seen: Sighting) -> None:
        known = self.claims.get(agent)
        if known and known.role is seen.role and not self._anew(known, seen):
            since_s = seen.since_s if known.since_s is None else known.since_s
            self.claims[agent] = replace(known, since_s=since_s)
            return
        begun = known is not None
        self.claims[agent] = Claim(role=seen.role, at_s=seen.at_s, begun=begun, since_s=seen.since_s)

    def _anew(self, known: Claim, seen: Sighting) -> bool:
        if known.since_s is None or seen.since_s is None:
            return False
        return seen.since_s - known.since_s > self.pair.clock_tolerance_s
