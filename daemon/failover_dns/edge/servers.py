"""Connections to DNS servers: primaries and resolvers, closed together."""

from __future__ import annotations

from contextlib import AsyncExitStack

from failover_dns.edge.settings.loaded import Loaded
from failover_dns.edge.settings.values import DNS_PORT
from failover_dns.effects.lane import Lane
from failover_dns.effects.primary import Primary
from failover_dns.effects.resolvers import system_resolvers

RESOLVERS_S = 2.0
"""What the system knows of its resolvers is read in milliseconds."""


class Servers:
    """Makes connections, each with a lane for its name's look-up; `stack` closes them."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    def connect(self, host: str, port: int = DNS_PORT) -> Primary:
        """Return the server at `host`, which is connected to when it is first asked."""
        lane = Lane(f"look-up of {host}")
        self._stack.callback(lane.close)
        server = Primary(host, port, run=lane.run)
        self._stack.push_async_exit(server)
        return server

    async def resolvers(self, loaded: Loaded) -> list[Primary]:
        """Return the configured resolvers, or else the system's; none if it does not tell."""
        named = [(str(resolver.host), resolver.port) for resolver in loaded.resolvers]
        return [self.connect(host, port) for host, port in named or await _systems()]


async def _systems() -> tuple[tuple[str, int], ...]:
    lane = Lane("the system's resolvers")
    try:
        return await lane.run(system_resolvers, deadline_s=RESOLVERS_S)
    except TimeoutError:
        return ()
    finally:
        lane.close()
