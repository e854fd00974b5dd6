"""Who signs what goes to a primary: a key that both sides share, or one that is negotiated with each server.

A negotiated key is for one server by its real name, which is the MNAME of the SOA that the server itself gives: every
domain controller names itself there. The question is not signed, since there is no key yet; whoever lies only makes
Kerberos prove that this server is not who it says it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import dns.tsig

from failover_dns.core.errors import FailoverDnsError
from failover_dns.wire.soa import ask_soa, read_soa


class Server(Protocol):
    """A primary: exchanges a message for its answer (`effects.primary`)."""

    async def exchange(self, wire: bytes, *, deadline_s: float) -> bytes:
        """Return the answer; UnsentError or SilentError if there is none within `deadline_s`."""
        ...


class Signer(Protocol):
    """Hands out the keys of one account."""

    @property
    def name(self) -> str:
        """The key's or the account's name, for logs, messages and the change log."""
        ...

    @property
    def by_server(self) -> bool:
        """Whether each server has a key of its own; such servers take updates each, and replicate them."""
        ...

    async def key(self, server: Server, zone: str, *, deadline_s: float) -> dns.tsig.Key:
        """Return the key for messages to `server` about `zone`; UnsentError if there is none."""
        ...

    def discard(self, key: dns.tsig.Key) -> bool:
        """Forget a key that its server does not know any more; return whether another one may help."""
        ...


class Gss(Protocol):
    """Negotiates keys for one account (`effects.gss.signer`)."""

    @property
    def name(self) -> str:
        """The account."""
        ...

    async def key(self, exchange: Exchange, server_name: str, *, deadline_s: float) -> dns.tsig.Key:
        """Return the key for the server of that name; NegotiationError if there is none."""
        ...

    async def ticket(self, server_name: str, *, deadline_s: float) -> None:
        """Get a ticket for the server of that name; NegotiationError if there is none."""
        ...

    def discard(self, key: dns.tsig.Key) -> bool:
        """Forget it; return whether another one may help."""
        ...


class Exchange(Protocol):
    """`Server.exchange`."""

    async def __call__(self, wire: bytes, *, deadline_s: float) -> bytes:
        """Return the answer."""
        ...


@dataclass(frozen=True, slots=True)
class Shared:
    """A key that both sides have (RFC 8945)."""

    shared: dns.tsig.Key
    by_server: bool = False

    @property
    def name(self) -> str:
        """The key's name."""
        return self.shared.name.to_text()

    async def key(self, server: Server, zone: str, *, deadline_s: float) -> dns.tsig.Key:  # noqa: ARG002
        """Return the key, whoever the server is."""
        return self.shared

    def discard(self, key: dns.tsig.Key) -> bool:  # noqa: ARG002 - there is no other
        """Return that there is no other key."""
        return False


class Negotiated:
    """Keys that are negotiated with each server (RFC 3645)."""

    by_server = True

    def __init__(self, gss: Gss) -> None:
        self._gss = gss
        self._names: dict[Server, str] = {}

    @property
    def name(self) -> str:
        """The account."""
        return self._gss.name

    async def key(self, server: Server, zone: str, *, deadline_s: float) -> dns.tsig.Key:
        """Return the key for `server`, whose name is asked for first if it is not known."""
        name = await self.server_name(server, zone, deadline_s=deadline_s)
        try:
            return await self._gss.key(server.exchange, name, deadline_s=deadline_s)
        except FailoverDnsError:
            self._names.pop(server, None)
            raise

    async def server_name(self, server: Server, zone: str, *, deadline_s: float) -> str:
        """Return the name that `server` gives itself, asked for once; ReadError if it tells none."""
        if server not in self._names:
            query = ask_soa(zone)
            answer = await server.exchange(query.to_wire(), deadline_s=deadline_s)
            self._names[server] = read_soa(query, answer).primary
        return self._names[server]

    async def ticket(self, server_name: str, *, deadline_s: float) -> None:
        """Get a ticket for the server of that name; NegotiationError if there is none."""
        await self._gss.ticket(server_name, deadline_s=deadline_s)

    def discard(self, key: dns.tsig.Key) -> bool:
        """Forget the key; return whether another one may help."""
        return self._gss.discard(key)
