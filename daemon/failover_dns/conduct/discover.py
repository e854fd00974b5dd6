"""Where names lie and which server takes their updates, as resolvers tell: by SOA, label by label.

A zone begins at a name whose own SOA stands in the answer; what stands beside it, in the authority section or
behind a CNAME, is another name's. What was found is kept for the SOA's life, and longer while no resolver
answers: where updates go seldom changes, and a switch must not wait for a resolver that is down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from failover_dns.conduct.signing import Server
from failover_dns.conduct.zone import Located, Zone
from failover_dns.core.errors import ReadError, SilentError, UnsentError
from failover_dns.core.model import Instant, zone_of
from failover_dns.wire.soa import Soa, ask_soa, read_apex

SHORTEST_S = 5.0
LONGEST_S = 3600.0
"""Bounds of the SOA's life: 0 would ask at every audit, and a day would hide a move for that long."""

FAILED_S = 5.0
"""How long it is kept that nothing was found, or that no resolver answered."""

MAX_LABELS = 40
"""A reverse IPv6 name has 34; what has more is not looked up."""

NOT_OURS = frozenset({".", "arpa.", "in-addr.arpa.", "ip6.arpa."})
"""Zones of everybody: who ends there was not told of the zone below."""

NOBODY = frozenset({".", "localhost.", "prisoner.iana.org."})
"""Primaries of zones that a resolver makes up, or sends to AS112, for private addresses (RFC 6303, RFC 7534)."""

BY_HAND = "name the zone and its primaries in [[zones]], or let the resolvers know it"


@dataclass(frozen=True, slots=True)
class _Kept:
    """What was found for a name, until when; `soa` is None where no zone is, or nobody told: `problem`."""

    soa: Soa | None
    until_s: float
    problem: ReadError | None = None


class Finder:
    """The zones that names lie in, by asking resolvers: the next one only if the one before told nothing."""

    def __init__(
        self, resolvers: Sequence[Server], *, clock: Callable[[], Instant], deadline_s: float = 2.0
    ) -> None:
        self._resolvers = tuple(resolvers)
        self._clock = clock
        self._deadline_s = deadline_s
        self._search_s = deadline_s * (len(self._resolvers) + 1)
        self._first = 0
        self._kept: dict[str, _Kept] = {}
        self._searches: dict[str, asyncio.Task[_Kept]] = {}

    async def find(self, name: str) -> Soa:
        """Return the SOA of the closest zone above `name`; ReadError if none is found or nobody tells.

        One question waits `deadline_s` for its answer, the whole search once that for each resolver and once
        more.
        """
        if name.count(".") > MAX_LABELS:
            raise ReadError(f"{name} is not looked up: it has more than {MAX_LABELS} labels", BY_HAND)
        try:
            async with asyncio.timeout(self._search_s):
                kept = await self._find(name)
        except TimeoutError:
            raise ReadError(f"the zone of {name} was not found in time", _look_at(self._resolvers)) from None
        if kept.problem is not None:
            raise ReadError(f"the zone of {name} is not known: {kept.problem.what}", kept.problem.cure)
        if kept.soa is None:
            raise ReadError(f"no resolver knows a zone that {name} lies in", BY_HAND)
        return _of_somebody(kept.soa)

    def forget(self, zone: str) -> None:
        """Ask anew for what lies in `zone`; what was known serves on only if no resolver answers."""
        for name, kept in self._kept.items():
            if kept.soa is not None and kept.soa.zone == zone:
                self._kept[name] = _Kept(kept.soa, self._clock().mono_s)

    async def _find(self, name: str) -> _Kept:
        """Return what is kept, or is being searched for, or is searched for now."""
        kept = self._kept.get(name)
        if kept is not None and self._clock().mono_s < kept.until_s:
            return kept
        search = self._searches.get(name)
        if search is None:
            search = self._searches[name] = asyncio.create_task(self._search(name, kept))
            search.add_done_callback(lambda _: self._searches.pop(name, None))
        return await asyncio.shield(search)

    async def _search(self, name: str, before: _Kept | None) -> _Kept:
        found = await self._look(name)
        if found.problem is not None and before is not None and before.soa is not None:
            found = _Kept(before.soa, found.until_s)
        self._kept[name] = found
        return found

    async def _look(self, name: str) -> _Kept:
        """Ask for the SOA at `name`, then above it."""
        if name in NOT_OURS:
            return _Kept(None, self._clock().mono_s + FAILED_S)
        try:
            soa = await self._ask(name)
        except ReadError as error:
            return _Kept(None, self._clock().mono_s + FAILED_S, error)
        if soa is None:
            return await self._find(name.partition(".")[2] or ".")
        return _Kept(soa, self._clock().mono_s + min(LONGEST_S, max(SHORTEST_S, soa.ttl_s)))

    async def _ask(self, name: str) -> Soa | None:
        """Return the SOA at `name`, None if no zone begins there; ReadError if no resolver tells."""
        problems: list[str] = []
        for turn in range(len(self._resolvers)):
            index = (self._first + turn) % len(self._resolvers)
            resolver = self._resolvers[index]
            query = ask_soa(name, recurse=True)
            try:
                answer = await resolver.exchange(query.to_wire(), deadline_s=self._deadline_s)
                soa = read_apex(query, answer)
            except (UnsentError, SilentError) as error:
                problems.append(error.what)
            except ReadError as error:
                problems.append(f"{resolver}: {error.what}")
            else:
                self._first = index
                return soa
        what = "; ".join(problems) or "there is no resolver"
        raise ReadError(what, _look_at(self._resolvers))


class Mnames:
    """The primaries that zones' SOAs name, each connected to once."""

    def __init__(self, finder: Finder, connect: Callable[[str], Server]) -> None:
        self._finder = finder
        self._connect = connect
        self._servers: dict[str, Server] = {}

    async def locate(self, zone: str) -> Located:
        """Return the primary that the SOA of `zone` names; ReadError if the zone is not found."""
        soa = await self._finder.find(zone)
        if soa.zone != zone:
            what = f"no resolver knows zone {zone}: it would lie in {soa.zone}"
            raise ReadError(what, "check the zone's name, or write its primaries into its [[zones]]")
        if soa.primary not in self._servers:
            self._servers[soa.primary] = self._connect(soa.primary)
        return Located(soa.primary, self._servers[soa.primary])

    def forget(self, zone: str) -> None:
        """Ask anew for the zone's SOA."""
        self._finder.forget(zone)


class ZoneBook(Mapping[str, Zone]):
    """The zones by name: those that are configured and, with a finder, any other.

    A configured zone is the operator's word: it has every name below it that no closer configured zone has,
    whatever the resolvers say. All other names are looked up.
    """

    def __init__(
        self,
        configured: Mapping[str, Zone],
        finder: Finder | None = None,
        open_zone: Callable[[str], Zone] | None = None,
    ) -> None:
        if (finder is None) is not (open_zone is None):
            raise ValueError("what is found must be opened, and what is to be opened found")
        self._configured = frozenset(configured)
        self._zones = dict(configured)
        self._finder = finder
        self._open_zone = open_zone

    async def at(self, names: Iterable[str]) -> tuple[Mapping[str, Zone], Mapping[str, ReadError]]:
        """Return the zones that `names` lie in and, by name, why others are not known to lie anywhere."""
        zones = {name: zone_of(name, self._configured) for name in names}
        others = [name for name, zone in zones.items() if zone is None]
        found = dict(zip(others, await asyncio.gather(*map(self._look_up, others)), strict=True))
        unfound = {name: zone for name, zone in found.items() if isinstance(zone, ReadError)}
        lain_in = {*zones.values(), *found.values()}
        return {zone: self[zone] for zone in lain_in if isinstance(zone, str)}, unfound

    def forget(self, zone: str) -> None:
        """Ask anew, next time, what lies in `zone` and which server its primary is."""
        if zone in self._zones:
            self._zones[zone].forget()
        if self._finder is not None:
            self._finder.forget(zone)

    def __getitem__(self, zone: str) -> Zone:
        if zone not in self._zones and self._open_zone is not None:
            self._zones[zone] = self._open_zone(zone)
        return self._zones[zone]

    def __iter__(self) -> Iterator[str]:
        """Go through the zones that are configured or were asked for."""
        return iter(self._zones)

    def __len__(self) -> int:
        return len(self._zones)

    async def _look_up(self, name: str) -> str | ReadError:
        if self._finder is None:
            return ReadError(f"{name} lies in no configured zone", "add the zone that holds it to [[zones]]")
        try:
            return (await self._finder.find(name)).zone
        except ReadError as error:
            return error


def _of_somebody(soa: Soa) -> Soa:
    """Return the SOA; ReadError if it is of a zone that nobody keeps."""
    reverse = soa.zone.endswith(".arpa.")
    if soa.primary in NOBODY or (reverse and soa.primary == soa.zone):
        what = f"zone {soa.zone}, as the resolvers have it, is nobody's: its SOA names {soa.primary}"
        raise ReadError(what, BY_HAND)
    return soa


def _look_at(resolvers: Sequence[Server]) -> str:
    shown = ", ".join(map(str, resolvers))
    return f"look at {shown}, or name others in resolvers" if shown else "name one in resolvers"
