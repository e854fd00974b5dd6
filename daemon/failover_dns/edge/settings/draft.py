"""What did parse of a configuration that may be wrong elsewhere, for the checks between keys.

What could not be parsed is None here, at its place, and is reported from `schema`'s own errors.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from failover_dns.core.combine import How
from failover_dns.core.model import Address, Layout
from failover_dns.edge.settings import fields
from failover_dns.edge.settings.keyfile import Algorithm
from failover_dns.edge.settings.problems import Loc

T = TypeVar("T")


def _none_if_wrong(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        return handler(value)
    except ValidationError:
        return None


Maybe = Annotated[T | None, WrapValidator(_none_if_wrong)]


class Draft(BaseModel):
    """A table of which anything may be missing, wrong or unknown."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    def has(self, key: str) -> bool:
        """Return whether the key was written, parsed or not."""
        return key in self.model_fields_set


class KeyDraft(Draft):
    """A key under `[keys]`."""

    algorithm: Maybe[Algorithm] = None
    secret_file: Maybe[fields.Path] = None


class AccountDraft(Draft):
    """An account under `[accounts]`."""

    principal: Maybe[fields.Principal] = None
    keytab: Maybe[fields.Path] = None
    ccache: Maybe[fields.Path] = None
    password_file: Maybe[fields.Path] = None
    flags: Maybe[list[fields.Flag]] = None


class ZoneDraft(Draft):
    """A zone."""

    name: Maybe[fields.Name] = None
    auth: Maybe[fields.Auth] = "tsig"
    key: Maybe[fields.KeyName] = None
    account: Maybe[str] = None
    reverse_of: Maybe[fields.Classless] = None


class DiscoveryDraft(Draft):
    """How zones are found."""

    auth: Maybe[fields.Auth] = "tsig"
    key: Maybe[fields.KeyName] = None
    account: Maybe[str] = None


class DampingDraft(Draft):
    """Flap damping."""

    limit: Maybe[fields.Limit] = 5.0
    reuse: Maybe[fields.Reuse] = 2.0


class ControlDraft(Draft):
    """The control channel."""

    enabled: Maybe[bool] = True
    listen: Maybe[fields.Local] = (IPv4Address("127.0.0.1"), 0)
    tls_certificate: Maybe[fields.Path] = None
    tls_key: Maybe[fields.Path] = None


class SourceDraft(Draft):
    """A source of whatever kind."""

    type: Maybe[str] = None
    path: Maybe[fields.Path] = None
    url: Maybe[fields.Url] = None
    fifo: Maybe[fields.Path] = None
    instance: Maybe[fields.Instance] = None
    pointer: Maybe[fields.Pointer] = None
    since_pointer: Maybe[fields.Pointer] = None
    regex: Maybe[fields.Regex] = None
    preset: Maybe[fields.Preset] = None
    status: Maybe[fields.Statuses] = {}
    names: Maybe[dict[str, Maybe[fields.Name]]] = None
    expect_status: Maybe[int] = None
    header_files: Maybe[dict[fields.HeaderName, Maybe[fields.Path]]] = None
    ca_file: Maybe[fields.Path] = None
    cert_file: Maybe[fields.Path] = None
    key_file: Maybe[fields.Path] = None
    server_name: Maybe[str] = None
    insecure: Maybe[bool] = False
    interval_s: Maybe[float] = 5.0
    timeout_s: Maybe[float] = 2.0
    max_age_s: Maybe[float] = None
    polling: Maybe[bool] = False
    poll_s: Maybe[float] = None
    trust: Maybe[bool] = False


class AgentDraft(Draft):
    """An agent."""

    name: Maybe[fields.Name] = None
    addresses: Maybe[list[Maybe[fields.Host]]] = []
    sources: Maybe[list[Maybe[SourceDraft]]] = []
    combine: Maybe[How] = None


class PairDraft(Draft):
    """A pair."""

    name: Maybe[fields.PairName] = None
    layout: Maybe[Layout] = Layout.AGENT_NAME
    virtual_ips: Maybe[list[Maybe[fields.Host]]] = []
    published_as: Maybe[fields.Name] = None
    keep_physical: Maybe[bool] = False
    fence: Maybe[bool] = True
    agents: Maybe[list[Maybe[AgentDraft]]] = []
    sources: Maybe[list[Maybe[SourceDraft]]] = []


class SettingsDraft(Draft):
    """The whole configuration."""

    keys: Maybe[dict[str, Maybe[KeyDraft]]] = {}
    accounts: Maybe[dict[str, Maybe[AccountDraft]]] = {}
    zones: Maybe[list[Maybe[ZoneDraft]]] = []
    pairs: Maybe[list[Maybe[PairDraft]]] = []
    discovery: Maybe[DiscoveryDraft] = None
    damping: Maybe[DampingDraft] = DampingDraft()
    control: Maybe[ControlDraft] = ControlDraft()


Placed = Iterator[tuple[Loc, T]]
"""Things of one kind, each with the place that it was written at."""


def zones(draft: SettingsDraft) -> Placed[ZoneDraft]:
    """Return the zones."""
    return _placed(("zones",), draft.zones)


def pairs(draft: SettingsDraft) -> Placed[PairDraft]:
    """Return the pairs."""
    return _placed(("pairs",), draft.pairs)


def owners(draft: SettingsDraft) -> Placed[AgentDraft | PairDraft]:
    """Return whatever can have sources: each pair and its agents."""
    for at, pair in pairs(draft):
        yield at, pair
        yield from agents(at, pair)


def networks(draft: SettingsDraft) -> dict[IPv4Network, str]:
    """Return the classless zones by their networks."""
    return {z.reverse_of: z.name for _, z in zones(draft) if z.reverse_of is not None and z.name is not None}


def agents(at: Loc, pair: PairDraft) -> Placed[AgentDraft]:
    """Return the agents of the pair at `at`."""
    return _placed((*at, "agents"), pair.agents)


def sources(at: Loc, owner: AgentDraft | PairDraft) -> Placed[SourceDraft]:
    """Return the sources of the agent or pair at `at`."""
    return _placed((*at, "sources"), owner.sources)


def virtual_ips(at: Loc, pair: PairDraft) -> Placed[Address]:
    """Return the virtual IPs of the pair at `at`."""
    return _placed((*at, "virtual_ips"), pair.virtual_ips)


def agent_names(at: Loc, pair: PairDraft) -> Placed[str]:
    """Return the names of the agents of the pair at `at`."""
    for where, agent in agents(at, pair):
        if agent.name is not None:
            yield (*where, "name"), agent.name


def own_addresses(at: Loc, pair: PairDraft) -> Placed[Address]:
    """Return the agents' own addresses of the pair at `at`."""
    for where, agent in agents(at, pair):
        found: Placed[Address] = _placed((*where, "addresses"), agent.addresses)
        yield from found


def _placed(at: Loc, items: list[T | None] | None) -> Placed[T]:
    for index, item in enumerate(items or ()):
        if item is not None:
            yield (*at, index), item
