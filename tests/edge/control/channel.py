"""A control channel in this process: real workers, a real change log, an embedded primary; only HTTP goes in."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from failover_dns.conduct.service import Every, Service, Worker
from failover_dns.conduct.walk import Why
from failover_dns.edge import wiring
from failover_dns.edge.control.opening import Witness, control_channel
from failover_dns.edge.logs import configure
from failover_dns.edge.outlets import Outlets
from failover_dns.edge.settings.load import load
from failover_dns.edge.settings.loaded import Control
from failover_dns.effects import clock
from tests.edge.commands import Site

LONG_S = 30.0


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Channel:
    """Where it listens, its token, and what it was told about reloading."""

    directory: Path
    host: str
    port: int
    token: str
    url: str
    refusals: list[str | None]
    service: Service

    async def raw(self, request: bytes, *, ends: bool = True) -> bytes:
        """Send octets and return all that comes until the other side closes."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            writer.write(request)
            await writer.drain()
            if ends and writer.can_write_eof():
                writer.write_eof()
            async with asyncio.timeout(LONG_S):
                return await reader.read()
        finally:
            writer.close()

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        host: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask as a plain HTTP client does; `body` becomes JSON, and `token` "" sends none."""
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        said = {
            "Host": host or f"{self.host}:{self.port}",
            "Content-Length": str(len(content)),
            **({"Content-Type": "application/json"} if body is not None else {}),
            **({"Authorization": f"Bearer {self.token if token is None else token}"} if token != "" else {}),
            **(headers or {}),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in said.items() if value)
        answer = await self.raw(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + content, ends=False)
        return parsed(answer)


def parsed(answer: bytes) -> Answer:
    head, _, rest = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        rest = dechunked(rest)
    return Answer(int(status.split(" ")[1]), headers, rest)


def dechunked(data: bytes) -> bytes:
    found = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        found, data = found + data[: int(size, 16)], data[int(size, 16) + 2 :]
    return found


@dataclass
class Worked:
    """What works, for as long as the test lasts; a reload is refused with what `refusals` begins with."""

    works: wiring.Works
    service: Service
    refusals: list[str | None]

    def wake(self, pairs: Iterable[str], why: Why) -> None:
        self.service.wake(pairs, why)

    async def reload(self) -> str | None:
        return self.refusals[0]


@asynccontextmanager
async def opened(site: Site, control: Control | None = None) -> AsyncIterator[Channel]:
    """Run the daemon's works and their control channel until the end of the block."""
    loaded = load(site.configuration, {})
    loaded = replace(loaded, control=control or loaded.control)
    log = configure(level="warning", form="json")
    witness = Witness()
    refusals: list[str | None] = [None]

    outlets = Outlets(written=witness.listeners)
    async with wiring.works(loaded, outlets=outlets) as works, AsyncExitStack() as stack:
        witness.live.know(works.reconcilers, works.moves)
        workers = [
            Worker(
                reconciler,
                clock=clock.now,
                every=Every(look_s=3600, audit_s=3600),
                rng=random.Random(1),  # noqa: S311 - spreads timers
                tell=witness,
            )
            for reconciler in works.reconcilers
        ]
        service = Service(workers, stop_s=LONG_S)
        await stack.enter_async_context(
            control_channel(loaded, Worked(works, service, refusals), witness, log=log)
        )
        running = asyncio.create_task(service.run())
        async with asyncio.timeout(LONG_S):
            await service.first_walks()
        said = json.loads((loaded.state_dir / "control.json").read_text())
        host, _, port = said["url"].partition("://")[2].rpartition(":")
        yield Channel(
            directory=loaded.state_dir,
            host=host.strip("[]"),
            port=int(port),
            token=(loaded.state_dir / "control.token").read_text().strip(),
            url=said["url"],
            refusals=refusals,
            service=service,
        )
        service.stop()
        await running
