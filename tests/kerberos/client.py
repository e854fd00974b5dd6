"""A signer of ours at a real server: it negotiates, and its messages are signed and heard as the daemon's."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import dns.message
import dns.tsig
import dns.update

from failover_dns.core.errors import FailoverDnsError
from failover_dns.core.kerberos import FLAGS, Credentials, Flag
from failover_dns.core.model import Instant, Key, RRset, Type
from failover_dns.effects import clock
from failover_dns.effects.gss import open_mechanism
from failover_dns.effects.gss.signer import GssSigner
from failover_dns.effects.lane import Lane
from failover_dns.effects.primary import Primary
from failover_dns.wire.context import ContextKey
from failover_dns.wire.query import ask, read
from failover_dns.wire.sign import Heard, hear, sign
from tests.servers.kerberos import ACCOUNT, Realm
from tests.servers.programs import HOST

DEADLINE_S = 10.0


@dataclass(slots=True)
class Shifted:
    """This machine's clocks, ahead by as much as a test says."""

    ahead_s: float = 0.0

    def __call__(self) -> Instant:
        now = clock.now()
        return Instant(mono_s=now.mono_s + self.ahead_s, wall_s=now.wall_s + self.ahead_s)


@dataclass(slots=True, kw_only=True)
class Client:
    """One account at one server."""

    realm: Realm
    signer: GssSigner
    primary: Primary
    lane: Lane
    clock: Shifted
    told: list[FailoverDnsError] = field(default_factory=list)

    async def key(self, server: str | None = None, *, deadline_s: float = DEADLINE_S) -> ContextKey:
        """Return the signer's key for the realm's server, or for another name."""
        return await self.signer.key(
            self.primary.exchange, server or self.realm.server, deadline_s=deadline_s
        )

    def at(self, port: int) -> Primary:
        """Return the server at another port."""
        return Primary(HOST, port, run=self.lane.run)

    async def send(self, message: dns.message.Message, key: dns.tsig.Key | None = None) -> Heard:
        """Sign, send, and hear the answer."""
        key = key or await self.key()
        wire = sign(message, key)
        return hear(message, await self.primary.exchange(wire, deadline_s=DEADLINE_S), key)

    async def add(self, name: str, *addresses: str, key: dns.tsig.Key | None = None) -> Heard:
        """Add A records."""
        update = self.update()
        for address in addresses:
            update.add(name, 60, "A", address)
        return await self.send(update, key)

    def update(self) -> dns.update.UpdateMessage:
        """Begin an update of the realm's zone."""
        return dns.update.UpdateMessage(self.realm.zone)

    async def read(self, name: str) -> Iterable[str]:
        """Return the A records at a name of the zone as the daemon reads them, signed and proved."""
        asked, signer = Key(f"{name}.{self.realm.zone}", Type.A), await self.key()
        query = ask(asked)
        answer = await self.primary.exchange(sign(query, signer), deadline_s=DEADLINE_S)
        found: tuple[RRset, ...] = read(asked, query, answer, signer, self.realm.zone)
        return {str(value) for value in found[0].values}


@asynccontextmanager
async def signing(
    realm: Realm,
    credentials: Credentials | None = None,
    *,
    flags: tuple[Flag, ...] = FLAGS,
    platform: str = sys.platform,
) -> AsyncIterator[Client]:
    """Open a client of the realm, with the keytab of the account that has the grants, or with others."""
    given = credentials or Credentials(keytab=realm.keytab(ACCOUNT), principal=realm.principal(ACCOUNT))
    lane, shifted, told = Lane("kerberos"), Shifted(), list[FailoverDnsError]()
    mechanism = open_mechanism(given, flags, platform=platform)
    signer = GssSigner(mechanism, run=lane.run, clock=shifted, tell=told.append)
    try:
        async with Primary(HOST, realm.dns_port, run=lane.run) as primary:
            yield Client(realm=realm, signer=signer, primary=primary, lane=lane, clock=shifted, told=told)
    finally:
        await signer.close()
        lane.close()
