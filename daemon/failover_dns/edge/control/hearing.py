"""The change log as it is written, for those who listen: each outcome comes with the intent that it closes."""

from __future__ import annotations

from collections.abc import Callable

from failover_dns.conduct.transaction import Log
from failover_dns.core.changelog import Entry, Intent, Result

Listen = Callable[[Entry, Intent | None], None]
"""Told of each entry that is on the disk."""


class Heard:
    """A change log whose entries others hear of."""

    def __init__(self, log: Log, *listeners: Listen) -> None:
        self._log = log
        self._listeners = listeners
        self._open: dict[int, Intent] = {}

    async def append(self, *entries: Entry) -> tuple[int, ...]:
        """Return the sequence numbers once the entries are on the disk; JournalError if they cannot be."""
        numbers = await self._log.append(*entries)
        for seq, entry in zip(numbers, entries, strict=True):
            intent = self._closed(seq, entry)
            for listen in self._listeners:
                listen(entry, intent)
        return numbers

    def _closed(self, seq: int, entry: Entry) -> Intent | None:
        match entry:
            case Intent():
                self._open[seq] = entry
                return entry
            case Result():
                return self._open.pop(entry.intent, None)
            case _:
                return None
