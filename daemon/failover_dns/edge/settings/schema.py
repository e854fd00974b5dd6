"""The configuration file's keys: types, defaults, ranges and meaning, as pydantic models.

`config/schema.json`, the tables of `docs/configuration.md` and what messages say of ranges and known keys all
come from here. What concerns more than one key is in `checks`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from failover_dns.core.model import Address, BothOnline, Layout, Role
from failover_dns.edge.settings import values
from failover_dns.edge.settings.keyfile import Algorithm


def _absolute_path(text: str, info: ValidationInfo) -> str:
    # pydantic-settings tries a variable's text without a context; it is validated again with the rest.
    return text if info.context is None else values.absolute_path(text, info.context["platform"])


Name = Annotated[
    str, AfterValidator(values.absolute_name), WithJsonSchema({"type": "string", "pattern": "\\.$"})
]
KeyName = Annotated[str, AfterValidator(values.key_name)]
PairName = Annotated[
    str,
    AfterValidator(values.pair_name),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9_-]{1,63}$"}),
]
Host = Annotated[
    Address,
    PlainValidator(values.address),
    WithJsonSchema({"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}),
]
Primary = Annotated[values.Server, PlainValidator(values.server), WithJsonSchema({"type": "string"})]
Path = Annotated[str, AfterValidator(_absolute_path)]
Pointer = Annotated[str, AfterValidator(values.pointer), WithJsonSchema({"type": "string", "pattern": "^/"})]
Words = Annotated[
    dict[str, Annotated[Role, Field(strict=False)]],
    AfterValidator(values.folded),
]
Names = Annotated[dict[str, Name], AfterValidator(values.folded)]


class Table(BaseModel):
    """A TOML table: unknown keys are errors, and no value turns into another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class LogTable(Table):
    """What is logged, and how. Logs go to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least serious events that are logged."
    )
    format: Literal["json", "console"] = Field(
        default="json", description="`json`: one object a line, for collectors; `console`: for people."
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


class ZoneTable(Table):
    """A zone that updates are sent to."""

    name: Name = Field(description="The zone's name, with its last dot.", examples=["example.test."])
    primaries: list[Primary] = Field(
        min_length=1,
        description="Servers that take updates, as address or host name, with `:port` unless it is 53; an "
        "IPv6 address in brackets. The first is asked, the next one only if it did not answer.",
        examples=[["10.0.0.53", "[2001:db8::53]:53"]],
    )
    key: KeyName = Field(
        description="The TSIG key under `[keys]` that signs updates and reads; none is ever sent unsigned.",
        examples=["failover-key"],
    )


class FileTable(Table):
    """A status file."""

    type: Literal["file"] = Field(description="The kind of source.", examples=["file"])
    path: Path = Field(
        description="The file. It is watched, and looked at every `look_s` besides.",
        examples=["/run/failover/dma-main.status"],
    )
    pointer: Pointer | None = Field(
        default=None,
        description="JSON pointer (RFC 6901) to the word in a JSON file; without it the file is that one "
        "word.",
        examples=["/role"],
    )
    since_pointer: Pointer | None = Field(
        default=None,
        description="JSON pointer to the time since when it holds: seconds since 1970, or ISO 8601.",
        examples=["/since"],
    )
    max_age_s: float | None = Field(
        default=None,
        ge=1,
        le=2_592_000,
        description="A file last written longer ago than this says nothing (UNKNOWN). Set it only for a file "
        "that is rewritten regularly; without it age does not matter.",
        examples=[300],
    )


class AgentFileTable(FileTable):
    """A status file that says one agent's role."""

    words: Words = Field(
        default={},
        description="Words of yours and the role each means, over the built-in ones; case and spaces make no "
        "difference.",
        examples=[{"Running hot": "ONLINE"}],
    )


class PairFileTable(FileTable):
    """A status file that names the online agent of a pair."""

    names: Names = Field(
        default={},
        description="Words that stand for an agent, beside its full name and the first label of it.",
        examples=[{"main": "dma-main.example.test."}],
    )


AgentSource = Annotated[AgentFileTable, Field(discriminator="type")]
"""The kinds of source of one agent; another is one more member of a union here."""

PairSource = Annotated[PairFileTable, Field(discriminator="type")]
"""The kinds of source of a pair."""


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
        max_length=1,
        description="Where this agent's role is read; none if the pair has a source.",
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
    log: LogTable = Field(default=LogTable(), description="What is logged, and how.")
    keys: dict[KeyName, KeyTable] = Field(default={}, description="TSIG keys by name.")
    zones: list[ZoneTable] = Field(min_length=1, description="The zones that updates are sent to.")
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
