"""The types of the configuration's values, each parsed by a function of `values`, and what all tables share."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
)

from failover_dns.core import kerberos
from failover_dns.core.health import PRESETS
from failover_dns.core.model import Address, Role
from failover_dns.edge.settings import sourcevalues, values

TEXT = WithJsonSchema({"type": "string"})


def _absolute_path(text: str, info: ValidationInfo) -> str:
    # pydantic-settings tries a variable's text without a context; it is validated again with the rest.
    return text if info.context is None else values.absolute_path(text, info.context["platform"])


Name = Annotated[
    str, AfterValidator(values.absolute_name), WithJsonSchema({"type": "string", "pattern": "\\.$"})
]
KeyName = Annotated[str, AfterValidator(values.key_name)]
Auth = Literal["tsig", "gss"]
Flag = Annotated[kerberos.Flag, Field(strict=False)]
Principal = Annotated[
    str, AfterValidator(values.principal), WithJsonSchema({"type": "string", "pattern": "^[^@]+@[^@]+$"})
]
PairName = Annotated[
    str,
    AfterValidator(values.pair_name),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9_-]{1,63}$"}),
]
Writer = Annotated[
    str,
    AfterValidator(values.writer),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9._-]{1,63}$"}),
]
Limit = Annotated[float, Field(gt=1, le=1000)]
Reuse = Annotated[float, Field(gt=0, le=999)]
Host = Annotated[
    Address,
    PlainValidator(values.address),
    WithJsonSchema({"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}),
]
Server = Annotated[values.Server, PlainValidator(values.server), TEXT]
Resolver = Annotated[values.Server, PlainValidator(values.resolver), TEXT]
Listen = Annotated[tuple[Address, int], PlainValidator(values.listen), TEXT]
Local = Annotated[tuple[Address, int], PlainValidator(values.local), TEXT]
HostName = Annotated[str, AfterValidator(values.host_name)]
Sender = Annotated[Address | IPv4Network | IPv6Network, PlainValidator(values.sender), TEXT]
Classless = Annotated[IPv4Network, PlainValidator(values.classless), TEXT]
Path = Annotated[str, AfterValidator(_absolute_path)]
Pointer = Annotated[str, AfterValidator(values.pointer), WithJsonSchema({"type": "string", "pattern": "^/"})]
Url = Annotated[
    str, AfterValidator(sourcevalues.url), WithJsonSchema({"type": "string", "pattern": "^https?://"})
]
Regex = Annotated[re.Pattern[str], PlainValidator(sourcevalues.regex), TEXT]
TimeZone = Annotated[ZoneInfo, PlainValidator(sourcevalues.time_zone), TEXT]
Instance = Annotated[str, AfterValidator(sourcevalues.instance)]
Preset = Annotated[
    str, AfterValidator(sourcevalues.preset), WithJsonSchema({"type": "string", "enum": list(PRESETS)})
]
OneRole = Annotated[Role, Field(strict=False)]
Words = Annotated[dict[str, OneRole], AfterValidator(values.folded)]
Names = Annotated[dict[str, Name], AfterValidator(values.folded)]
Statuses = Annotated[dict[str, OneRole], AfterValidator(sourcevalues.status_codes)]
HeaderName = Annotated[str, AfterValidator(sourcevalues.header_name)]
Headers = dict[HeaderName, Path]


class Table(BaseModel):
    """A TOML table: unknown keys are errors, and no value turns into another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
