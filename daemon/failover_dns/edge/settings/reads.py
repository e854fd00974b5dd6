"""What a pair's sources are once they are right: the core's values, and how several are combined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, assert_never

from failover_dns.core.combine import How
from failover_dns.core.dms import DmsSource
from failover_dns.core.health import PRESETS, HttpSource, Rules, Tls
from failover_dns.core.holding import HoldingSource
from failover_dns.core.keepalived import KeepalivedSource
from failover_dns.core.model import Role
from failover_dns.core.roles import WORDS, Format
from failover_dns.core.slfailover import TextSource
from failover_dns.core.sources import FileSource
from failover_dns.edge.settings.headers import Headers
from failover_dns.edge.settings.problems import Loc
from failover_dns.edge.settings.schema import AgentTable, PairTable
from failover_dns.edge.settings.sources import (
    AddressesTable,
    AgentFileTable,
    AgentHttpTable,
    AgentSource,
    DmsTable,
    FailoverLogTable,
    FailoverStatusTable,
    FileTable,
    HttpTable,
    KeepalivedTable,
    PairFileTable,
    PairHttpTable,
    PairSource,
    WatchedTable,
)


@dataclass(frozen=True, slots=True)
class FailoverLog:
    """An agent's SLFailover.txt."""

    text: TextSource

    @property
    def path(self) -> str:
        """The file."""
        return self.text.path


@dataclass(frozen=True, slots=True)
class FailoverStatus:
    """An agent's FailoverStatus.txt."""

    text: TextSource

    @property
    def path(self) -> str:
        """The file."""
        return self.text.path


InFile = FileSource | DmsSource | FailoverLog | FailoverStatus
"""What is read from a file that is watched."""

What = InFile | HttpSource | KeepalivedSource | HoldingSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One source; `poll_s` says that its file is on a share, and how often that is looked at for changes."""

    what: What
    poll_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """Where one agent's role is read, or both agents' if `agent` is None, in the order of preference."""

    sources: tuple[Source, ...]
    agent: str | None = None
    combine: How = How.ALL


def reads(at: Loc, pair: PairTable, headers: Headers) -> tuple[Reads, ...]:
    """Return what is read for the pair whose table stands at `at`."""
    found = [
        Reads(
            agent=agent.name,
            combine=agent.combine or How.ALL,
            sources=tuple(
                _own(own, agent, pair, headers.get((*at, "agents", index, "sources", number), {}))
                for number, own in enumerate(agent.sources)
            ),
        )
        for index, agent in enumerate(pair.agents)
        if agent.sources
    ]
    shared = tuple(
        _shared(source, _usual_names(pair), headers.get((*at, "sources", number), {}))
        for number, source in enumerate(pair.sources)
    )
    return (*found, *([Reads(sources=shared)] if shared else []))


def _own(table: AgentSource, agent: AgentTable, pair: PairTable, headers: Mapping[str, str]) -> Source:
    return Source(
        what=_what(table, agent, pair, headers),
        poll_s=table.poll_s if isinstance(table, WatchedTable) and table.polling else None,
    )


def _what(table: AgentSource, agent: AgentTable, pair: PairTable, headers: Mapping[str, str]) -> What:
    match table:
        case AgentHttpTable():
            return HttpSource(agent=agent.name, rules=_own_rules(table), **_asking(table, headers))
        case KeepalivedTable():
            return KeepalivedSource(fifo=table.fifo, instance=table.instance, agent=agent.name)
        case AddressesTable():
            addresses = tuple(pair.virtual_ips)
            return HoldingSource(agent=agent.name, addresses=addresses, trust=table.trust)
        case _:
            return _in_file(table, agent.name)


def _in_file(table: AgentFileTable | DmsTable | FailoverLogTable | FailoverStatusTable, agent: str) -> InFile:
    match table:
        case AgentFileTable():
            form = _format(table, {**WORDS, **table.words})
            return FileSource(path=table.path, agent=agent, form=form, max_age_s=table.max_age_s)
        case DmsTable():
            zone, keep_good_s = table.timezone, table.keep_good_s
            return DmsSource(path=table.path, agent=agent, zone=zone, keep_good_s=keep_good_s)
        case FailoverLogTable():
            return FailoverLog(TextSource(path=table.path, agent=agent, zone=table.timezone))
        case FailoverStatusTable():
            return FailoverStatus(TextSource(path=table.path, agent=agent))
        case _:
            assert_never(table)


def _shared(table: PairSource, usual: Mapping[str, str], headers: Mapping[str, str]) -> Source:
    match table:
        case PairFileTable():
            names = {**usual, **table.names}
            file = FileSource(path=table.path, names=names, form=_format(table), max_age_s=table.max_age_s)
            return Source(what=file, poll_s=table.poll_s if table.polling else None)
        case PairHttpTable():
            names = {**usual, **table.names}
            return Source(what=HttpSource(names=names, rules=_rules(table), **_asking(table, headers)))
        case _:
            assert_never(table)


def _format(table: FileTable, words: Mapping[str, Role] = WORDS) -> Format:
    return Format(pointer=table.pointer, since_pointer=table.since_pointer, words=words)


def _own_rules(table: AgentHttpTable) -> Rules:
    """Return how the role is found: the preset's way, and what is written here goes over it."""
    rules = _rules(table, PRESETS.get(table.preset or "", Rules()))
    status = {int(code): role for code, role in table.status.items()}
    return replace(rules, status=status or rules.status, words={**rules.words, **table.words})


def _rules(table: HttpTable, preset: Rules | None = None) -> Rules:
    preset = preset or Rules()
    return replace(
        preset,
        pointer=table.pointer or preset.pointer,
        since_pointer=table.since_pointer or preset.since_pointer,
        pattern=table.regex,
        require={**preset.require, **table.require},
        expect_status=table.expect_status,
    )


def _asking(table: HttpTable, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return what an endpoint of either kind is asked with, and how often."""
    return {
        "url": table.url,
        "headers": headers,
        "tls": Tls(
            ca_file=table.ca_file,
            cert_file=table.cert_file,
            key_file=table.key_file,
            server_name=table.server_name,
            insecure=table.insecure,
        ),
        "allow_redirects": table.allow_redirects,
        "interval_s": table.interval_s,
        "doubtful_s": table.doubtful_s,
        "timeout_s": table.timeout_s,
        "rise": table.rise,
        "fall": table.fall,
        "max_age_s": table.max_age_s,
    }


def _usual_names(pair: PairTable) -> dict[str, str]:
    """Return each agent's name, with and without its last dot, and its first label if only it has that."""
    labels = Counter(agent.name.partition(".")[0] for agent in pair.agents)
    names: dict[str, str] = {}
    for agent in pair.agents:
        label = agent.name.partition(".")[0]
        names |= {agent.name: agent.name, agent.name[:-1]: agent.name}
        names |= {label: agent.name} if labels[label] == 1 else {}
    return names
