"""What must hold between keys of the configuration: nothing twice, nothing missing, nothing outside a zone.

The checks look at a draft, so that they also tell what else is wrong where something did not parse.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network
from itertools import combinations

from failover_dns.core.model import Layout, reverse_name, zone_of
from failover_dns.edge.settings import draft as drafts
from failover_dns.edge.settings.accounts import check_signing
from failover_dns.edge.settings.draft import PairDraft, Placed, SettingsDraft, ZoneDraft
from failover_dns.edge.settings.pairchecks import check_pair, twice
from failover_dns.edge.settings.problems import Finding, Loc, WrongError, key_text, shown
from failover_dns.edge.settings.sourcechecks import check_read_once, check_sources
from failover_dns.edge.settings.values import classless_pointer, key_name


def check(draft: SettingsDraft, platform: str) -> Iterator[Finding]:
    """Return what is wrong between the keys of `draft`."""
    yield from _keys(draft)
    yield from check_signing(draft, platform)
    yield from _zones(draft)
    yield from _names(draft)
    yield from _virtual_ips(draft)
    yield from check_read_once(draft, platform)
    yield from _outside_zones(draft)
    yield from _damping(draft)
    yield from _control(draft)
    for at, pair in drafts.pairs(draft):
        yield from check_pair(at, pair)
        yield from check_sources(at, pair)


def published(at: Loc, pair: PairDraft, networks: Mapping[IPv4Network, str]) -> Placed[str]:
    """Return the names that `core.plan.names` has of the pair, each with its place, as far as they parsed."""
    if pair.layout is not None and (pair.layout is not Layout.SERVICE_NAME or pair.keep_physical):
        yield from drafts.agent_names(at, pair)
    if pair.published_as is not None and pair.layout is not Layout.AGENT_NAME:
        yield (*at, "published_as"), pair.published_as
    if pair.layout is not Layout.SERVICE_NAME:
        for where, ip in drafts.virtual_ips(at, pair):
            yield where, classless_pointer(ip, networks) or reverse_name(ip)


def _keys(draft: SettingsDraft) -> Iterator[Finding]:
    defined: list[tuple[Loc, str]] = [
        (("keys", text), name) for text in draft.keys or {} if (name := _key_name(text))
    ]
    yield from twice(defined, "keep one of them: a key has one name, with or without the last dot")
    names = sorted({name for _, name in defined})
    used = [((*at, "key"), zone.key) for at, zone in drafts.zones(draft)]
    if draft.discovery is not None:
        used.append((("discovery", "key"), draft.discovery.key))
    for at, key in used:
        if key is not None and key not in names and draft.keys is not None:
            others = f", or name one of {', '.join(map(shown, names))}" if names else ""
            yield Finding(
                at=at,
                what=f"{shown(key)} is not defined",
                cure=f"add {key_text(('keys', key[:-1])).join('[]')} with its secret_file{others}",
            )


def _key_name(text: str) -> str | None:
    try:
        return key_name(text)
    except WrongError:
        return None


def _zones(draft: SettingsDraft) -> Iterator[Finding]:
    named = [((*at, "name"), zone.name) for at, zone in drafts.zones(draft) if zone.name]
    yield from twice(named, "keep one [[zones]] for a zone, with all its primaries")
    if draft.zones == [] and not draft.has("discovery"):
        empty = "has 0 entries" if draft.has("zones") else "is missing"
        yield Finding(at=("zones",), what=empty, cure="add [[zones]], or [discovery] to have them found")
    held = [((*at, "reverse_of"), zone.reverse_of) for at, zone in drafts.zones(draft) if zone.reverse_of]
    for (first_at, first), (at, second) in combinations(held, 2):
        if first.overlaps(second):
            yield Finding(
                at=at,
                what=f"{second} overlaps {key_text(first_at)}, which is {first}",
                cure="an address has its pointer in one zone: correct one of them",
            )


def _names(draft: SettingsDraft) -> Iterator[Finding]:
    pairs: list[tuple[Loc, str]] = []
    hosts: list[tuple[Loc, str]] = []
    for at, pair in drafts.pairs(draft):
        if pair.name is not None:
            pairs.append(((*at, "name"), pair.name))
        hosts += drafts.agent_names(at, pair)
        if pair.published_as is not None:
            hosts.append(((*at, "published_as"), pair.published_as))
    yield from twice(pairs, "give each pair a name of its own; case makes no difference", key=str.lower)
    yield from twice(hosts, "a name is one agent's, or what one pair publishes: change or remove one of them")


def _virtual_ips(draft: SettingsDraft) -> Iterator[Finding]:
    moving = [ip for at, pair in drafts.pairs(draft) for ip in drafts.virtual_ips(at, pair)]
    yield from twice(moving, "a virtual IP belongs to one pair: remove one of them")
    staying = {ip: where for at, pair in drafts.pairs(draft) for where, ip in drafts.own_addresses(at, pair)}
    for at, ip in moving:
        if ip in staying:
            yield Finding(
                at=at,
                what=f"{ip} is an agent's own address too, {key_text(staying[ip])}",
                cure="a virtual IP moves and an agent's address stays: remove it from one of them",
            )


def _outside_zones(draft: SettingsDraft) -> Iterator[Finding]:
    whole = [zone is not None and bool(zone.name) and _parsed(zone) for zone in draft.zones or ()]
    if not whole or not all(whole) or draft.has("discovery"):
        return  # the zone may be the one that did not parse, or is found later
    zones = frozenset(zone.name for _, zone in drafts.zones(draft) if zone.name)
    networks = drafts.networks(draft)
    for where, pair in drafts.pairs(draft):
        for at, name in published(where, pair, networks):
            if zone_of(name, zones) is None:
                yield Finding(
                    at=at,
                    what=f"{name} lies in none of the zones, which are {', '.join(sorted(zones))}",
                    cure="add the [[zones]] that holds it",
                )


def _damping(draft: SettingsDraft) -> Iterator[Finding]:
    limit, reuse = (draft.damping.limit, draft.damping.reuse) if draft.damping is not None else (None, None)
    if limit is not None and reuse is not None and reuse > limit - 1:
        yield Finding(
            at=("damping", "reuse"),
            what=f"{reuse:g} is not 1 less than limit, which is {limit:g}",
            cure=f"give at most {limit - 1:g}, or raise limit: else the switch that ends a hold begins another",
        )


def _control(draft: SettingsDraft) -> Iterator[Finding]:
    """Require TLS where others than this host can reach the control channel."""
    control = draft.control
    if control is None or not control.enabled or control.listen is None:
        return
    host = control.listen[0]
    for key, other in (("tls_certificate", "tls_key"), ("tls_key", "tls_certificate")):
        if control.has(key):
            continue
        if control.has(other):
            yield Finding(
                at=("control", key),
                what=f"is missing, and {other} is there",
                cure="give both: TLS needs the certificate and its key",
            )
        elif not host.is_loopback:
            yield Finding(
                at=("control", key),
                what=f"is missing, and {host} is not loopback",
                cure='give tls_certificate and tls_key, or listen at "127.0.0.1:0"',
            )


def _parsed(zone: ZoneDraft) -> bool:
    return zone.reverse_of is not None or not zone.has("reverse_of")
