"""What keeps a decided move from being carried out: flap damping, and an operator who froze the pair."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from failover_dns.conduct.walk import Walk
from failover_dns.core.damping import Damping, Flaps, damp, moved, penalty, recall, release
from failover_dns.core.decide import Hold, Move, Reason
from failover_dns.core.model import Instant
from failover_dns.core.orders import Freeze, Orders, frozen


class Restraint:
    """One pair's damping and orders.

    `switches` are the times of recent ones (seconds since 1970), for a start, and `flaps` what an earlier restraint
    left instead. `published` is the agent that DNS was
    last seen or made to show; a move to it is no move. `orders` returns what operators have ordered, and raises
    OrdersError if that cannot be read. Without `damping` every move goes ahead.
    """

    def __init__(  # noqa: PLR0913 - what a pair remembers between walks is given, so that tests can give it
        self,
        pair: str,
        *,
        clock: Callable[[], Instant],
        damping: Damping | None = None,
        switches: Iterable[float] = (),
        flaps: Flaps | None = None,
        published: str | None = None,
        orders: Callable[[], Orders] = Orders,
    ) -> None:
        self._pair = pair
        self._clock = clock
        self._damping = damping
        self._switches = tuple(switches)
        self._flaps = flaps or Flaps()
        self._published = published
        self._orders = orders
        self._inherited = flaps is not None
        self._released_s: float | None = None

    @property
    def flaps(self) -> Flaps:
        """What the moves so far leave behind."""
        return self._flaps

    @property
    def penalty(self) -> float:
        """The penalty as it is now."""
        return penalty(self._flaps, self._damping, now_s=self._clock().mono_s) if self._damping else 0.0

    def frozen(self) -> Freeze | None:
        """Return the freeze that is in force, and take in a release that is new; raises OrdersError."""
        orders = self._orders()
        released = orders.releases.get(self._pair)
        self._release(released.at_s if released else 0.0)
        return frozen(orders, self._pair, self._clock().wall_s)

    def _release(self, at_s: float) -> None:
        """Forget the flaps before a release at `at_s`; those of an earlier life are taken in at first."""
        if self._released_s is None and not self._inherited and self._damping is not None:
            since = (switch_s for switch_s in self._switches if switch_s > at_s)
            self._flaps = recall(since, self._clock(), self._damping)
        elif self._released_s not in {None, at_s}:
            self._flaps = release(self._flaps)
        self._released_s = at_s

    def moved(self, to: str) -> None:
        """Note that DNS shows `to` now, by this daemon or by another."""
        if self._damping is not None and self._published not in {None, to}:
            self._flaps = moved(self._flaps, self._damping, now_s=self._clock().mono_s)
        self._published = to

    def damped(self, walk: Walk) -> Walk:
        """Return the walk, held if its move comes too soon after too many others."""
        decision = walk.decision
        if self._damping is None or not isinstance(decision, Move):
            return walk
        if self._published in {None, decision.to}:
            return walk
        self._flaps, left_s = damp(self._flaps, self._damping, now_s=self._clock().mono_s)
        if left_s is None:
            return walk
        held = Hold(reason=Reason.DAMPED, agents=(decision.to,), again_in_s=left_s)
        return replace(walk, decision=held)
