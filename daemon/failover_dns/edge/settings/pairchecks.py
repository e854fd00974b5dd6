"""What must hold within one pair of the configuration: its layout and its addresses."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

from failover_dns.core.fence import fits
from failover_dns.core.model import Layout
from failover_dns.edge.settings import draft as drafts
from failover_dns.edge.settings.draft import PairDraft
from failover_dns.edge.settings.problems import Finding, Loc, key_text, shown

T = TypeVar("T", bound=Hashable)


def check_pair(at: Loc, pair: PairDraft) -> Iterator[Finding]:
    """Return what is wrong between the keys of the pair at `at`."""
    if pair.layout is not None:
        yield from _virtual_ips(at, pair, pair.layout)
        yield from _published_as(at, pair, pair.layout)
    yield from _addresses(at, pair)
    yield from _fence(at, pair)


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


def _fence(at: Loc, pair: PairDraft) -> Iterator[Finding]:
    for where, agent in drafts.agents(at, pair) if pair.fence is not False else ():
        if agent.name is not None and not fits(agent.name):
            yield Finding(
                at=(*where, "name"),
                what="is too long for the pair's fence, a TXT record that names the agent online",
                cure="write fence = false for the pair, and run one daemon only",
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
