"""Sources of one agent, looked at side by side and combined."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address

import pytest

from failover_dns.conduct.combine import Combined
from failover_dns.conduct.holding import FromAddresses
from failover_dns.conduct.observe import Source, observe
from failover_dns.core.combine import How
from failover_dns.core.holding import Held, HoldingSource
from failover_dns.core.model import Instant, Observation, Role

VIRTUAL = ip_address("10.10.10.5")


def now() -> Instant:
    return Instant(mono_s=1.0, wall_s=2.0)


class Says:
    """A source that says what it is told to say, and remembers who watches it."""

    def __init__(self, **roles: Role) -> None:
        self.roles = roles
        self.wakes: list[Callable[[], None]] = []

    async def look(self) -> tuple[Observation, ...]:
        return tuple(
            Observation(agent=agent, role=role, read=now(), source="file")
            for agent, role in self.roles.items()
        )

    @asynccontextmanager
    async def watched(self, wake: Callable[[], None]) -> AsyncIterator[None]:
        self.wakes.append(wake)
        yield
        self.wakes.remove(wake)


class Host:
    """A host with or without the virtual IP."""

    def __init__(self, *, holds: bool) -> None:
        self.holds = holds

    async def held(self) -> Held:
        return Held(addresses=frozenset({VIRTUAL}) if self.holds else frozenset())


def addresses(host: Host, *, trust: bool = False) -> FromAddresses:
    return FromAddresses(HoldingSource(agent="main", addresses=(VIRTUAL,), trust=trust), host, now)


async def role(source: Combined) -> Role:
    (seen,) = await source.look()
    return seen.role


async def test_a_hook_that_is_ahead_of_the_address_counts_once_the_address_is_there() -> None:
    host = Host(holds=False)
    combined = Combined("main", [Says(main=Role.ONLINE), addresses(host)], How.ALL, clock=now)
    assert await role(combined) is Role.UNKNOWN
    host.holds = True
    assert await role(combined) is Role.ONLINE


@pytest.mark.parametrize(("trust", "expected"), [(False, Role.UNKNOWN), (True, Role.ONLINE)])
async def test_after_a_restart_trusted_addresses_speak_for_a_source_that_is_silent(
    *, trust: bool, expected: Role
) -> None:
    sources: list[Source] = [Says(main=Role.UNKNOWN), addresses(Host(holds=True), trust=trust)]
    assert await role(Combined("main", sources, How.FIRST, clock=now)) is expected


async def test_a_source_that_speaks_of_both_agents_counts_for_each() -> None:
    pair = Says(main=Role.ONLINE, backup=Role.OFFLINE)
    combined = [
        Combined("main", [pair, Says(main=Role.ONLINE)], How.ALL, clock=now),
        Combined("backup", [pair, Says(backup=Role.ONLINE)], How.ALL, clock=now),
    ]
    seen = await observe(combined)
    assert {agent: one.role for agent, one in seen.items()} == {"main": Role.ONLINE, "backup": Role.UNKNOWN}


async def test_a_source_that_does_not_speak_of_the_agent_is_unknown() -> None:
    combined = Combined("main", [Says(backup=Role.ONLINE)], How.FIRST, clock=now)
    (seen,) = await combined.look()
    assert seen.role is Role.UNKNOWN
    assert "it says nothing of this agent" in seen.reason


async def test_all_sources_are_watched_for_as_long_as_the_combined_one_is() -> None:
    one, two = Says(main=Role.ONLINE), Says(main=Role.ONLINE)
    async with Combined("main", [one, two], How.ALL, clock=now).watched(pytest.fail):
        assert (one.wakes, two.wakes) == ([pytest.fail], [pytest.fail])
    assert (one.wakes, two.wakes) == ([], [])
