"""What must hold within one pair of the configuration: its layout, its addresses, its sources."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

from failover_dns.core.model import Layout
from failover_dns.edge.settings import draft as drafts
from failover_dns.edge.settings.draft import AgentDraft, PairDraft, SourceDraft
from failover_dns.edge.settings.problems import Finding, Loc, key_text, shown

T = TypeVar("T", bound=Hashable)

AGENTS = 2


def check_pair(at: Loc, pair: PairDraft) -> Iterator[Finding]:
    """Return what is wrong between the keys of the pair at `at`."""
    if pair.layout is not None:
        yield from _virtual_ips(at, pair, pair.layout)
        yield from _published_as(at, pair, pair.layout)
    yield from _addresses(at, pair)
    yield from _kinds_of_source(at, pair)
    owners: list[tuple[Loc, AgentDraft | PairDraft]] = [(at, pair), *drafts.agents(at, pair)]
    for owner_at, owner in owners:
        for where, source in drafts.sources(owner_at, owner):
            yield from _since(where, source)
    for where, source in drafts.sources(at, pair):
        yield from _strangers(where, source, {name for _, name in drafts.agent_names(at, pair)})


def twice(
    found: Iterable[tuple[Loc, T]],
    cure: str,
    *,
    key: Callable[[T], Hashable] = lambda thing: thing,
    text: Callable[[T], str] = shown,
) -> Iterator[Finding]:
    """Return a finding for each thing whose key was there before."""
    first: dict[Hashable, Loc] = {}
    for at, thing in found:
        before = first.setdefault(key(thing), at)
        if before != at:
            yield Finding(at=at, what=f"{text(thing)} is {key_text(before)} too", cure=cure)


def _virtual_ips(at: Loc, pair: PairDraft, layout: Layout) -> Iterator[Finding]:
    if layout is not Layout.SERVICE_NAME and pair.virtual_ips == []:
        yield Finding(
            at=(*at, "virtual_ips"),
            what=f"is missing, and layout {shown(layout)} needs a virtual IP",
            cure='add virtual_ips = ["10.10.10.5"]',
        )
    if layout is Layout.SERVICE_NAME and pair.virtual_ips != []:
        yield Finding(
            at=(*at, "virtual_ips"),
            what=f"has no place in layout {shown(layout)}, which moves no address",
            cure='remove it, or choose layout "agent-name" or "virtual-name"',
        )


def _published_as(at: Loc, pair: PairDraft, layout: Layout) -> Iterator[Finding]:
    if layout is Layout.AGENT_NAME and pair.has("published_as"):
        yield Finding(
            at=(*at, "published_as"),
            what=f"has no place in layout {shown(layout)}, which publishes the agents' own names only",
            cure='remove it, or choose layout "virtual-name" or "service-name"',
        )
    if layout is not Layout.AGENT_NAME and not pair.has("published_as"):
        yield Finding(
            at=(*at, "published_as"),
            what=f"is missing, and layout {shown(layout)} needs the name to publish",
            cure='add published_as = "dma-virtual.example.test."',
        )


def _addresses(at: Loc, pair: PairDraft) -> Iterator[Finding]:
    for where, agent in drafts.agents(at, pair):
        if pair.layout is Layout.SERVICE_NAME and agent.addresses == []:
            yield Finding(
                at=(*where, "addresses"),
                what=f"is missing, and layout {shown(pair.layout)} publishes the agents' own addresses",
                cure='add addresses = ["10.10.10.1"]',
            )
    yield from twice(drafts.own_addresses(at, pair), "an address belongs to one agent: remove one of them")


def _kinds_of_source(at: Loc, pair: PairDraft) -> Iterator[Finding]:
    agents = list(drafts.agents(at, pair))
    without = [where for where, agent in agents if agent.sources == []]
    if pair.sources != []:
        if len(without) < len(agents):
            yield Finding(
                at=(*at, "sources"),
                what="stands beside sources of the pair's agents",
                cure="keep either this one, which names the online agent, or one for each agent",
            )
    elif agents and len(without) == len(agents):
        yield Finding(
            at=(*at, "sources"),
            what="is missing",
            cure="add [[pairs.agents.sources]] to each agent, or one [[pairs.sources]] to the pair",
        )
    else:
        for where in without:
            yield Finding(
                at=(*where, "sources"),
                what="is missing",
                cure="add [[pairs.agents.sources]] to this agent too",
            )


def _since(at: Loc, source: SourceDraft) -> Iterator[Finding]:
    if source.has("since_pointer") and not source.has("pointer"):
        yield Finding(
            at=(*at, "since_pointer"),
            what="has no effect without pointer, since the file is then one word",
            cure="add a pointer to the word, or remove it",
        )


def _strangers(at: Loc, source: SourceDraft, agents: set[str]) -> Iterator[Finding]:
    for word, name in (source.names or {}).items():
        if name is not None and name not in agents and len(agents) == AGENTS:
            yield Finding(
                at=(*at, "names", word),
                what=f"{shown(name)} is not an agent of this pair",
                cure=f"write {' or '.join(map(shown, sorted(agents)))}",
            )
