"""The control channel's server: aiohttp on one address, with a bound for all that a client can make it do.

Each connection serves one request. Whoever is slow to ask, to send a body or to take an answer is cut off.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from failover_dns.core.model import Address
from failover_dns.edge.control.announce import announced
from failover_dns.edge.control.api import Api
from failover_dns.edge.control.gate import Gate
from failover_dns.edge.control.handlers import MAX_BODY, Handlers, guarded
from failover_dns.edge.control.routes import ROUTES
from failover_dns.edge.logs import Logger
from failover_dns.edge.settings.keyfile import read_private
from failover_dns.edge.settings.loaded import Control

MAX_OPEN = 64
"""Connections at a time; one more is closed unheard."""
HEAD_S = 5.0
"""For a client to say what it asks for."""
STOP_S = 1.0
"""For what is being answered when the daemon stops."""
MAX_KEY = 64 * 1024


@asynccontextmanager
async def opened(control: Control, directory: Path, api: Api, log: Logger) -> AsyncIterator[str]:
    """Serve for as long as this lasts, and say where in the state directory; return the URL.

    Raises OSError if the address cannot be had, WrongError or OSError if the certificate or its key cannot.
    """
    host, _ = control.listen
    tls = _context(control.tls) if control.tls else None
    token = secrets.token_urlsafe(32)
    gate = Gate(token=token, names=frozenset(control.names), always=not host.is_loopback)
    application = web.Application(middlewares=[guarded(gate, log)], client_max_size=MAX_BODY)
    serving = Handlers(api)
    for route in ROUTES:
        application.router.add_route(route.method, route.path, getattr(serving, route.name))
    runner = web.AppRunner(
        application, access_log=None, keepalive_timeout=HEAD_S, shutdown_timeout=STOP_S, handle_signals=False
    )
    await runner.setup()
    try:
        server = await _listen(runner, control.listen, tls)
        try:
            port = server.sockets[0].getsockname()[1]
            url = f"{'https' if tls else 'http'}://{_reachable(host)}:{port}"
            certificate = {"certificate": control.tls[0].read_text("utf-8")} if control.tls else {}
            with announced(directory, {"url": url, **certificate}, token):
                yield url
        finally:
            server.close()
    finally:
        await runner.cleanup()


async def _listen(
    runner: web.AppRunner, listen: tuple[Address, int], tls: ssl.SSLContext | None
) -> asyncio.Server:
    requests = runner.server
    if requests is None:
        raise RuntimeError("the runner is set up first")

    def connection() -> asyncio.Protocol:
        return requests() if len(requests.connections) < MAX_OPEN else _Unheard()

    host, port = listen
    return await asyncio.get_running_loop().create_server(connection, str(host), port, ssl=tls)


class _Unheard(asyncio.Protocol):
    """A connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it."""
        transport.close()


def _context(tls: tuple[Path, Path]) -> ssl.SSLContext:
    certificate, key = tls
    read_private(key, os.environ, platform=sys.platform, max_bytes=MAX_KEY)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Without a password, OpenSSL would ask for one at the terminal.
    context.load_cert_chain(certificate, key, password="")
    return context


def _reachable(host: Address) -> str:
    """Return where this host reaches what listens at `host`."""
    if host.version == 6:  # noqa: PLR2004 - the IP version's own number
        return "[::1]" if host.is_unspecified else f"[{host}]"
    return "127.0.0.1" if host.is_unspecified else str(host)
