"""What a pair's records are to be, worked out anew: nothing here is taken from the rules that are tested."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import dns.name
import dns.node
from dns.rdtypes.ANY.TXT import TXT

from failover_dns.core.model import Change, Layout, Pair, Record

Rr = tuple[str, str, str]
"""Owner, type and value, as text."""

FENCE = re.compile(r"failover-dns/1 epoch=(\d+) online=(\S+) writer=(\S+) time=(\S+)")

Nodes = Mapping[dns.name.Name, dns.node.Node]
"""A zone's content at one moment: a zone never changes a node, it puts another in its place."""


@dataclass(frozen=True, slots=True)
class Table:
    """A layout's row: what is there, and what is not, while one agent is online."""

    present: frozenset[Rr]
    absent: frozenset[Rr]


def table(pair: Pair, online: str) -> Table:
    """Return the pair's records with that agent online."""
    up, down = pair.agent(online), pair.other(online)
    own = {rr for agent in pair.agents for rr in _addresses(agent.name, *agent.addresses)}
    kept = own if pair.keep_physical else set()
    named = pair.published_as or ""
    match pair.layout:
        case Layout.AGENT_NAME:
            present, absent = _virtual(pair, up.name), _virtual(pair, down.name)
        case Layout.VIRTUAL_NAME:
            present = _virtual(pair, named)
            absent = _virtual(pair, up.name) | _virtual(pair, down.name)
        case _:
            present, absent = _addresses(named, *up.addresses), _addresses(named, *down.addresses)
    return Table(frozenset(present | kept), frozenset(absent))


def physical(pair: Pair) -> frozenset[Rr]:
    """Return the agents' own addresses."""
    return frozenset(rr for agent in pair.agents for rr in _addresses(agent.name, *agent.addresses))


def fence_owner(pair: Pair, zone: str) -> str:
    return f"_failover-dns.{pair.name}.{zone}"


def rr(record: Record) -> Rr:
    return (record.key.name, str(record.key.type), str(record.value))


def holds(nodes: Nodes, change: Change) -> bool:
    """Return whether the zone has what the change adds and not what it removes."""
    return all(has(nodes, rr(record)) for record in change.adds) and not any(
        has(nodes, rr(record)) for record in change.removes
    )


def as_read(nodes: Nodes, change: Change) -> bool:
    """Return whether the zone has exactly what the change was planned on."""
    return all(
        values(nodes, rrset.key.name, str(rrset.key.type)) == frozenset(map(str, rrset.values))
        for rrset in change.before
    )


def has(nodes: Nodes, one: Rr) -> bool:
    return one[2] in values(nodes, one[0], one[1])


def values(nodes: Nodes, name: str, kind: str) -> frozenset[str]:
    """Return the values of one RRset."""
    return frozenset(
        value for _, found, value in at(nodes.get(dns.name.from_text(name)), name) if found == kind
    )


def content(nodes: Nodes) -> frozenset[Rr]:
    """Return everything in a zone but its SOA, whose serial steps."""
    return frozenset(one for name, node in nodes.items() for one in at(node, name.to_text().lower()))


def changed(before: Nodes, after: Nodes) -> tuple[frozenset[Rr], frozenset[Rr]]:
    """Return what was removed and what was added, without looking at what stayed."""
    names = [name for name in {**before, **after} if before.get(name) is not after.get(name)]
    old = {one for name in names for one in at(before.get(name), name.to_text().lower())}
    new = {one for name in names for one in at(after.get(name), name.to_text().lower())}
    return frozenset(old - new), frozenset(new - old)


def at(node: dns.node.Node | None, name: str) -> list[Rr]:
    return [
        (name, rdataset.rdtype.name, text(rdata))
        for rdataset in node or ()
        for rdata in rdataset
        if rdataset.rdtype.name != "SOA"
    ]


def text(rdata: object) -> str:
    if isinstance(rdata, TXT):
        return b"".join(rdata.strings).decode()
    return str(rdata).lower()


def shown(removed: Iterable[Rr], added: Iterable[Rr]) -> str:
    """Return a change for a person."""
    signed = [f"-[{_brief(one)}]" for one in sorted(removed)] + [f"+[{_brief(one)}]" for one in sorted(added)]
    return " ".join(signed) or "TTLs"


def _brief(one: Rr) -> str:
    match = FENCE.match(one[2])
    return "fence {} {} by {}".format(*match.groups()) if match else " ".join(one)


def _virtual(pair: Pair, name: str) -> set[Rr]:
    pointers = {(f"{ip.reverse_pointer}.", "PTR", name) for ip in pair.virtual_ips}
    return pointers | _addresses(name, *pair.virtual_ips)


def _addresses(name: str, *addresses: object) -> set[Rr]:
    return {(name, "AAAA" if ":" in str(address) else "A", str(address)) for address in addresses}
