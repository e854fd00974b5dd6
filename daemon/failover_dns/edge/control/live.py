"""What is known of each pair right now: its last walk, its last change, and who waits for its next walk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from failover_dns.conduct.reconcile import DEPTHS, Reconciler
from failover_dns.conduct.view import View
from failover_dns.conduct.walk import Wake, Walk, Why
from failover_dns.core.changelog import Entry, Intent, Result
from failover_dns.core.model import Instant, Records
from failover_dns.effects.changelog import Moved


@dataclass(frozen=True, slots=True, kw_only=True)
class Last:
    """A pair's last walk, what woke it, and when it ended; DNS as it was last seen or made, and when it was read."""

    walk: Walk
    wake: Wake
    at: Instant
    view: View | None = None
    records: Records | None = None
    read: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A pair's last transaction, as far as its outcomes are there (seconds since 1970)."""

    transaction: str
    at_s: float
    cause: str | None
    online: str
    zones: Mapping[str, str]
    took_ms: float | None


class Live:
    """Hears of walks and of the change log's lines, and keeps the last of each pair."""

    def __init__(self, *, clock: Callable[[], Instant]) -> None:
        self.started = clock()
        self._clock = clock
        self._reconcilers: Mapping[str, Reconciler] = {}
        self._last: dict[str, Last] = {}
        self._changes: dict[str, Change] = {}
        self._waiting: dict[str, list[tuple[Wake | None, asyncio.Future[Walk]]]] = {}

    def know(self, reconcilers: Iterable[Reconciler], moves: Mapping[str, Moved]) -> None:
        """Look after these pairs and no others; `moves` are what the change log remembers of them."""
        self._reconcilers = {reconciler.pair.name: reconciler for reconciler in reconcilers}
        self._last = {pair: last for pair, last in self._last.items() if pair in self._reconcilers}
        for pair, moved in moves.items():
            self._changes.setdefault(pair, _remembered(moved))

    @property
    def reconcilers(self) -> Mapping[str, Reconciler]:
        """The pairs, by their names."""
        return self._reconcilers

    @property
    def unseen(self) -> tuple[str, ...]:
        """The pairs that were not looked at yet."""
        return tuple(pair for pair in self._reconcilers if pair not in self._last)

    def last(self, pair: str) -> Last | None:
        """Return the pair's last walk, None before its first."""
        return self._last.get(pair)

    def change(self, pair: str) -> Change | None:
        """Return the pair's last change, None if the change log knows of none."""
        return self._changes.get(pair)

    def __call__(self, walk: Walk, wake: Wake) -> None:
        """Take in a walk that has ended."""
        now = self._clock()
        before = self._last.get(walk.pair) or Last(walk=walk, wake=wake, at=now)
        last = replace(before, walk=walk, wake=wake, at=now)
        if walk.view is not None:
            made = {key: rrset for o in walk.outcomes.values() for key, rrset in (o.after or {}).items()}
            anew = wake.why in DEPTHS or before.read is None or bool(made)
            records = {**walk.view.records, **made}
            last = replace(last, view=walk.view, records=records, read=now if anew else before.read)
        self._last[walk.pair] = last
        if wake.why in {Why.RESYNC, Why.START}:  # a new configuration begins with a walk as deep
            self._answer(walk, wake)

    def heard(self, entry: Entry, intent: Intent | None) -> None:
        """Take in a line of the change log, an outcome with the intent that it closes."""
        if not isinstance(entry, Result):
            return
        known = self._changes.get(entry.pair)
        same = known is not None and known.transaction == entry.transaction
        self._changes[entry.pair] = Change(
            transaction=entry.transaction,
            at_s=self._clock().wall_s,
            cause=intent.cause if intent else None,
            online=intent.online if intent else "",
            zones={**(known.zones if known and same else {}), entry.zone: entry.verdict},
            took_ms=entry.took_ms,
        )

    def next_resync(self, pair: str) -> asyncio.Future[Walk]:
        """Return who brings the next walk that an operator asks for and that begins from now on."""
        walk: asyncio.Future[Walk] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(pair, [])
        waiting.append((self._reconcilers[pair].walking, walk))
        return walk

    def _answer(self, walk: Walk, wake: Wake) -> None:
        """Hand the walk to those who asked before it began."""
        waiting = self._waiting.pop(walk.pair, [])
        for begun, future in waiting:
            if begun is wake:  # it was under way already when they asked
                self._waiting.setdefault(walk.pair, []).append((begun, future))
            elif not future.done():
                future.set_result(walk)


def _remembered(moved: Moved) -> Change:
    result = moved.result
    return Change(
        transaction=result.transaction,
        at_s=moved.time.timestamp(),
        cause=moved.intent.cause,
        online=moved.online,
        zones={result.zone: result.verdict},
        took_ms=result.took_ms,
    )
