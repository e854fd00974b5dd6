"""What one pair's zones hold, as it was last read.

What was read last may serve again: it goes into the update as its prerequisite, so that the primary refuses
where it no longer holds. That saves a switch the reading before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum

from failover_dns.conduct.zone import Sitting, Zone
from failover_dns.core.errors import FailoverDnsError, ReadError
from failover_dns.core.model import Instant, Key, Records, RRset
from failover_dns.core.plan import zone_for


class Depth(IntEnum):
    """How much of what is known a view takes as it is."""

    KNOWN = 0
    CHANGED = 1
    ANEW = 2


ANEW_S = 600.0
"""A serial that stays while records change is a server's fault; after this long it is not relied on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The records of the zones that could be read, where they were, and why the others could not."""

    records: Records
    sittings: Mapping[str, Sitting]
    unread: Mapping[str, ReadError]


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read of a zone, where, and at which serial; no serial if the records were changed since."""

    sitting: Sitting
    records: Mapping[Key, RRset]
    serial: int | None
    until_s: float


class Reader:
    """Reads the records of one pair, zone by zone, and keeps what it read."""

    def __init__(
        self, keys: Iterable[Key], zones: Mapping[str, Zone], *, clock: Callable[[], Instant]
    ) -> None:
        self._zones = zones
        self._clock = clock
        self._keys: dict[str, list[Key]] = {}
        for key in keys:
            self._keys.setdefault(zone_for(key.name, frozenset(zones)), []).append(key)
        self._known: dict[str, _Known] = {}
        self._unread: dict[str, ReadError] = {}

    @property
    def zones(self) -> frozenset[str]:
        """The zones that the pair's records lie in."""
        return frozenset(self._keys)

    @property
    def read_zones(self) -> frozenset[str]:
        """The zones of which something is known."""
        return frozenset(self._known)

    async def view(self, depth: Depth, *, skip: frozenset[str] = frozenset()) -> View:
        """Return what the zones hold; what is not known is always read.

        At depth CHANGED a zone is read anew if its serial says that something changed, at ANEW in any case.
        Zones in `skip` that could not be read last time are not asked: they stay unread.
        """
        spared = skip & self._unread.keys()
        await asyncio.gather(*(self._renew(zone, depth) for zone in self._keys if zone not in spared))
        return View(
            records={key: rrset for known in self._known.values() for key, rrset in known.records.items()},
            sittings={zone: known.sitting for zone, known in self._known.items()},
            unread=dict(self._unread),
        )

    def learn(self, zone: str, records: Records | None) -> None:
        """Take over what was read back from `zone`, if anything was."""
        known = self._known.get(zone)
        if known is not None:
            found = {**known.records, **(records or {})}
            self._known[zone] = replace(known, records=found, serial=None)

    def forget(self, zone: str) -> None:
        """Let the next view read `zone` anew."""
        self._known.pop(zone, None)

    async def _renew(self, zone: str, depth: Depth) -> None:
        known = self._known.get(zone)
        if known is not None and depth is Depth.KNOWN:
            return
        if known is None or depth is Depth.ANEW or await self._changed(zone, known):
            await self._read(zone)

    async def _changed(self, zone: str, known: _Known) -> bool:
        if known.serial is None or self._clock().mono_s >= known.until_s:
            return True
        try:
            return await self._zones[zone].serial(known.sitting) != known.serial
        except FailoverDnsError:
            return True

    async def _read(self, zone: str) -> None:
        self.forget(zone)
        self._unread.pop(zone, None)
        until_s = self._clock().mono_s + ANEW_S
        try:
            # The serial comes first: what changes between the two is then seen at the next audit.
            sitting, serial, found = await self._zones[zone].survey(self._keys[zone])
        except ReadError as error:
            self._unread[zone] = error
        else:
            self._known[zone] = _Known(sitting, found, serial, until_s)
