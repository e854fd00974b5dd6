"""The configuration file's keys: types, defaults, ranges and meaning, as pydantic models.

`config/schema.json`, the tables of `docs/configuration.md` and what messages say of ranges and known keys all
come from here, and from `sources`. What concerns more than one key is in `checks`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from failover_dns.core.combine import How
from failover_dns.core.kerberos import FLAGS
from failover_dns.core.model import BothOnline, Layout
from failover_dns.edge.settings import values
from failover_dns.edge.settings.fields import (
    Auth,
    Classless,
    Flag,
    Host,
    HostName,
    KeyName,
    Limit,
    Listen,
    Local,
    Name,
    PairName,
    Path,
    Principal,
    Resolver,
    Reuse,
    Sender,
    Server,
    Table,
    Writer,
)
from failover_dns.edge.settings.keyfile import Algorithm
from failover_dns.edge.settings.sources import AgentSource, PairSource

AUTH = "`tsig` with a shared key, or `gss` with a Kerberos account (Active Directory)."

LOCAL = "127.0.0.1:0"
"""Where the control channel listens by default: loopback, any free port."""


class LogTable(Table):
    """What is logged, and how. Logs go to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least serious events that are logged."
    )
    format: Literal["auto", "json", "console"] = Field(
        default="auto",
        description="`json`: one object a line, for collectors; `console`: for people; `auto`: entries with "
        "fields where systemd's journal listens, else `json`.",
    )


class ControlTable(Table):
    """The control channel: a local HTTP API for the commands, for Prometheus and for scripts."""

    enabled: bool = Field(default=True, description="Whether there is one.")
    listen: Local = Field(
        default_factory=lambda: values.local(LOCAL),
        json_schema_extra={"default": LOCAL},
        description="The address of this host to listen at, with `:port`; port 0 is any that is free, which the "
        "commands find by themselves. Give a fixed one for Prometheus. Anything but loopback needs TLS, and then "
        "the token is asked for reading too.",
        examples=["127.0.0.1:9153"],
    )
    tls_certificate: Path | None = Field(
        default=None,
        description="A file with the certificate in PEM, its issuers after it.",
        examples=["/etc/failover-dns/control.crt"],
    )
    tls_key: Path | None = Field(
        default=None,
        description="A file with the certificate's key in PEM, without a password.",
        examples=["/etc/failover-dns/control.key"],
    )
    names: list[HostName] = Field(
        default=[],
        max_length=64,
        description="What clients may call this host besides `localhost` and addresses; whoever asks by another "
        "name is refused.",
        examples=[["ops-1.example.test"]],
    )


class DampingTable(Table):
    """Flap damping: a pair that switches too often is held for a while. A switch counts 1, less as time passes."""

    enabled: bool = Field(default=True, description="Whether pairs that switch too often are held.")
    half_life_s: float = Field(
        default=300.0, ge=1, le=86_400, description="The time in which what a switch counts halves."
    )
    limit: Limit = Field(
        default=5.0,
        description="A switch is held that would bring the sum of what switches count above this.",
    )
    reuse: Reuse = Field(
        default=2.0,
        description="A pair is held until the sum has fallen to this; at least 1 less than `limit`.",
    )
    max_hold_s: float = Field(
        default=900.0, ge=1, le=86_400, description="The longest hold; then DNS follows, whatever the sum."
    )


class KeyTable(Table):
    """A TSIG key (RFC 8945), by the name that the primary knows it by."""

    algorithm: Annotated[Algorithm, Field(strict=False)] | None = Field(
        default=None, description="May be left out if `secret_file` is a key file that says it."
    )
    secret_file: Path = Field(
        description="A file with the secret in base64, or as `tsig-keygen` prints it; readable by its owner "
        "only.",
        examples=["/etc/failover-dns/failover-key.key"],
    )


class AccountTable(Table):
    """A Kerberos account that signs updates (GSS-TSIG, RFC 3645), by a name of your own.

    On Linux it has one of `keytab`, `ccache` and `password_file`; on Windows none of them, and the account that
    the service runs as signs.
    """

    principal: Principal | None = Field(
        default=None,
        description="The account with its realm. Left out: the first of the keytab or the cache.",
        examples=["failover@EXAMPLE.TEST"],
    )
    keytab: Path | None = Field(
        default=None,
        description="A keytab with the account's keys; readable by its owner only.",
        examples=["/etc/failover-dns/failover.keytab"],
    )
    ccache: Path | None = Field(
        default=None,
        description="A file with tickets that something else renews, such as k5start.",
        examples=["/run/failover-dns/tickets"],
    )
    password_file: Path | None = Field(
        default=None,
        description="A file with the account's password in its only line; readable by its owner only. Needs "
        "`principal`.",
        examples=["/etc/failover-dns/failover.password"],
    )
    flags: list[Flag] = Field(
        default=list(FLAGS),
        description="What a security context is asked for: `mutual`, `integrity`, `replay`; by default the first "
        "two, as `nsupdate` does. `sequence` is not to be had: messages go over several connections at once.",
        examples=[["mutual", "integrity"]],
    )


class ZoneTable(Table):
    """A zone that updates are sent to."""

    name: Name = Field(description="The zone's name, with its last dot.", examples=["example.test."])
    primaries: list[Server] | None = Field(
        default=None,
        min_length=1,
        description="Servers that take updates, as address or host name, with `:port` unless it is 53; an "
        "IPv6 address in brackets. The first is asked, the next one only if it did not answer. Left out, the "
        "zone's SOA record says which one it is.",
        examples=[["10.0.0.53", "[2001:db8::53]:53"]],
    )
    auth: Auth = Field(default="tsig", description=AUTH)
    key: KeyName | None = Field(
        default=None,
        description="The TSIG key under `[keys]` that signs updates and reads; none is ever sent unsigned.",
        examples=["failover-key"],
    )
    account: str | None = Field(
        default=None, description='The account under `[accounts]`, for `auth = "gss"`.', examples=["dns"]
    )
    reverse_of: Classless | None = Field(
        default=None,
        description="For a reverse zone of less than 256 addresses (RFC 2317), the network whose pointers it "
        "holds: the one of 10.10.20.5 is then `5.` and the zone's name.",
        examples=["10.10.20.0/26"],
    )
    secondaries: list[Server] = Field(
        default=[],
        description="Servers that must show a change too, besides those of the zone's NS records.",
        examples=[["ns2.example.test", "10.0.0.54:5353"]],
    )
    watch_ns: bool = Field(
        default=True,
        description="Whether the servers of the zone's NS records are asked if they show a change.",
    )


class NotifyTable(Table):
    """Listening for DNS NOTIFY (RFC 1996): a server tells at once that a zone has changed."""

    listen: Listen = Field(
        description="The address of this host to listen at, with `:port` unless it is 53; best the one that "
        "servers send to, though `0.0.0.0` and `[::]` are all.",
        examples=["10.0.0.10:53"],
    )
    from_: list[Sender] = Field(
        default=[],
        alias="from",
        description="Addresses and networks that may tell unsigned. What is signed with a key under `[keys]` "
        "counts from anywhere.",
        examples=[["10.0.0.53", "10.0.0.0/24"]],
    )


class DiscoveryTable(Table):
    """Finding the zones of names that lie in none of the configured ones, by SOA and label by label."""

    auth: Auth = Field(default="tsig", description=AUTH)
    key: KeyName | None = Field(
        default=None,
        description="The TSIG key under `[keys]` that signs updates and reads of such zones.",
        examples=["failover-key"],
    )
    account: str | None = Field(
        default=None, description='The account under `[accounts]`, for `auth = "gss"`.', examples=["dns"]
    )


class AgentTable(Table):
    """One host of the pair."""

    name: Name = Field(
        description="The host's fully qualified name, with its last dot.", examples=["dma-main.example.test."]
    )
    addresses: list[Host] = Field(
        default=[],
        description="The host's own addresses. Layout `service-name` and `keep_physical` publish them.",
        examples=[["10.10.10.1"]],
    )
    sources: list[AgentSource] = Field(
        default=[],
        max_length=8,
        description="Where this agent's role is read; none if the pair has a source.",
    )
    combine: Annotated[How, Field(strict=False)] | None = Field(
        default=None,
        description="How several sources of this agent count: with `all` they must say the same, with `first` "
        "their order is the preference. Needed as soon as there is more than one.",
        examples=["all"],
    )


class PairTable(Table):
    """Two agents of which one is online."""

    name: PairName = Field(
        description="What the pair is called in logs, in commands and in DNS (its fence): letters, digits, "
        "`-` and `_`, at most 63.",
        examples=["dma"],
    )
    layout: Annotated[Layout, Field(strict=False)] = Field(
        default=Layout.AGENT_NAME, description="How the pair is published, see [layouts](#layouts)."
    )
    virtual_ips: list[Host] = Field(
        default=[],
        description="The addresses that the online agent holds. Layout `service-name` has none, the others "
        "need one.",
        examples=[["10.10.10.5"]],
    )
    published_as: Name | None = Field(
        default=None,
        description="The name that follows the online agent: layouts `virtual-name` and `service-name` only.",
        examples=["dma-virtual.example.test."],
    )
    ttl_s: int = Field(default=60, ge=1, le=86_400, description="TTL of the records that are added.")
    keep_physical: bool = Field(
        default=False, description="Also keep each agent's own `addresses` published at its name."
    )
    settle_s: float = Field(
        default=0.0,
        ge=0,
        le=3600,
        description="How long a switch must stand before DNS follows; 0 is at once.",
    )
    both_online: Annotated[BothOnline, Field(strict=False)] = Field(
        default=BothOnline.NEWER,
        description="When both say ONLINE: `newer` follows the newer claim if the order is known, `hold` "
        "leaves DNS as it is. Either way it is an alert.",
    )
    clock_tolerance_s: float = Field(
        default=5.0,
        ge=0,
        le=300,
        description="Times that two agents give are compared only if further apart than this.",
    )
    fence: bool = Field(
        default=True,
        description="Whether decisions of several daemons are ordered by a TXT record in each zone of the pair; "
        "false where a zone does not allow one: then nothing keeps a late or cut-off daemon from undoing a newer "
        "decision.",
    )
    agents: list[AgentTable] = Field(min_length=2, max_length=2, description="The two hosts.")
    sources: list[PairSource] = Field(
        default=[],
        max_length=1,
        description="Where the pair's online agent is named; none if each agent has a source.",
    )


class Settings(Table):
    """The configuration of failover-dns."""

    state_dir: Path | None = Field(
        default=None,
        description="Where the change log is kept. By default `/var/lib/failover-dns`, on Windows "
        r"`%ProgramData%\failover-dns\state`.",
        examples=["/var/lib/failover-dns"],
    )
    writer: Writer | None = Field(
        default=None,
        description="How this daemon is called in fences and the change log; by default the host's name. Two "
        "daemons of one configuration need two names.",
        examples=["ops-1"],
    )
    look_s: float = Field(
        default=2.0, ge=0.1, le=3600, description="How often sources are looked at although no event came."
    )
    audit_s: float = Field(
        default=60.0,
        ge=1,
        le=86_400,
        description="How often DNS is read, and repaired, although nothing switched.",
    )
    deadline_s: float = Field(
        default=5.0,
        gt=1,
        le=60,
        description="How long one exchange with a primary may take. More than 1: Knot DNS may hold an update "
        "for a second.",
    )
    max_changes: int = Field(
        default=64,
        ge=1,
        le=1000,
        description="A plan for one pair with more changes than this is refused as a mistake.",
    )
    converge_s: float = Field(
        default=60.0,
        ge=1,
        le=3600,
        description="How long a change may take until all secondaries show it; later it is told.",
    )
    drift_limit: int = Field(
        default=5,
        ge=1,
        le=1000,
        description="How often in `drift_window_s` a record may return by itself before its repair slows down.",
    )
    drift_window_s: float = Field(
        default=3600.0, ge=60, le=604_800, description="The time in which `drift_limit` counts."
    )
    resolvers: list[Resolver] = Field(
        default=[],
        description="Resolvers, by address, that say where zones and primaries are; by default the system's.",
        examples=[["10.0.0.53"]],
    )
    log: LogTable = Field(default=LogTable(), description="What is logged, and how.")
    damping: DampingTable = Field(
        default=DampingTable(), description="When a pair that switches too often is held, and for how long."
    )
    control: ControlTable = Field(
        default_factory=ControlTable, description="The local HTTP API: where it listens, and who may ask."
    )
    keys: dict[KeyName, KeyTable] = Field(default={}, description="TSIG keys by name.")
    accounts: dict[str, AccountTable] = Field(
        default={},
        description="Kerberos accounts by names of your own, see [Active Directory](active-directory.md).",
    )
    notify: NotifyTable | None = Field(
        default=None, description="Where DNS NOTIFY is listened for; without it, nowhere."
    )
    discovery: DiscoveryTable | None = Field(
        default=None, description="How zones are found that are not configured; without it, not at all."
    )
    zones: list[ZoneTable] = Field(
        default=[], description="The zones that updates are sent to; with `discovery` there may be none."
    )
    pairs: list[PairTable] = Field(min_length=1, description="The pairs that are looked after.")


class _Schema(GenerateJsonSchema):
    """JSON Schema as TOML knows it: there is no null, so an optional key is one that may be left out."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        found = super().default_schema(schema)
        return {key: value for key, value in found.items() if key != "default" or value is not None}

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the key is its own title
        return False


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the configuration file."""
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        **Settings.model_json_schema(schema_generator=_Schema),
    }
