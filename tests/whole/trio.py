"""Three daemons of one pair, each with its own state, its own way to the primary and its own copy of the truth."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from tests.servers.client import DnsServer
from tests.whole.daemon import BACKUP, MAIN, Daemon, Site, running
from tests.whole.proxy import Proxy, proxy_to
from tests.whole.test_sources import configure

NAMES = ("one", "two", "three")
AGENTS = (MAIN, BACKUP)
LATE_S = 0.03
BREAKS = 0.04
"""The longest that a message is late on a rough way, and how probably its connection breaks instead."""

SETTINGS = """
writer = "{name}"
deadline_s = 2.0
look_s = 0.2
audit_s = 1
"""
UNDAMPED = "\n[damping]\nenabled = false\n"


def roles(online: str) -> Mapping[str, str]:
    """Return what both agents say when `online` is."""
    return {agent: "ONLINE" if agent == online else "OFFLINE" for agent in AGENTS}


@dataclass(slots=True)
class Member:
    """One of the daemons, and what it is shown."""

    name: str
    site: Site
    proxy: Proxy
    daemon: Daemon
    shown: dict[str, str] = field(default_factory=dict)

    def show(self, agent: str, role: str) -> None:
        """Let its copy of the agent's file say `role`; without one there is no file."""
        show(self.site, agent, role)
        self.shown[agent] = role or "UNKNOWN"

    async def has_seen(self) -> None:
        """Return once it has told of all that it is shown, at the end of the walk that saw it."""
        for agent, role in self.shown.items():
            await self.daemon.last("role_seen", {"agent": f"{agent}.example.test."}, {"role": role})


@dataclass(frozen=True, slots=True)
class Trio:
    """The three, and the dice."""

    members: tuple[Member, ...]
    dice: random.Random

    async def see(self, online: str) -> None:
        """Show all of them the whole truth on a smooth way, and return once they have seen it."""
        self.smooth()
        for member in self.members:
            for agent, role in roles(online).items():
                member.show(agent, role)
        await self.have_seen(self.members)

    async def have_seen(self, members: Iterable[Member]) -> None:
        await asyncio.gather(*(member.has_seen() for member in members))

    def roughen(self) -> None:
        """Let messages be late and connections break."""

        async def rough() -> None:
            await asyncio.sleep(self.dice.uniform(0, LATE_S))
            if self.dice.random() < BREAKS:
                raise ConnectionResetError

        for member in self.members:
            member.proxy.rough = rough

    def smooth(self) -> None:
        for member in self.members:
            member.proxy.rough = None


def show(site: Site, agent: str, role: str) -> None:
    file = site.folder / agent
    if not role:
        file.unlink(missing_ok=True)
        return
    fresh = file.with_suffix(".new")
    fresh.write_text(role)
    os.replace(fresh, file)  # noqa: PTH105 - the call that scripts are told to make


@asynccontextmanager
async def trio(sites: Mapping[str, Site], server: DnsServer, *, seed: int) -> AsyncIterator[Trio]:
    """Run a daemon for each of the sites until the block ends; all begin with MAIN online."""
    async with AsyncExitStack() as stack:
        members = []
        for name, site in sites.items():
            proxy = await stack.enter_async_context(proxy_to(server.host, server.port))
            _configure(site, name, proxy.port)
            for agent, role in roles(MAIN).items():
                show(site, agent, role)
            daemon = await stack.enter_async_context(running(site))
            members.append(Member(name, site, proxy, daemon, dict(roles(MAIN))))
        await asyncio.gather(*(member.daemon.event("ready") for member in members))
        yield Trio(tuple(members), random.Random(seed))  # noqa: S311 - dice that fall alike each time


def _configure(site: Site, name: str, port: int) -> None:
    site.configure(port)
    configure(site, *(f'type = "file", path = "{site.folder}/{agent}"' for agent in AGENTS))
    text = site.config.read_text()
    usual = "look_s = 60\naudit_s = 3600\n"
    assert usual in text
    site.config.write_text(text.replace(usual, SETTINGS.format(name=name)) + UNDAMPED)
