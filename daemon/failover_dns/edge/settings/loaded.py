"""What a configuration is once it is right: the core's pairs and sources, and values for all the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from failover_dns.core.model import Agent, Pair, Role
from failover_dns.core.roles import WORDS, Format
from failover_dns.core.sources import FileSource
from failover_dns.edge.settings.keys import TsigKey
from failover_dns.edge.settings.schema import AgentTable, FileTable, PairTable, Settings
from failover_dns.edge.settings.values import Server


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A zone, the servers that take its updates in the order to ask them, and the key to sign with."""

    name: str
    primaries: tuple[Server, ...]
    key: TsigKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """How often to look, and how long to wait for a primary."""

    look_s: float
    audit_s: float
    deadline_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """What is logged (debug, info, warning, error) and how (json, console)."""

    level: str
    format: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A whole configuration; `sources` are by the pair's name."""

    path: Path
    state_dir: Path
    timings: Timings
    max_changes: int
    log: Log
    zones: tuple[Zone, ...]
    pairs: tuple[Pair, ...]
    sources: Mapping[str, tuple[FileSource, ...]]


def build(settings: Settings, keys: Mapping[str, TsigKey], *, path: Path, state_dir: Path) -> Loaded:
    """Return the configuration; `settings` have passed the checks and `keys` hold every zone's key."""
    return Loaded(
        path=path,
        state_dir=Path(settings.state_dir) if settings.state_dir is not None else state_dir,
        timings=Timings(look_s=settings.look_s, audit_s=settings.audit_s, deadline_s=settings.deadline_s),
        max_changes=settings.max_changes,
        log=Log(level=settings.log.level, format=settings.log.format),
        zones=tuple(
            Zone(name=zone.name, primaries=tuple(zone.primaries), key=keys[zone.key])
            for zone in settings.zones
        ),
        pairs=tuple(_pair(table) for table in settings.pairs),
        sources={table.name: tuple(_sources(table)) for table in settings.pairs},
    )


def _pair(table: PairTable) -> Pair:
    first, second = (_agent(agent) for agent in table.agents)
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
    )


def _agent(table: AgentTable) -> Agent:
    return Agent(name=table.name, addresses=tuple(table.addresses))


def _sources(pair: PairTable) -> Iterator[FileSource]:
    for agent in pair.agents:
        for own in agent.sources:
            form = _format(own, words={**WORDS, **own.words})
            yield FileSource(path=own.path, agent=agent.name, form=form, max_age_s=own.max_age_s)
    for shared in pair.sources:
        names = {**_usual_names(pair), **shared.names}
        yield FileSource(path=shared.path, names=names, form=_format(shared), max_age_s=shared.max_age_s)


def _format(table: FileTable, words: Mapping[str, Role] = WORDS) -> Format:
    return Format(pointer=table.pointer, since_pointer=table.since_pointer, words=words)


def _usual_names(pair: PairTable) -> dict[str, str]:
    """Return each agent's name, with and without its last dot, and its first label if only it has that."""
    labels = Counter(agent.name.partition(".")[0] for agent in pair.agents)
    names: dict[str, str] = {}
    for agent in pair.agents:
        label = agent.name.partition(".")[0]
        names |= {agent.name: agent.name, agent.name[:-1]: agent.name}
        names |= {label: agent.name} if labels[label] == 1 else {}
    return names
