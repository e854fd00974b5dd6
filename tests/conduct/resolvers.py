"""Resolvers that know what they are told: which zones there are, and what their SOAs say."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TypeAlias

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rrset

from failover_dns.core.errors import SilentError
from tests.wire.answers import blank_response

Says: TypeAlias = dns.rcode.Rcode | None


@dataclass(slots=True, kw_only=True)
class Resolver:
    """A resolver; `zones` are by name the primaries that their SOAs name.

    `says` is an rcode that it answers whatever it is asked; while `silent` it answers nothing, and until
    `may_answer` is set it keeps those who ask waiting.
    """

    zones: dict[str, str]
    ttl_s: int = 60
    says: Says = None
    silent: bool = False
    name: str = "192.0.2.1#53"
    asked: list[str] = field(default_factory=list)
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.may_answer.set()

    def __str__(self) -> str:
        return self.name

    async def exchange(self, wire: bytes, *, deadline_s: float) -> bytes:
        assert deadline_s > 0
        name = dns.message.from_wire(wire).question[0].name.to_text()
        self.asked.append(name)
        self.was_asked.set()
        await self.may_answer.wait()
        if self.silent:
            raise SilentError(f"{self} gave no answer in time", "its log says whether it got one")
        if self.says is not None:
            return blank_response(wire, self.says).to_wire()
        return self._answer(wire, name)

    def _answer(self, wire: bytes, name: str) -> bytes:
        response = blank_response(wire)
        response.flags |= dns.flags.RA
        if name in self.zones:
            response.answer.append(self._soa(name))
        else:
            response.set_rcode(dns.rcode.NXDOMAIN)
            above = [zone for zone in self.zones if name.endswith(f".{zone}")]
            response.authority.extend(self._soa(zone) for zone in above[:1])
        return response.to_wire()

    def _soa(self, zone: str) -> dns.rrset.RRset:
        return dns.rrset.from_text(
            zone, self.ttl_s, "IN", "SOA", f"{self.zones[zone]} hostmaster.{zone} 1 3600 600 86400 30"
        )
