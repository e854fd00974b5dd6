"""A daemon's change log: what is on its disk once that was synced, and what a crash leaves of the rest."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from failover_dns.core.changelog import GENESIS, Entry, Intent, Repaired, Result, decode, digest, encode
from failover_dns.core.errors import JournalError
from failover_dns.core.model import Instant
from failover_dns.core.orders import Orders
from failover_dns.core.outcome import Verdict


@dataclass(slots=True)
class Disk:
    """What outlives a crash."""

    lines: list[bytes] = field(default_factory=list)
    torn: bytes = b""
    full: bool = False
    slow_s: float = 0.001
    orders: Orders = field(default_factory=Orders)
    frozen_s: float | None = None

    def last_moved(self, pair: str) -> Intent | None:
        """Return the intent of the pair's last applied change."""
        applied: int | None = None
        for line in map(decode, reversed(self.lines)):
            match line.entry:
                case Result(verdict=Verdict.APPLIED) as result if result.pair == pair and applied is None:
                    applied = result.intent
                case Intent() as intent if line.seq == applied:
                    return intent
        return None


@dataclass(slots=True)
class Journal:
    """One life's change log on the disk (`conduct.transaction.Log`); `written` hears of what is durable."""

    disk: Disk
    clock: Callable[[], Instant]
    written: Callable[[int, Entry], None]
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _under_way: tuple[Sequence[bytes], Sequence[Entry]] = ((), ())

    def open(self) -> None:
        """Cut off what a crash left half written."""
        if self.disk.torn:
            torn, self.disk.torn = self.disk.torn, b""
            self._put([Repaired(cut_bytes=len(torn), cut_sha256=sha256(torn).hexdigest())])

    async def append(self, *entries: Entry) -> tuple[int, ...]:
        async with self._turn:
            if self.disk.full:
                raise JournalError("the change log cannot be written: No space left on device", "free space")
            self._under_way = (self._encoded(entries), entries)
            await asyncio.sleep(self.disk.slow_s)
            return self._put(entries)

    def crash(self, rng: random.Random) -> None:
        """Keep of what was being written some whole lines and, it may be, a part of the next."""
        lines, entries = self._under_way
        whole = rng.randint(0, len(lines))
        self._put(entries[:whole])
        rest = b"".join(lines[whole : whole + 1])
        self.disk.torn = rest[: rng.randint(0, max(0, len(rest) - 1))]

    def _put(self, entries: Sequence[Entry]) -> tuple[int, ...]:
        first = len(self.disk.lines) + 1
        self.disk.lines += self._encoded(entries)
        self._under_way = ((), ())
        for seq, entry in enumerate(entries, start=first):
            self.written(seq, entry)
        return tuple(range(first, first + len(entries)))

    def _encoded(self, entries: Sequence[Entry]) -> list[bytes]:
        wall_s, seq = self.clock().wall_s, len(self.disk.lines)
        prev = digest(self.disk.lines[-1]) if self.disk.lines else GENESIS
        lines: list[bytes] = []
        for number, entry in enumerate(entries, start=seq + 1):
            lines.append(encode(entry, seq=number, prev=prev, wall_s=wall_s))
            prev = digest(lines[-1])
        return lines
