"""A layout, the online agent and the records as they are become the updates between them, zone by zone.

What each layout says, with MAIN and BACKUP the agents and BACKUP online:

    layout         must be there                                     must not
    agent-name     BACKUP: virtual IPs; their PTR: BACKUP            MAIN: virtual IPs; their PTR: MAIN
    virtual-name   VIRTUAL: virtual IPs; their PTR: VIRTUAL          MAIN, BACKUP: virtual IPs, PTR: either
    service-name   SERVICE: BACKUP's own addresses                   SERVICE: MAIN's own addresses
    keep_physical  adds to any: MAIN, BACKUP: their own addresses

Every other record at these names is foreign: it stays, and a foreign PTR of a virtual IP is reported. TTLs
are not compared: an RRset has one TTL for all its records (RFC 2181 5.2), foreign ones among them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from failover_dns.core.model import (
    Address,
    Change,
    Key,
    Layout,
    Pair,
    Plan,
    Record,
    Records,
    Type,
    address_type,
    zone_of,
)


class UnknownZoneError(ValueError):
    """A name of the pair lies in no zone that the configuration names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a layout says of a pair's records: those that must be there and those that must not."""

    present: frozenset[Record]
    absent: frozenset[Record]


def wanted(pair: Pair, online: str) -> Wanted:
    """Return what `pair` is to look like with agent `online` online."""
    stale = pair.other(online)
    match pair.layout:
        case Layout.AGENT_NAME:
            present, absent = _published(pair, online), _published(pair, stale.name)
        case Layout.VIRTUAL_NAME:
            present = _published(pair, pair.published_as or "")
            absent = {record for agent in pair.agents for record in _published(pair, agent.name)}
        case Layout.SERVICE_NAME:
            present = _forward(pair.published_as or "", pair.agent(online).addresses)
            absent = _forward(pair.published_as or "", stale.addresses)
        case _:
            assert_never(pair.layout)
    if pair.keep_physical:
        present |= {record for agent in pair.agents for record in _forward(agent.name, agent.addresses)}
    return Wanted(present=frozenset(present), absent=frozenset(absent))


def names(pair: Pair) -> frozenset[str]:
    """Return every name whose records the pair may read or change."""
    return frozenset(key.name for key in keys(pair))


def keys(pair: Pair) -> tuple[Key, ...]:
    """Return every RRset that must be read before `pair` can be planned, sorted.

    Agents' names are read in both families: a plan must see whether a name would lose its last address.
    """
    hosts = [
        agent.name for agent in pair.agents if pair.layout is not Layout.SERVICE_NAME or pair.keep_physical
    ]
    if pair.published_as is not None and pair.layout is not Layout.AGENT_NAME:
        hosts.append(pair.published_as)
    forward = {Key(host, kind) for host in hosts for kind in (Type.A, Type.AAAA)}
    return tuple(sorted(forward | {Key(pair.pointer(ip), Type.PTR) for ip in pair.virtual_ips}))


def writable_keys(pair: Pair) -> tuple[Key, ...]:
    """Return every RRset that a plan for `pair` may change, sorted: what a grant must cover."""
    wants = (wanted(pair, agent.name) for agent in pair.agents)
    return tuple(sorted({record.key for want in wants for record in want.present | want.absent}))


def plan(
    pair: Pair,
    online: str,
    current: Records,
    zones: frozenset[str],
    *,
    unread: frozenset[str] = frozenset(),
) -> Plan:
    """Return the updates that make `current` say that `online` is online; none if it says so.

    Zones in `unread` could not be read and are left as they are: what was not read is never taken for empty.
    Raises UnknownZoneError for a name in none of `zones`, KeyError if `current` lacks any other of
    `keys(pair)`.
    """
    _require_read(pair, current, zones, unread)
    want = _readable(wanted(pair, online), zones, unread)
    adds = [record for record in want.present if record.value not in current[record.key].values]
    removes = [record for record in want.absent if record.value in current[record.key].values]
    touched: dict[str, set[Key]] = {}
    for record in (*adds, *removes):
        touched.setdefault(zone_for(record.key.name, zones), set()).add(record.key)
    beside = {zone: _beside(pair, removes, current, found) for zone, found in touched.items()}
    return Plan(
        pair=pair.name,
        online=online,
        changes=tuple(
            Change(
                zone=zone,
                before=tuple(current[key] for key in sorted(touched[zone] | beside[zone])),
                removes=_sorted(r for r in removes if r.key in touched[zone]),
                adds=_sorted(r for r in adds if r.key in touched[zone]),
                ttl_s=pair.ttl_s,
            )
            for zone in sorted(touched)
        ),
        foreign=_foreign_pointers(pair, online, current),
    )


def _beside(pair: Pair, removes: Iterable[Record], current: Records, keys: Iterable[Key]) -> set[Key]:
    """Return the agents' other addresses, of which a name's last one of a family may be removed only if they stay."""
    emptied = {record.key for record in removes if current[record.key].values == {record.value}} & {*keys}
    hosts = {agent.name for agent in pair.agents}
    both = {Key(key.name, kind) for key in emptied if key.name in hosts for kind in (Type.A, Type.AAAA)}
    return {key for key in both if key in current}


def before(change: Change, changes: Iterable[Change]) -> frozenset[str]:
    """Return the zones whose additions must be there before `change` is sent.

    Where the agents' names lie in two zones, the address is added at the one before it is taken from the other:
    half a switch then shows both, and never nobody.
    """
    taken = {record.value for record in change.removes if _is_address(record)}
    return frozenset(
        other.zone
        for other in changes
        if other.zone != change.zone and any(record.value in taken for record in other.adds)
    )


def _is_address(record: Record) -> bool:
    return record.key.type in {Type.A, Type.AAAA}


def zone_for(name: str, zones: frozenset[str]) -> str:
    """Return the zone that `name` lies in; UnknownZoneError if it is in none of `zones`."""
    zone = zone_of(name, zones)
    if zone is None:
        raise UnknownZoneError(f"{name} lies in no configured zone; add the zone that holds it to [[zones]]")
    return zone


def _published(pair: Pair, host: str) -> set[Record]:
    pointers = {Record(Key(pair.pointer(ip), Type.PTR), host) for ip in pair.virtual_ips}
    return pointers | _forward(host, pair.virtual_ips)


def _forward(host: str, addresses: Iterable[Address]) -> set[Record]:
    return {Record(Key(host, address_type(address)), address) for address in addresses}


def _require_read(pair: Pair, current: Records, zones: frozenset[str], unread: frozenset[str]) -> None:
    for key in keys(pair):
        if key not in current and zone_for(key.name, zones) not in unread:
            raise KeyError(key)


def _readable(want: Wanted, zones: frozenset[str], unread: frozenset[str]) -> Wanted:
    def read(records: frozenset[Record]) -> frozenset[Record]:
        return frozenset(r for r in records if zone_for(r.key.name, zones) not in unread)

    return Wanted(present=read(want.present), absent=read(want.absent))


def _foreign_pointers(pair: Pair, online: str, current: Records) -> tuple[Record, ...]:
    want = wanted(pair, online)
    ours = want.present | want.absent
    pointers = (Key(pair.pointer(ip), Type.PTR) for ip in pair.virtual_ips)
    found = (Record(key, value) for key in pointers if key in current for value in current[key].values)
    return _sorted(record for record in found if record not in ours)


def _sorted(records: Iterable[Record]) -> tuple[Record, ...]:
    return tuple(sorted(records, key=lambda record: record.order))
