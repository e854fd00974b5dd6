"""What must hold between the keys of sources: nothing without effect, nothing read twice, nothing unsafe."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from failover_dns.core.health import PRESETS
from failover_dns.core.model import Layout
from failover_dns.edge.settings import draft as drafts
from failover_dns.edge.settings.draft import AgentDraft, PairDraft, SettingsDraft, SourceDraft
from failover_dns.edge.settings.problems import Finding, Loc, key_text, shown
from failover_dns.edge.settings.values import pure_path

AGENTS = 2
APART = 1.2
"""Polls are at most this many intervals apart, and an answer must not get too old in between."""

_TLS = ("ca_file", "cert_file", "key_file", "server_name", "insecure")


def check_sources(at: Loc, pair: PairDraft) -> Iterator[Finding]:
    """Return what is wrong with the sources of the pair at `at` and of its agents."""
    yield from _kinds(at, pair)
    yield from _only_one_is_here(at, pair)
    names = {name for _, name in drafts.agent_names(at, pair)}
    for where, source in drafts.sources(at, pair):
        yield from _check(where, source)
        yield from _strangers(where, source, names)
    for owner_at, agent in drafts.agents(at, pair):
        yield from _combine(owner_at, agent)
        for where, source in drafts.sources(owner_at, agent):
            yield from _check(where, source)
            yield from _own_addresses(where, source, pair, alone=len(agent.sources or ()) == 1)


def check_read_once(draft: SettingsDraft, platform: str) -> Iterator[Finding]:
    """Return a finding for each source that an agent has although it, or another agent, has it already."""
    first: dict[Hashable, tuple[Loc, Loc]] = {}
    for where, pair in drafts.pairs(draft):
        for owner, agent in drafts.agents(where, pair):
            for at, source in drafts.sources(owner, agent):
                key, what = _identity(owner, source, platform)
                if key is None:
                    continue
                before_owner, before = first.setdefault(key, (owner, at))
                if before == at:
                    continue
                own = "remove one of them: a source counts once"
                other = (
                    "one word cannot be two agents' roles: give each a file or a pointer of its own, or the "
                    "pair one [[pairs.sources]] that names the online agent"
                )
                yield Finding(
                    at=(*at, what),
                    what=f"{shown(getattr(source, what))} is {key_text((*before, what))} too",
                    cure=own if before_owner == owner else other,
                )


def _identity(owner: Loc, source: SourceDraft, platform: str) -> tuple[Hashable, str]:
    """Return what makes the source the one that it is, None if that did not parse, and the key to show."""
    if source.has("pointer") and source.pointer is None:
        return None, ""
    match source.type:
        case "addresses":
            return ("addresses", owner), "type"
        case "keepalived" if source.fifo and source.instance:
            return ("keepalived", pure_path(source.fifo, platform), source.instance), "instance"
        case "http" if source.url:
            rules = (source.pointer, source.regex, source.preset, frozenset((source.status or {}).items()))
            sent = frozenset((source.header_files or {}).items())
            return ("http", source.url, rules, sent, source.server_name), "url"
        case str() as kind if source.path:
            return (kind, pure_path(source.path, platform), source.pointer), "path"
    return None, ""


def _kinds(at: Loc, pair: PairDraft) -> Iterator[Finding]:
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


def _combine(at: Loc, agent: AgentDraft) -> Iterator[Finding]:
    count = len(agent.sources or ())
    if count > 1 and not agent.has("combine"):
        yield Finding(
            at=(*at, "combine"),
            what=f"is missing, and this agent has {count} sources",
            cure='add combine = "all" if they must agree, or combine = "first" if their order is the preference',
        )


def _only_one_is_here(at: Loc, pair: PairDraft) -> Iterator[Finding]:
    held = [
        next((where for where, source in drafts.sources(owner, agent) if source.type == "addresses"), None)
        for owner, agent in drafts.agents(at, pair)
    ]
    found = [where for where in held if where is not None]
    if len(found) > 1:
        yield Finding(
            at=(*found[1], "type"),
            what=f"{shown('addresses')} is {key_text((*found[0], 'type'))} too, and one host is not two agents",
            cure="keep it for the agent that runs the daemon",
        )


def _own_addresses(at: Loc, source: SourceDraft, pair: PairDraft, *, alone: bool) -> Iterator[Finding]:
    if source.type != "addresses":
        return
    if pair.layout is Layout.SERVICE_NAME:
        yield Finding(
            at=(*at, "type"),
            what=f"{shown('addresses')} has no place in layout {shown(pair.layout)}, which has no virtual IP",
            cure="give this agent another source",
        )
    elif alone and source.trust is False:
        yield Finding(
            at=(*at, "trust"),
            what="is not true, and holding an address is evidence of being online and not proof",
            cure="add trust = true, or another source and combine",
        )


def _check(at: Loc, source: SourceDraft) -> Iterator[Finding]:
    preset = PRESETS.get(source.preset or "")
    if source.has("since_pointer") and not source.has("pointer") and not (preset and preset.pointer):
        thing = "body" if source.type == "http" else "file"
        yield Finding(
            at=(*at, "since_pointer"),
            what=f"has no effect without pointer, since the {thing} is then one word",
            cure="add a pointer to the word, or remove it",
        )
    if source.has("poll_s") and source.polling is False:
        yield Finding(
            at=(*at, "poll_s"), what="has no effect without polling", cure="add polling = true, or remove it"
        )
    if source.type == "http":
        yield from _tls(at, source)
        yield from _answers(at, source)


def _tls(at: Loc, source: SourceDraft) -> Iterator[Finding]:
    if source.url is not None and source.url.startswith("http:"):
        for key in _TLS:
            if source.has(key) and getattr(source, key) is not False:
                yield Finding(
                    at=(*at, key),
                    what="has no meaning with http://",
                    cure="write https:// in url, or remove it",
                )
        return
    if source.has("key_file") and not source.has("cert_file"):
        yield Finding(
            at=(*at, "key_file"),
            what="stands without cert_file, the certificate that it belongs to",
            cure='add cert_file = "/etc/failover-dns/client.pem", or remove it',
        )
    for key in ("ca_file", "server_name"):
        if source.insecure and source.has(key):
            yield Finding(
                at=(*at, key),
                what="has no effect with insecure = true, which checks nothing",
                cure="remove one of them, best insecure",
            )


def _answers(at: Loc, source: SourceDraft) -> Iterator[Finding]:
    preset = PRESETS.get(source.preset or "")
    if source.has("expect_status") and (source.status or (preset and preset.status)):
        yield Finding(
            at=(*at, "expect_status"),
            what="has no effect beside the roles of status codes",
            cure="remove it, or give that code a role in status",
        )
    if source.max_age_s is None or source.interval_s is None or source.timeout_s is None:
        return
    least_s = APART * source.interval_s + source.timeout_s
    if source.max_age_s < least_s:
        yield Finding(
            at=(*at, "max_age_s"),
            what=f"{shown(source.max_age_s)} is less than looks are apart",
            cure=f"give at least {least_s:g}: {APART:g} times interval_s, and timeout_s",
        )


def _strangers(at: Loc, source: SourceDraft, agents: set[str]) -> Iterator[Finding]:
    for word, name in (source.names or {}).items():
        if name is not None and name not in agents and len(agents) == AGENTS:
            yield Finding(
                at=(*at, "names", word),
                what=f"{shown(name)} is not an agent of this pair",
                cure=f"write {' or '.join(map(shown, sorted(agents)))}",
            )
