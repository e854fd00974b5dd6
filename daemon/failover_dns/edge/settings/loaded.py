"""What a configuration is once it is right: the core's pairs and sources, and values for all the rest."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from failover_dns.core.damping import Damping
from failover_dns.core.model import Address, Agent, Pair
from failover_dns.edge.settings.accounts import OWN, Account
from failover_dns.edge.settings.headers import Headers
from failover_dns.edge.settings.keys import TsigKey
from failover_dns.edge.settings.reads import Reads, reads
from failover_dns.edge.settings.schema import (
    AgentTable,
    ControlTable,
    DampingTable,
    DiscoveryTable,
    NotifyTable,
    PairTable,
    Settings,
    ZoneTable,
)
from failover_dns.edge.settings.values import Server, classless_pointer, host_writer

Signer = TsigKey | Account


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A zone, the servers that take its updates in the order to ask them, and who signs for it.

    No `primaries`: the zone's SOA says which one it is. `secondaries` must show a change besides the servers
    of the zone's NS set, which are asked if `watch_ns`.
    """

    name: str
    primaries: tuple[Server, ...]
    signer: Signer
    secondaries: tuple[Server, ...] = ()
    watch_ns: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """How often to look, and how long to wait for a primary and for the secondaries."""

    look_s: float
    audit_s: float
    deadline_s: float
    converge_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How often in `window_s` a record may return by itself before its repair slows down."""

    limit: int = 5
    window_s: float = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """Where NOTIFY is listened for, and who may tell unsigned."""

    listen: tuple[Address, int]
    allowed: tuple[Address | IPv4Network | IPv6Network, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """What is logged (debug, info, warning, error) and how (auto, json, console)."""

    level: str
    format: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """Where the control channel listens, the names that it goes by, and its certificate and key for TLS."""

    listen: tuple[Address, int]
    names: tuple[str, ...] = ()
    tls: tuple[Path, Path] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A whole configuration; `sources` are by the pair's name.

    `discovery` signs for zones that are not among `zones`, None if names must lie in one of those;
    `resolvers` are none for the system's own; `damping` and `control` are None if they are turned off.
    """

    path: Path
    state_dir: Path
    writer: str
    timings: Timings
    max_changes: int
    drift: Drift
    damping: Damping | None
    log: Log
    zones: tuple[Zone, ...]
    pairs: tuple[Pair, ...]
    sources: Mapping[str, tuple[Reads, ...]]
    notify: Notify | None = None
    control: Control | None = None
    discovery: Signer | None = None
    resolvers: tuple[Server, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What was read from files with secrets: keys by canonical name, accounts by name, headers by place."""

    keys: Mapping[str, TsigKey]
    accounts: Mapping[str, Account]
    headers: Headers


def build(settings: Settings, secrets: Secrets, *, path: Path, state_dir: Path) -> Loaded:
    """Return the configuration; `settings` have passed the checks and `secrets` hold all that they name."""
    classless = {zone.reverse_of: zone.name for zone in settings.zones if zone.reverse_of is not None}
    return Loaded(
        path=path,
        state_dir=Path(settings.state_dir) if settings.state_dir is not None else state_dir,
        writer=settings.writer or host_writer(socket.gethostname()),
        timings=Timings(
            look_s=settings.look_s,
            audit_s=settings.audit_s,
            deadline_s=settings.deadline_s,
            converge_s=settings.converge_s,
        ),
        max_changes=settings.max_changes,
        drift=Drift(limit=settings.drift_limit, window_s=settings.drift_window_s),
        damping=_damping(settings.damping),
        log=Log(level=settings.log.level, format=settings.log.format),
        zones=tuple(_zone(zone, secrets) for zone in settings.zones),
        pairs=tuple(_pair(table, classless) for table in settings.pairs),
        sources={
            table.name: reads(("pairs", index), table, secrets.headers)
            for index, table in enumerate(settings.pairs)
        },
        control=_control(settings.control),
        notify=_notify(settings.notify) if settings.notify is not None else None,
        discovery=_signer(settings.discovery, secrets) if settings.discovery is not None else None,
        resolvers=tuple(settings.resolvers),
    )


def _control(table: ControlTable) -> Control | None:
    if not table.enabled:
        return None
    tls = None
    if table.tls_certificate is not None and table.tls_key is not None:
        tls = (Path(table.tls_certificate), Path(table.tls_key))
    return Control(listen=table.listen, names=tuple(table.names), tls=tls)


def _damping(table: DampingTable) -> Damping | None:
    if not table.enabled:
        return None
    return Damping(
        half_life_s=table.half_life_s,
        limit=table.limit,
        reuse=table.reuse,
        max_hold_s=table.max_hold_s,
    )


def _zone(table: ZoneTable, secrets: Secrets) -> Zone:
    return Zone(
        name=table.name,
        primaries=tuple(table.primaries or ()),
        signer=_signer(table, secrets),
        secondaries=tuple(table.secondaries),
        watch_ns=table.watch_ns,
    )


def _signer(table: ZoneTable | DiscoveryTable, secrets: Secrets) -> Signer:
    if table.key is not None:
        return secrets.keys[table.key]
    return OWN if table.account is None else secrets.accounts[table.account]


def _pair(table: PairTable, classless: Mapping[IPv4Network, str]) -> Pair:
    first, second = (_agent(agent) for agent in table.agents)
    pointers = {ip: classless_pointer(ip, classless) for ip in table.virtual_ips}
    return Pair(
        name=table.name,
        agents=(first, second),
        layout=table.layout,
        virtual_ips=tuple(table.virtual_ips),
        published_as=table.published_as,
        ttl_s=table.ttl_s,
        keep_physical=table.keep_physical,
        settle_s=table.settle_s,
        both_online=table.both_online,
        clock_tolerance_s=table.clock_tolerance_s,
        pointers={ip: name for ip, name in pointers.items() if name is not None},
        fence=table.fence,
    )


def _agent(table: AgentTable) -> Agent:
    return Agent(name=table.name, addresses=tuple(table.addresses))


def _notify(table: NotifyTable) -> Notify:
    return Notify(listen=table.listen, allowed=tuple(table.from_))
