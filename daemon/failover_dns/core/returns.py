"""Records that come back however often they are repaired: somebody registers them on purpose or by mistake.

A record may be repaired `limit` times within a window. Beyond that, repair waits until the oldest of those
times has left the window: it slows down instead of fighting, and a person is told which host to look at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from failover_dns.core.model import Record, Type


@dataclass(frozen=True, slots=True, kw_only=True)
class Returns:
    """When each record was repaired (monotonic seconds, oldest first), as far back as the window reaches."""

    limit: int
    window_s: float
    repaired: Mapping[Record, tuple[float, ...]] = field(default_factory=dict)

    def noting(self, records: Iterable[Record], *, now_s: float) -> Returns:
        """Return the memory after `records` were repaired now."""
        lately = {record: self._lately(record, now_s) for record in self.repaired}
        kept = {record: times for record, times in lately.items() if times}
        for record in records:
            kept[record] = (*kept.get(record, ()), now_s)
        return Returns(limit=self.limit, window_s=self.window_s, repaired=kept)

    def too_often(self, *, now_s: float) -> frozenset[Record]:
        """Return the records that must wait."""
        return frozenset(r for r in self.repaired if len(self._lately(r, now_s)) >= self.limit)

    def free_in_s(self, records: Iterable[Record], *, now_s: float) -> float:
        """Return how long until the first of `records`, which must wait, may be repaired again."""
        return min(self._lately(record, now_s)[-self.limit] for record in records) + self.window_s - now_s

    def _lately(self, record: Record, now_s: float) -> tuple[float, ...]:
        return tuple(at for at in self.repaired.get(record, ()) if now_s - at < self.window_s)


def registrant(record: Record) -> str:
    """Return the host that registers such a record: a host's own name, or the one that a PTR gives."""
    return str(record.value) if record.key.type is Type.PTR else record.key.name
