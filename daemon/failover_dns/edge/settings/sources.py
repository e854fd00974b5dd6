"""The keys of `[[pairs.agents.sources]]` and `[[pairs.sources]]`: one table for each kind of source."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from failover_dns.edge.settings.fields import (
    Headers,
    Instance,
    Names,
    Path,
    Pointer,
    Preset,
    Regex,
    Statuses,
    Table,
    TimeZone,
    Url,
    Words,
)

_POINTER = "JSON pointer (RFC 6901) to the word in a JSON {}; without it the {} is that one word."
_SINCE = "JSON pointer to the time since when it holds: seconds since 1970, or ISO 8601."
_WORDS = (
    "Words of yours and the role each means, over the built-in ones{}; case and spaces make no difference."
)
_NAMES = "Words that stand for an agent, beside its full name and the first label of it."
_ZONE = (
    "The time zone of the agent's clock by its IANA name, since its times carry none; by default that of the "
    "host that runs the daemon."
)


class WatchedTable(Table):
    """A file that is watched."""

    type: str
    path: Path = Field(
        description="The file. It is watched, and looked at every `look_s` besides.",
        examples=["/run/failover/dma-main.status"],
    )
    polling: bool = Field(
        default=False,
        description="For a file on a share, whose server tells nobody of changes: look for them every `poll_s`.",
    )
    poll_s: float = Field(
        default=1.0, ge=0.1, le=60, description="How often a share is looked at; needs `polling = true`."
    )


class FileTable(WatchedTable):
    """A status file."""

    type: Literal["file"] = Field(description="The kind of source.", examples=["file"])
    pointer: Pointer | None = Field(
        default=None, description=_POINTER.format("file", "file"), examples=["/role"]
    )
    since_pointer: Pointer | None = Field(default=None, description=_SINCE, examples=["/since"])
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

    words: Words = Field(default={}, description=_WORDS.format(""), examples=[{"Running hot": "ONLINE"}])


class PairFileTable(FileTable):
    """A status file that names the online agent of a pair."""

    names: Names = Field(default={}, description=_NAMES, examples=[{"main": "dma-main.example.test."}])


class HttpTable(Table):
    """A health endpoint."""

    type: Literal["http"] = Field(description="The kind of source.", examples=["http"])
    url: Url = Field(
        description="What is asked with GET, `http://…` or `https://…`.",
        examples=["https://dma-main.example.test/health"],
    )
    pointer: Pointer | None = Field(
        default=None, description=_POINTER.format("body", "body"), examples=["/role"]
    )
    since_pointer: Pointer | None = Field(default=None, description=_SINCE, examples=["/since"])
    regex: Regex | None = Field(
        default=None,
        description="Regular expression whose group `role`, or else first group, is the word. Only single "
        "characters and classes may be repeated, and a repetition gives nothing back: `<b>([^<]*)</b>`.",
        examples=["<b>([^<]*)</b>"],
    )
    require: dict[Pointer, str] = Field(
        default={},
        description="What must stand in the JSON body besides, by pointer; else the answer says nothing.",
        examples=[{"/state": "running"}],
    )
    expect_status: int = Field(
        default=200, ge=100, le=599, description="The status code that an answer must have."
    )
    header_files: Headers = Field(
        default={},
        description="Headers to send, each with the file that holds its value; readable by its owner only.",
        examples=[{"Authorization": "/etc/failover-dns/token"}],
    )
    ca_file: Path | None = Field(
        default=None,
        description="Certificates (PEM) of the authorities that are trusted; by default the system's.",
        examples=["/etc/failover-dns/ca.pem"],
    )
    cert_file: Path | None = Field(
        default=None,
        description="Our own certificate (PEM), for an endpoint that wants one.",
        examples=["/etc/failover-dns/client.pem"],
    )
    key_file: Path | None = Field(
        default=None,
        description="The private key of `cert_file`, if it is not in the same file; without a password.",
        examples=["/etc/failover-dns/client.key"],
    )
    server_name: str | None = Field(
        default=None,
        min_length=1,
        max_length=255,
        description="The name that the endpoint's certificate must be for, if not the one in `url`.",
        examples=["dma-main.example.test"],
    )
    insecure: bool = Field(
        default=False, description="Accept any certificate: whoever answers at the address is believed."
    )
    allow_redirects: bool = Field(
        default=False, description="Follow redirects, within the same scheme, host and port."
    )
    interval_s: float = Field(
        default=5.0, ge=0.1, le=3600, description="How often it is asked while its role is settled."
    )
    doubtful_s: float = Field(
        default=1.0, ge=0.1, le=3600, description="How soon it is asked again while its role is in doubt."
    )
    timeout_s: float = Field(default=2.0, ge=0.1, le=60, description="How long one answer may take in all.")
    rise: int = Field(
        default=1, ge=1, le=100, description="How often in a row it must say ONLINE anew until that counts."
    )
    fall: int = Field(
        default=3,
        ge=1,
        le=100,
        description="How often in a row it must say nothing, or OFFLINE after ONLINE, until that counts.",
    )
    max_age_s: float | None = Field(
        default=None,
        ge=0.1,
        le=86_400,
        description="An answer older than this says nothing (UNKNOWN); by default three times `interval_s`, and "
        "`timeout_s`.",
        examples=[20],
    )


class AgentHttpTable(HttpTable):
    """A health endpoint that says one agent's role."""

    preset: Preset | None = Field(
        default=None,
        description="Where the role stands and which words are used, for a product; other keys go over it.",
        examples=["patroni"],
    )
    status: Statuses = Field(
        default={},
        description="The role that each status code means. Without it the status must be `expect_status`, and "
        "the body says the role.",
        examples=[{"200": "ONLINE", "503": "OFFLINE"}],
    )
    words: Words = Field(
        default={},
        description=_WORDS.format(" or the preset's"),
        examples=[{"Running hot": "ONLINE"}],
    )


class PairHttpTable(HttpTable):
    """A health endpoint that names the online agent of a pair."""

    names: Names = Field(default={}, description=_NAMES, examples=[{"main": "dma-main.example.test."}])


class DmsTable(WatchedTable):
    """An agent's DMS.xml."""

    type: Literal["dms"] = Field(description="The kind of source.", examples=["dms"])
    timezone: TimeZone | None = Field(default=None, description=_ZONE, examples=["Europe/Brussels"])
    keep_good_s: float = Field(
        default=30.0,
        ge=0,
        le=3600,
        description="How long the last good reading stands while the file is half written.",
    )


class FailoverLogTable(WatchedTable):
    """An agent's SLFailover.txt."""

    type: Literal["failover-log"] = Field(description="The kind of source.", examples=["failover-log"])
    timezone: TimeZone | None = Field(default=None, description=_ZONE, examples=["Europe/Brussels"])


class FailoverStatusTable(WatchedTable):
    """An agent's FailoverStatus.txt."""

    type: Literal["failover-status"] = Field(description="The kind of source.", examples=["failover-status"])


class KeepalivedTable(Table):
    """A VRRP instance of the keepalived on the host that runs the daemon."""

    type: Literal["keepalived"] = Field(description="The kind of source.", examples=["keepalived"])
    fifo: Path = Field(
        description="keepalived's `vrrp_notify_fifo`, which only one daemon may read.",
        examples=["/run/failover/keepalived.fifo"],
    )
    instance: Instance = Field(description="The name of the `vrrp_instance`.", examples=["VI_DMA"])


class AddressesTable(Table):
    """Whether the host that runs the daemon holds the pair's virtual IPs."""

    type: Literal["addresses"] = Field(description="The kind of source.", examples=["addresses"])
    trust: bool = Field(
        default=False,
        description="Let holding the virtual IPs be a claim to be online. Without it that is evidence, which "
        "confirms or vetoes what other sources say.",
    )


AgentSource = Annotated[
    AgentFileTable
    | AgentHttpTable
    | DmsTable
    | FailoverLogTable
    | FailoverStatusTable
    | KeepalivedTable
    | AddressesTable,
    Field(discriminator="type"),
]
"""The kinds of source of one agent."""

PairSource = Annotated[PairFileTable | PairHttpTable, Field(discriminator="type")]
"""The kinds of source of a pair."""
