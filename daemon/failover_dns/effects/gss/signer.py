"""Who signs for one account: a security context for each server, shared by all pairs.

Servers keep a bounded number of contexts (Samba 128), so there is one for many updates, and a new one only at
half its life, while the old one is good, or when the server has lost it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import dns.tsig

from failover_dns.core.errors import FailoverDnsError, SilentError
from failover_dns.core.kerberos import Life, NegotiationError, Trouble, explain
from failover_dns.core.model import Instant
from failover_dns.effects import Run
from failover_dns.effects.gss import Context, Mechanism
from failover_dns.wire.context import ContextKey
from failover_dns.wire.tkey import ask_tkey, fresh_name, read_tkey

MAX_LEGS = 8
"""Kerberos takes one round trip, or two with a clock that is off; whoever wants more goes round in circles."""

YOUNG_S = 60.0
"""How long a context that replaced another is not itself replaced: what the server refuses then, it means."""

RENEW_AGAIN_S = 60.0
MIN_LIFE_S = 10.0
"""A shorter one is taken for this: nobody is to negotiate for every update."""


class Exchange(Protocol):
    """What `effects.primary.Primary.exchange` does."""

    async def __call__(self, wire: bytes, *, deadline_s: float) -> bytes:
        """Return the answer to `wire`; UnsentError or SilentError if there is none in time."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Held:
    """A context in hand; `replaces` one that the server would not have."""

    key: ContextKey
    life: Life
    replaces: bool


class GssSigner:
    """Keys for one account, by the server's name; `tell` hears of a renewal that failed."""

    def __init__(
        self,
        mechanism: Mechanism,
        *,
        run: Run,
        clock: Callable[[], Instant],
        tell: Callable[[FailoverDnsError], None] = lambda _: None,
    ) -> None:
        self._mechanism = mechanism
        self._run = run
        self._clock = clock
        self._tell = tell
        self._held: dict[str, _Held] = {}
        self._suspect: set[str] = set()
        self._tasks: dict[str, asyncio.Task[ContextKey]] = {}
        self._renew_from_s: dict[str, float] = {}

    @property
    def name(self) -> str:
        """The account, for logs and messages."""
        return self._mechanism.account

    async def key(self, exchange: Exchange, server_name: str, *, deadline_s: float) -> ContextKey:
        """Return the key for the server of that name, negotiated over `exchange` if there is none.

        Raises NegotiationError if there is none within `deadline_s`.
        """
        server = server_name.rstrip(".").lower()
        held, now_s = self._held.get(server), self._clock().mono_s
        if held is None or held.life.over(now_s):
            return await self._negotiated(exchange, server, deadline_s)
        if held.life.due(now_s) and now_s >= self._renew_from_s.get(server, now_s):
            self._renew(exchange, server, deadline_s)
        return held.key

    async def ticket(self, server_name: str, *, deadline_s: float) -> None:
        """Get a ticket for the server of that name and use it for nothing; NegotiationError if there is none."""
        server, left_s = server_name.rstrip(".").lower(), _until(deadline_s)
        try:
            context = await self._run(lambda: self._mechanism.begin(server, fresh=False), deadline_s=left_s())
            await self._run(_step(context, b""), deadline_s=left_s())
        except TimeoutError as error:  # the lane's
            raise explain(Trouble.KDC_SILENT, account=self.name, server=server) from error

    def discard(self, key: dns.tsig.Key) -> bool:
        """Forget the context of `key`, which its server does not accept; return whether another may help."""
        for server, held in self._held.items():
            if held.key is key:
                if held.replaces and self._clock().mono_s - held.life.since_s < YOUNG_S:
                    return False
                del self._held[server]
                self._suspect.add(server)
                return True
        return True  # somebody was faster: what is in hand now is newer

    async def close(self) -> None:
        """End what is under way and throw the tickets away."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._held.clear()
        self._mechanism.close()

    async def _negotiated(self, exchange: Exchange, server: str, deadline_s: float) -> ContextKey:
        """Join the negotiation that is under way with this server, or begin one; it has its own deadline."""
        return await asyncio.shield(self._tasks.get(server) or self._begin(exchange, server, deadline_s))

    def _begin(self, exchange: Exchange, server: str, deadline_s: float) -> asyncio.Task[ContextKey]:
        task = asyncio.create_task(self._replace(exchange, server, deadline_s))
        self._tasks[server] = task
        task.add_done_callback(lambda done: self._done(server, done))
        return task

    def _done(self, server: str, task: asyncio.Task[ContextKey]) -> None:
        del self._tasks[server]
        if not task.cancelled():
            task.exception()  # whoever waits has it; a renewal told of it

    def _renew(self, exchange: Exchange, server: str, deadline_s: float) -> None:
        if server not in self._tasks:
            self._begin(exchange, server, deadline_s).add_done_callback(
                lambda task: self._renewed(server, task)
            )

    def _renewed(self, server: str, task: asyncio.Task[ContextKey]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, FailoverDnsError):
            self._renew_from_s[server] = self._clock().mono_s + RENEW_AGAIN_S
            self._tell(error)

    async def _replace(self, exchange: Exchange, server: str, deadline_s: float) -> ContextKey:
        """Negotiate, with fresh tickets after a discard: the grants of a group stand in them."""
        replaces, left_s = server in self._suspect, _until(deadline_s)
        try:
            key, life = await self._negotiate(exchange, server, left_s, fresh=replaces)
        except NegotiationError:
            if not replaces:
                raise
            key, life = await self._negotiate(exchange, server, left_s, fresh=False)  # no KDC: those in hand
        self._held[server] = _Held(key=key, life=life, replaces=replaces)
        self._suspect.discard(server)
        return key

    async def _negotiate(
        self, exchange: Exchange, server: str, left_s: Callable[[], float], *, fresh: bool
    ) -> tuple[ContextKey, Life]:
        """Return a key and its life; whatever there is instead, nothing was sent that changes anything."""
        try:
            return await self._legs(exchange, server, left_s, fresh=fresh)
        except SilentError as error:
            raise NegotiationError(f"negotiating with {server}: {error.what}", error.cure) from error
        except TimeoutError as error:  # the lane's
            raise explain(Trouble.KDC_SILENT, account=self.name, server=server) from error

    async def _legs(
        self, exchange: Exchange, server: str, left_s: Callable[[], float], *, fresh: bool
    ) -> tuple[ContextKey, Life]:
        """Pass tokens to and fro until the context is complete (RFC 3645 3.1).

        The signature on the last answer is not looked at: some servers leave it out, and every answer after it has
        to verify.
        """
        since_s, name, token = self._clock().mono_s, fresh_name(), b""
        life_s = float("inf")
        context = await self._run(lambda: self._mechanism.begin(server, fresh=fresh), deadline_s=left_s())
        key = ContextKey(name, context, self.name)
        for _ in range(MAX_LEGS):
            token = await self._run(_step(context, token), deadline_s=left_s())
            if token:
                query = ask_tkey(name, token, now_s=self._clock().wall_s)
                wire = await exchange(query.to_wire(), deadline_s=left_s())
                leg = read_tkey(query, wire, server)
                token, life_s = leg.token, leg.life_s
            if context.complete:
                shorter_s = min(life_s, life_s if context.life_s is None else context.life_s)
                return key, Life(since_s=since_s, life_s=max(shorter_s, MIN_LIFE_S))
            if not token:
                break
        raise explain(Trouble.OTHER, account=self.name, server=server, said="the negotiation came to no end")


def _step(context: Context, token: bytes) -> Callable[[], bytes]:
    return lambda: context.negotiate(token)


def _until(deadline_s: float) -> Callable[[], float]:
    """Return what tells how much of the deadline is left."""
    loop = asyncio.get_running_loop()
    until = loop.time() + deadline_s
    return lambda: max(until - loop.time(), 0.0)
