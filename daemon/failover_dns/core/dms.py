"""DataMiner's DMS.xml: the local agent's Failover state, and the facts that a first configuration needs.

No schema is published, so names and values are matched without regard to case, with the namespace or without,
and everything else is passed over. The file holds passwords too: of what is passed over nothing is kept, and
no reason repeats more than the few values that are named here. It is overwritten in place, so a reading that
fails half-way leaves the last good one standing for a while.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from ipaddress import ip_address

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, ParseError

from failover_dns.core.model import Address, Instant, Observation, Role
from failover_dns.core.roles import MAX_SINCE_S, Reading, decode, fold, read_word, shown, unknown
from failover_dns.core.sources import Glance

MAX_BYTES = 1024 * 1024
"""A large system's file; what is larger is another one."""

MAX_DEPTH = 64
MAX_ELEMENTS = 20_000
"""More than a file of that size has in earnest; it bounds the time of one reading."""

NAMESPACES = frozenset({"", "http://www.skyline.be/config/dms"})

VIRTUAL_IP = "virtualip"
HOST_NAME = "hostname"
"""The two types of Failover, folded; a pair of the second keeps both addresses in DNS and needs no help."""

TWICE = "twice, and so neither"
"""Stands for an attribute that an element has twice, in different case."""

TRUE, FALSE = frozenset({"true", "1"}), frozenset({"false", "0"})

_ACQUIRING = re.compile(r"(acquiring|releasing) virtual ip address(es)?\b.*", re.DOTALL)
_AGENTS = frozenset({"agent", "failoveragent", "dma", "primary", "backup", "main"})
_AGENT_NAMES = ("name", "hostname", "host")


@dataclass(frozen=True, slots=True, kw_only=True)
class DmsSource:
    """An agent's own DMS.xml; `zone` is the time zone of its times, None for this host's."""

    path: str
    agent: str
    zone: tzinfo | None = None
    keep_good_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    """The last reading of a whole file, and when it was made."""

    reading: Reading
    read: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A file that cannot be read; `half` if it may be so only because it is being written."""

    reason: str
    half: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the file says of the pair: `kind` is the type of Failover as written, "" where it is not."""

    configured: bool
    kind: str = ""
    virtual_ips: tuple[Address, ...] = ()
    agents: tuple[str, ...] = ()

    @property
    def by_host_name(self) -> bool:
        """Whether the pair shares a host name instead of an address."""
        return _plain(self.kind) == HOST_NAME


def observe_dms(
    source: DmsSource, glance: Glance, good: Good | None, *, now: Instant
) -> tuple[Observation, Good | None]:
    """Return the agent's observation, and the good reading to hand in the next time.

    A file that cannot be had at all is UNKNOWN at once, and ends what was good before.
    """
    if glance.problem is not None:
        return _observation(source, unknown(glance.problem), now), None
    found = read_dms(glance.content, source.zone)
    if isinstance(found, Reading):
        return _observation(source, found, now), Good(reading=found, read=now)
    if good is None or not found.half:
        return _observation(source, unknown(found.reason), now), None
    age_s = now.mono_s - good.read.mono_s
    if age_s > source.keep_good_s:
        reason = f"{found.reason}, for longer than keep_good_s = {source.keep_good_s:g}"
        return _observation(source, unknown(reason), now), good
    kept = replace(good.reading, reason=f"{good.reading.reason}, {age_s:.0f} s ago; now {found.reason}")
    return _observation(source, kept, good.read), good


def read_dms(content: bytes, zone: tzinfo | None = None) -> Reading | Broken:
    """Return the local agent's state, or what is wrong with the file."""
    document = _parse(content)
    if isinstance(document, Broken):
        return document
    return _unfit(document) or _read_state(document, zone)


def read_dms_facts(content: bytes) -> Facts | Broken:
    """Return what the file says of the pair, or what is wrong with it."""
    document = _parse(content)
    if isinstance(document, Broken):
        return document
    return Facts(
        configured=len(document.failovers) == 1,
        kind=document.kind.strip(),
        virtual_ips=tuple(dict.fromkeys(filter(None, map(_address, document.virtual_ips)))),
        agents=tuple(dict.fromkeys(document.agents)),
    )


def read_state(text: str) -> Reading:
    """Return the role that one of DataMiner's state texts stands for."""
    if _ACQUIRING.fullmatch(fold(text)):
        return Reading(role=Role.SWITCHING, reason=f"it says {shown(text)}")
    return read_word(text)


def local_time_s(text: str, zone: tzinfo | None) -> float | None:
    """Return seconds since 1970 of a time without a zone; None if that is not one moment.

    `zone` is where the clock stands, None for this host's. A time in the hour that comes twice, or in the one
    that never comes, may be wrong by an hour: the order of two claims cannot rest on it.
    """
    try:
        moment = datetime.fromisoformat(text.strip().replace("/", "-"))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        first, second = moment.replace(fold=0).timestamp(), moment.replace(fold=1).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
    return first if first == second and 0 <= first < MAX_SINCE_S else None


def _observation(source: DmsSource, reading: Reading, read: Instant) -> Observation:
    return Observation(
        agent=source.agent,
        role=reading.role,
        read=read,
        source=f"DMS.xml {source.path}",
        reason=reading.reason,
        since_s=reading.since_s,
    )


def _unfit(document: _Document) -> Reading | None:
    """Return why the state counts for nothing, if so."""
    if len(document.failovers) != 1:
        return unknown("it has no Failover" if not document.failovers else "it has more than one Failover")
    active = fold(document.failovers[0].get("active", "true"))
    if active in FALSE:
        return unknown("Failover is not active (active is false)")
    if active not in TRUE:
        return unknown(f"its active is {shown(active)}, neither true nor false")
    kind = _plain(document.kind)
    if kind == HOST_NAME:
        return unknown(
            "the pair shares a host name, and DNS needs no change at a switch; remove the pair here"
        )
    if kind not in {"", VIRTUAL_IP}:
        return unknown(f"its FailoverType is {shown(document.kind)}, which is not known")
    return None


def _read_state(document: _Document, zone: tzinfo | None) -> Reading:
    if len(document.states) != 1:
        return unknown("its Failover has no State" if not document.states else "its Failover has two States")
    state = document.states[0]
    if "state" not in state:
        return unknown("its State says no state")
    return replace(read_state(state["state"]), since_s=local_time_s(state.get("laststatechange", ""), zone))


def _address(text: str) -> Address | None:
    try:
        return ip_address(text.strip())
    except ValueError:
        return None


def _plain(text: str) -> str:
    return re.sub(r"[\s_-]", "", text).casefold()


class _ExcessError(ValueError):
    """The document is larger than any DMS.xml."""


def _parse(content: bytes) -> _Document | Broken:
    if len(content) > MAX_BYTES:
        return Broken(reason=f"it is larger than {MAX_BYTES // 1024} KiB")
    if not content.strip(b"\0 \t\r\n"):
        return Broken(reason="it is empty", half=True)
    document = _Document()
    parser = DefusedXMLParser(target=document, forbid_dtd=True)
    text = decode(content)
    try:
        # As text the declaration's encoding does not count: it may be wrong, and the mark is right.
        parser.feed(content if text is None else text)
        parser.close()
    except DefusedXmlException:
        return Broken(reason="it has a document type, which DMS.xml has not; nothing of it was read")
    except _ExcessError:
        return Broken(reason="it has more elements, or deeper ones, than a DMS.xml; nothing of it was read")
    except (ParseError, ValueError, LookupError):  # a parser's message may repeat content
        return Broken(reason="it is not complete XML", half=True)
    return document


@dataclass(slots=True, repr=False)
class _Document:
    """A parser's target that keeps what counts, and nothing of the rest."""

    failovers: list[Mapping[str, str]] = field(default_factory=list)
    states: list[Mapping[str, str]] = field(default_factory=list)
    kind: str = ""
    virtual_ips: list[str] = field(default_factory=list)
    agents: list[str] = field(default_factory=list)
    _path: list[str] = field(default_factory=list)
    _elements: int = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Enter an element."""
        self._elements += 1
        if len(self._path) >= MAX_DEPTH or self._elements > MAX_ELEMENTS:
            raise _ExcessError
        self._path.append(_local(tag))
        match self._path:
            case ["dms", "failover"]:
                self.failovers.append(_named(attributes, "active"))
                self.kind += _named(attributes, "failovertype").get("failovertype", "")
            case ["dms", "failover", "state"]:
                self.states.append(_named(attributes, "state", "laststatechange"))
            case ["dms", "failover", *_, "virtualip"]:
                self.virtual_ips += _named(attributes, "address").values()
            case ["dms", "failover", *_, name] if name in _AGENTS:
                found = _named(attributes, *_AGENT_NAMES)
                self.agents += [
                    found[key] for key in _AGENT_NAMES if found.get(key, TWICE).strip() not in {"", TWICE}
                ][:1]

    def data(self, text: str) -> None:
        """Take in an element's text."""
        if self._path == ["dms", "failover", "failovertype"]:
            self.kind += text

    def end(self, _tag: str) -> None:
        """Leave an element."""
        self._path.pop()

    def close(self) -> None:
        """End the document."""


def _local(tag: str) -> str:
    """Return an element's name, folded; one of a foreign namespace keeps it and so is none of ours."""
    namespace, brace, local = tag.rpartition("}")
    return local.casefold() if namespace.removeprefix("{") in NAMESPACES else (namespace + brace + local)


def _named(attributes: Mapping[str, str], *names: str) -> Mapping[str, str]:
    """Return the attributes of these names, folded; one that is there twice says nothing that is known."""
    found: dict[str, str] = {}
    for name, value in attributes.items():
        key = name.casefold()
        if key in names:
            found[key] = TWICE if key in found else value
    return found
