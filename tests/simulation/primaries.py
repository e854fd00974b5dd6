"""Primaries: the embedded one's own logic and signatures, watched at every update that changes a zone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import dns.name
import dns.rdata
import dns.rdataset
import dns.tsig
import dns.zone

from failover_dns.core.model import Pair
from failover_dns.sandbox.server import SandboxServer
from failover_dns.sandbox.zone import load
from tests.simulation.answers import Answers
from tests.simulation.clocks import ACTING, Clock
from tests.simulation.scenario import REVERSE, REVERSE6, Scenario
from tests.simulation.truth import Nodes, Rr

TTL_S = 60
_HEAD = "@ 60 IN SOA ns.{zone} admin.{zone} 1 3600 600 86400 60\n@ 60 IN NS {server}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """An update that changed a zone, with the zone before and after it."""

    primary: str
    zone: str
    at_s: float
    wire: bytes
    before: Nodes
    after: Nodes


@dataclass(slots=True)
class Primary:
    """A server of some zones; `history` has each zone's contents since when."""

    name: str
    server: SandboxServer
    answers: Answers
    now_s: Callable[[], float]
    up: bool = True
    zones: dict[str, dns.zone.Zone] = field(init=False)
    history: dict[str, list[tuple[float, Nodes]]] = field(init=False)

    def __post_init__(self) -> None:
        self.zones = {origin.to_text(): zone for origin, zone in self.server.primary.zones.items()}
        self.history = {zone: [(self.now_s(), self.nodes(zone))] for zone in self.zones}

    def nodes(self, zone: str) -> Nodes:
        return self.zones[zone].nodes

    def answer(self, wire: bytes, applied: Callable[[Applied], None]) -> bytes | None:
        """Answer one message, and tell of the update if it changed something."""
        before = {zone: self.nodes(zone) for zone in self.zones}
        known = self.answers.to(wire, before)
        if known is not None:
            return known
        token = ACTING.set(Clock(self.now_s).wall)
        try:
            answers = self.server.answers(wire, is_stream=True)
        finally:
            ACTING.reset(token)
        for zone, nodes in before.items():
            after = self.nodes(zone)
            if after is not nodes:
                self.note(zone)
                applied(
                    Applied(
                        primary=self.name,
                        zone=zone,
                        at_s=self.now_s(),
                        wire=wire,
                        before=nodes,
                        after=after,
                    )
                )
        if not answers:
            return None
        self.answers.remember(wire, answers[0], before)
        return answers[0]

    def edit(self, zone: str, *, removes: Iterable[Rr] = (), adds: Iterable[Rr] = ()) -> None:
        """Let somebody else change a zone: Windows, or a person."""
        loaded = self.zones[zone]
        with loaded.writer() as txn:
            for name, kind, value in removes:
                txn.delete(dns.name.from_text(name), _rdata(kind, value))
            for name, kind, value in adds:
                txn.add(dns.name.from_text(name), TTL_S, _rdata(kind, value))
            txn.update_serial(name=loaded.origin)
        self.note(zone)

    def restore(self, zone: str, nodes: Nodes) -> None:
        """Put an older copy of a zone in its place, serial and all."""
        self.zones[zone].nodes = dict(nodes)
        self.note(zone)

    def note(self, zone: str) -> None:
        self.history[zone].append((self.now_s(), self.nodes(zone)))


def build(
    scenario: Scenario, key: dns.tsig.Key, records: Iterable[Rr], now_s: Callable[[], float]
) -> dict[str, Primary]:
    """Return the primaries with their zones, each record in the one that it belongs to."""
    records = tuple(records)
    primaries = {}
    for name, zones in scenario.primaries.items():
        of = {zone: [one for one in records if zone_of(scenario, one[0]) == zone] for zone in zones}
        loaded = [load(zone, text_of(zone, of[zone])) for zone in zones]
        wall = Clock(now_s).wall
        primaries[name] = Primary(name, SandboxServer(loaded, [key], clock=wall), Answers(key, wall), now_s)
    return primaries


def zone_of(scenario: Scenario, name: str) -> str:
    """Return the zone that a name lies in: no zone here lies in another."""
    return next(zone for zone in scenario.zones if name.endswith(f".{zone}"))


def pointers(pair: Pair) -> list[str]:
    return [f"{ip.reverse_pointer}." for ip in pair.virtual_ips]


def text_of(zone: str, records: Iterable[Rr]) -> str:
    reverse = zone in {REVERSE, REVERSE6}
    head = _HEAD.format(zone=zone, server="ns.elsewhere.invalid." if reverse else f"ns.{zone}")
    glue = "" if reverse else f"ns.{zone} 60 IN A 127.0.0.1\n"
    return (
        head + glue + "".join(f"{name} {TTL_S} IN {kind} {value}\n" for name, kind, value in sorted(records))
    )


def _rdata(kind: str, value: str) -> dns.rdata.Rdata:
    return dns.rdata.from_text("IN", kind, value)
