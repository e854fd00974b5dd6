"""What one pair's zones hold, as it was last read.

What was read last may serve again: it goes into the update as its prerequisite, so that the primary refuses
where it no longer holds. That saves a switch the reading before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import TypeVar

from failover_dns.conduct.discover import ZoneBook
from failover_dns.conduct.zone import Sitting, Zone
from failover_dns.core.errors import FailoverDnsError, ReadError
from failover_dns.core.model import Instant, Key, Records, RRset
from failover_dns.core.plan import zone_for

T = TypeVar("T")


class Depth(IntEnum):
    """How much of what is known a view takes as it is."""

    KNOWN = 0
    CHANGED = 1
    ANEW = 2


ANEW_S = 600.0
"""A serial that stays while records change is a server's fault; after this long it is not relied on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The records of the zones that could be read, where they were, and why the others could not.

    `zones` are all of them. A name whose zone is not known is a zone of its own, which could not be read. `servers`
    has the server's own name for zones that each of several servers takes updates for.
    """

    zones: frozenset[str]
    records: Records
    sittings: Mapping[str, Sitting]
    unread: Mapping[str, ReadError]
    servers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read of a zone, where, and at which serial; no serial if the records were changed since.

    `server` is the server's own name, where each of several takes updates; else empty.
    """

    sitting: Sitting
    records: Mapping[Key, RRset]
    serial: int | None
    until_s: float
    server: str


class Reader:
    """Reads the records of one pair, zone by zone, and keeps what it read."""

    def __init__(
        self,
        keys: Iterable[Key],
        book: ZoneBook,
        *,
        clock: Callable[[], Instant],
        fence: Callable[[str], Key] | None = None,
    ) -> None:
        self._keys = tuple(keys)
        self._fence = fence
        self._book = book
        self._clock = clock
        self._zones: dict[str, Zone] = {}
        self._unfound: dict[str, ReadError] = {}
        self._lying: dict[str, tuple[Key, ...]] = {}
        self._known: dict[str, _Known] = {}
        self._unread: dict[str, ReadError] = {}

    @property
    def zones(self) -> frozenset[str]:
        """The zones that the pair's records lie in."""
        return frozenset(self._lying)

    @property
    def read_zones(self) -> frozenset[str]:
        """The zones of which something is known."""
        return frozenset(self._known)

    async def view(
        self, depth: Depth, *, skip: frozenset[str] = frozenset(), busy: frozenset[str] = frozenset()
    ) -> View:
        """Return what the zones hold; what is not known is always found and read.

        At depth CHANGED a zone is read anew if its serial says that something changed, at ANEW in any case.
        Zones in `skip` that could not be read last time are not asked: they stay unread. Zones in `busy`, where
        something is in flight, are taken as they are known: they may be slow, and are read when it has landed.
        """
        spared = skip & (self._unread.keys() | self._unfound.keys())
        await self._find(spared if depth is not Depth.KNOWN else spared | self._known.keys())
        spared &= self._unread.keys()  # what lies elsewhere now was not asked for before
        left = busy & self._known.keys()
        await asyncio.gather(*(self._renew(zone, depth) for zone in self._zones.keys() - spared - left))
        return View(
            zones=self.zones,
            records={key: rrset for known in self._known.values() for key, rrset in known.records.items()},
            sittings={zone: known.sitting for zone, known in self._known.items()},
            unread={**self._unread, **self._unfound},
            servers={zone: known.server for zone, known in self._known.items() if known.server},
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

    async def _find(self, settled: frozenset[str] | set[str]) -> None:
        """Look up where the pair's names lie, but for those in `settled` zones."""
        where = {key.name: zone for zone, keys in self._lying.items() for key in keys}
        asked = {key.name for key in self._keys if where.get(key.name) not in settled}
        if not asked:
            return
        found, unfound = await self._book.at(asked)
        stay = {where[key.name] for key in self._keys if key.name not in asked}
        self._zones = {**_only(self._zones, stay), **found}
        self._unfound = {**_only(self._unfound, stay), **unfound}
        lying = _by_zone(self._keys, frozenset((*self._zones, *self._unfound)))
        if self._fence is not None:
            lying = {zone: (*keys, self._fence(zone)) for zone, keys in lying.items()}
        same = {zone for zone, keys in lying.items() if self._lying.get(zone) == keys and zone in self._zones}
        self._lying = lying
        self._zones = _only(self._zones, lying)
        self._known = _only(self._known, same)
        self._unread = _only(self._unread, same)

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
            if known.sitting not in await self._zones[zone].located():
                return True
            return await self._zones[zone].serial(known.sitting) != known.serial
        except FailoverDnsError:
            return True

    async def _read(self, zone: str) -> None:
        self.forget(zone)
        self._unread.pop(zone, None)
        until_s = self._clock().mono_s + ANEW_S
        try:
            # The serial comes first: what changes between the two is then seen at the next audit.
            sitting, soa, found = await self._zones[zone].survey(self._lying[zone])
        except ReadError as error:
            self._unread[zone] = error
        else:
            server = soa.primary if sitting.signer.by_server else ""
            self._known[zone] = _Known(sitting, found, soa.serial, until_s, server)


def _by_zone(keys: Iterable[Key], zones: frozenset[str]) -> dict[str, tuple[Key, ...]]:
    found: dict[str, tuple[Key, ...]] = {}
    for key in keys:
        zone = zone_for(key.name, zones)
        found[zone] = (*found.get(zone, ()), key)
    return found


def _only(zones: Mapping[str, T], names: Container[str]) -> dict[str, T]:
    return {name: value for name, value in zones.items() if name in names}
