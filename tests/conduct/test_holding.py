"""This host's addresses as a source and as evidence."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from failover_dns.conduct.holding import FromAddresses
from failover_dns.core.holding import Held, HoldingSource
from failover_dns.core.model import Instant, Role

VIRTUAL = ip_address("10.10.10.5")


def now() -> Instant:
    return Instant(mono_s=1.0, wall_s=2.0)


class Host:
    """A host with or without the virtual IP."""

    def __init__(self, *, holds: bool) -> None:
        self.holds = holds

    async def held(self) -> Held:
        return Held(addresses=frozenset({VIRTUAL}) if self.holds else frozenset())


@pytest.mark.parametrize(
    ("holds", "trust", "alone", "attested"),
    [
        (True, False, Role.UNKNOWN, Role.ONLINE),
        (True, True, Role.ONLINE, Role.ONLINE),
        (False, False, Role.OFFLINE, Role.OFFLINE),
        (False, True, Role.OFFLINE, Role.OFFLINE),
    ],
)
async def test_alone_it_claims_online_only_if_trusted_and_as_evidence_tells_what_is(
    *, holds: bool, trust: bool, alone: Role, attested: Role
) -> None:
    source = FromAddresses(
        HoldingSource(agent="main", addresses=(VIRTUAL,), trust=trust), Host(holds=holds), now
    )
    async with source.watched(pytest.fail):
        assert [seen.role for seen in await source.look()] == [alone]
        assert [seen.role for seen in await source.attest()] == [attested]
        assert source.evidence is not trust
