"""What one pair's zones hold, as it was last read.

What was read last may serve again: it goes into the update as its prerequisite, so that the primary refuses
where it no longer holds. That saves a switch the reading before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from failover_dns.conduct.zone import Sitting, Zone
from failover_dns.core.errors import ReadError
from failover_dns.core.model import Key, Records, RRset
from failover_dns.core.plan import zone_for


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The records of the zones that could be read, where they were, and why the others could not."""

    records: Records
    sittings: Mapping[str, Sitting]
    unread: Mapping[str, ReadError]


class Reader:
    """Reads the records of one pair, zone by zone, and keeps what it read."""

    def __init__(self, keys: Iterable[Key], zones: Mapping[str, Zone]) -> None:
        self._zones = zones
        self._keys: dict[str, list[Key]] = {}
        for key in keys:
            self._keys.setdefault(zone_for(key.name, frozenset(zones)), []).append(key)
        self._known: dict[str, tuple[Sitting, Mapping[Key, RRset]]] = {}
        self._unread: dict[str, ReadError] = {}

    @property
    def zones(self) -> frozenset[str]:
        """The zones that the pair's records lie in."""
        return frozenset(self._keys)

    @property
    def read_zones(self) -> frozenset[str]:
        """The zones of which something is known."""
        return frozenset(self._known)

    async def view(self, *, fresh: bool, skip: frozenset[str] = frozenset()) -> View:
        """Return what the zones hold; `fresh` reads all anew, else only those of which nothing is known.

        Zones in `skip` that could not be read last time are not asked: they stay unread.
        """
        spared = skip & self._unread.keys()
        wanted = [zone for zone in self._keys if zone not in spared and (fresh or zone not in self._known)]
        await asyncio.gather(*map(self._read, wanted))
        return View(
            records={key: rrset for _, found in self._known.values() for key, rrset in found.items()},
            sittings={zone: sitting for zone, (sitting, _) in self._known.items()},
            unread=dict(self._unread),
        )

    def learn(self, zone: str, records: Records | None) -> None:
        """Take over what was read back from `zone`, if anything was."""
        sitting, known = self._known[zone]
        self._known[zone] = (sitting, {**known, **(records or {})})

    def forget(self, zone: str) -> None:
        """Let the next view read `zone` anew."""
        self._known.pop(zone, None)

    async def _read(self, zone: str) -> None:
        self.forget(zone)
        self._unread.pop(zone, None)
        try:
            self._known[zone] = await self._zones[zone].read(self._keys[zone])
        except ReadError as error:
            self._unread[zone] = error
