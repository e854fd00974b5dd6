"""The words of the project as values: pairs and agents, what was observed, what was read from DNS.

Names are absolute, lower-case text (`dma-main.example.test.`); addresses are `ipaddress` objects. What is
constructed is valid: a pair that contradicts itself raises ValueError.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

Address = IPv4Address | IPv6Address
Value = IPv4Address | IPv6Address | str


class Role(StrEnum):
    """What an agent says it is."""

    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"
    SWITCHING = "SWITCHING"
    UNKNOWN = "UNKNOWN"


class Layout(StrEnum):
    """How a pair is published."""

    AGENT_NAME = "agent-name"
    VIRTUAL_NAME = "virtual-name"
    SERVICE_NAME = "service-name"


class BothOnline(StrEnum):
    """What to do when both agents say ONLINE and the order of their claims is known."""

    NEWER = "newer"
    HOLD = "hold"


class Type(StrEnum):
    """The RR types that are read or written (RFC 1035 3.2.2, RFC 3596)."""

    A = "A"
    AAAA = "AAAA"
    PTR = "PTR"
    CNAME = "CNAME"
    TXT = "TXT"
    NS = "NS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """One reading of both clocks: monotonic seconds for durations, seconds since 1970 for people."""

    mono_s: float
    wall_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One host of a pair: a fully qualified name and its physical addresses."""

    name: str
    addresses: tuple[Address, ...] = ()

    def __post_init__(self) -> None:
        require_canonical(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two agents of which one is online, and how they are published; the unit of decision.

    `pointers` has the names that hold the PTRs of virtual IPs whose reverse zone is classless (RFC 2317);
    `fence` says whether decisions of several daemons are ordered by a TXT record (`core.fence`).
    """

    name: str
    agents: tuple[Agent, Agent]
    layout: Layout = Layout.AGENT_NAME
    virtual_ips: tuple[Address, ...] = ()
    published_as: str | None = None
    ttl_s: int = 60
    keep_physical: bool = False
    settle_s: float = 0.0
    both_online: BothOnline = BothOnline.NEWER
    clock_tolerance_s: float = 5.0
    pointers: Mapping[Address, str] = field(default_factory=dict)
    fence: bool = False

    def __post_init__(self) -> None:
        """Refuse what no layout can publish."""
        first, second = self.agents
        if first.name == second.name:
            raise ValueError(f"pair {self.name}: both agents are called {first.name}")
        physical = {*first.addresses, *second.addresses}
        if physical & {*self.virtual_ips}:
            raise ValueError(f"pair {self.name}: a virtual IP is also an agent's own address")
        if self.layout is Layout.SERVICE_NAME:
            self._require_service()
        elif not self.virtual_ips:
            raise ValueError(f"pair {self.name}: layout {self.layout} needs a virtual IP")
        if self.layout is not Layout.AGENT_NAME:
            self._require_own_name()
        for ip, name in self.pointers.items():
            require_canonical(name)
            if ip not in self.virtual_ips:
                raise ValueError(f"pair {self.name}: {name} is the pointer of {ip}, which is no virtual IP")

    def _require_service(self) -> None:
        if self.virtual_ips:
            raise ValueError(f"pair {self.name}: layout service-name has no virtual IP")
        if not all(agent.addresses for agent in self.agents):
            raise ValueError(f"pair {self.name}: layout service-name needs each agent's addresses")
        if {*self.agents[0].addresses} & {*self.agents[1].addresses}:
            raise ValueError(f"pair {self.name}: both agents have the same address")

    def _require_own_name(self) -> None:
        if self.published_as is None:
            raise ValueError(f"pair {self.name}: layout {self.layout} needs the name to publish")
        require_canonical(self.published_as)
        if self.published_as in {agent.name for agent in self.agents}:
            raise ValueError(f"pair {self.name}: {self.published_as} is an agent's name already")

    def pointer(self, ip: Address) -> str:
        """Return the name that holds the PTR of a virtual IP."""
        return self.pointers.get(ip) or reverse_name(ip)

    def agent(self, name: str) -> Agent:
        """Return the agent of that name; KeyError if the pair has none."""
        for agent in self.agents:
            if agent.name == name:
                return agent
        raise KeyError(name)

    def other(self, name: str) -> Agent:
        """Return the agent that is not called `name`."""
        self.agent(name)
        return self.agents[1] if self.agents[0].name == name else self.agents[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One reading of a source: the role, when it was read, since when it holds, how it was known.

    `since_s` is the source's own word, in seconds since 1970, or None where it does not say. `reason` says
    why a role is UNKNOWN, or how any other was recognised.
    """

    agent: str
    role: Role
    read: Instant
    source: str
    reason: str = ""
    since_s: float | None = None


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """An RRset's identity: owner name and type (the class is always IN)."""

    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class Record:
    """One RR without its TTL: what is added or removed, by value."""

    key: Key
    value: Value

    def __str__(self) -> str:
        return f"{self.key.name} {self.key.type} {self.value}"

    @property
    def order(self) -> tuple[str, str, str]:
        """A total order over records of all types, for stable output."""
        return (self.key.name, self.key.type, str(self.value))


@dataclass(frozen=True, slots=True, kw_only=True)
class RRset:
    """The records of one key as the primary has them; no values means proved absent, never not known."""

    key: Key
    values: frozenset[Value] = frozenset()
    ttl_s: int = 0


Records = Mapping[Key, RRset]
"""What was read. A key that is missing was not read: nothing may be concluded about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The update of one zone: RRsets as they were read (its prerequisites), and single records by value."""

    zone: str
    before: tuple[RRset, ...]
    removes: tuple[Record, ...] = ()
    adds: tuple[Record, ...] = ()
    ttl_s: int = 60

    @property
    def keys(self) -> tuple[Key, ...]:
        """The keys that this change touches, sorted; what it only demands is left out."""
        return tuple(sorted({record.key for record in (*self.removes, *self.adds)}))

    def without(self, records: Collection[Record]) -> Change | None:
        """Return the change less `records`; None if nothing is left of it.

        What was a prerequisite alone stays one.
        """
        removes = tuple(record for record in self.removes if record not in records)
        adds = tuple(record for record in self.adds if record not in records)
        touched = {record.key for record in (*removes, *adds)}
        dropped = {record.key for record in (*self.removes, *self.adds)} - touched
        before = tuple(rrset for rrset in self.before if rrset.key not in dropped)
        return replace(self, before=before, removes=removes, adds=adds) if touched else None

    @property
    def decides(self) -> bool:
        """Whether it moves the fence: its records then go with that, or not at all."""
        return any(record.key.type is Type.TXT for record in self.adds)

    @property
    def touched(self) -> tuple[RRset, ...]:
        """The RRsets as they were read that this change touches; the fence, which nobody looks up, is left out."""
        return tuple(r for r in self.before if r.key in self.keys and r.key.type is not Type.TXT)

    @property
    def after(self) -> tuple[RRset, ...]:
        """The RRsets as they are once the change is made, by value: their TTLs are the server's matter."""
        return tuple(
            replace(
                rrset,
                values=rrset.values.difference(r.value for r in self.removes if r.key == rrset.key).union(
                    r.value for r in self.adds if r.key == rrset.key
                ),
            )
            for rrset in self.before
        )

    def holds(self, seen: Records) -> bool:
        """Return whether `seen` shows every record added and none of those removed."""
        return all(r.value in seen[r.key].values for r in self.adds) and not any(
            r.value in seen[r.key].values for r in self.removes
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What it takes to make DNS tell the truth about one pair, zone by zone; empty when it does."""

    pair: str
    online: str
    changes: tuple[Change, ...] = ()
    foreign: tuple[Record, ...] = field(default=())


def require_canonical(name: str) -> None:
    """Raise ValueError unless `name` is absolute and lower-case."""
    if not name.endswith(".") or name != name.lower() or name.startswith("."):
        raise ValueError(f"{name!r} is not an absolute, lower-case name")


def address_type(address: Address) -> Type:
    """Return A for an IPv4 address and AAAA for an IPv6 one."""
    return Type.A if address.version == 4 else Type.AAAA  # noqa: PLR2004 - the IP version's own number


def reverse_name(address: Address) -> str:
    """Return the name that holds the address's PTR (RFC 1035 3.5, RFC 3596 2.5)."""
    return address.reverse_pointer + "."


def zone_of(name: str, zones: frozenset[str]) -> str | None:
    """Return the zone, by whole labels, that is closest above `name`; None if no zone is."""
    rest = name
    while rest not in zones:
        _, dot, rest = rest.partition(".")
        if not dot or not rest:
            return "." if "." in zones else None
    return rest
