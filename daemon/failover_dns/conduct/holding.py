"""This host's own addresses as a source, or as evidence for others."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from failover_dns.core.holding import Held, HoldingSource, attest, observe_holding
from failover_dns.core.model import Instant, Observation


class Holder(Protocol):
    """The addresses of this host (`effects.addresses`)."""

    async def held(self) -> Held:
        """Return the addresses that the host holds now; never raises."""
        ...


@dataclass(frozen=True, slots=True)
class FromAddresses:
    """Whether this host holds the pair's virtual IPs."""

    source: HoldingSource
    addresses: Holder
    clock: Callable[[], Instant]

    @property
    def evidence(self) -> bool:
        """Whether it may only confirm what another source claims."""
        return not self.source.trust

    async def look(self) -> tuple[Observation, ...]:
        """Return what the addresses alone say: OFFLINE without them, ONLINE with them only if trusted."""
        return (observe_holding(self.source, await self.addresses.held(), now=self.clock()),)

    async def attest(self) -> tuple[Observation, ...]:
        """Return what the addresses say for or against another source."""
        return (attest(self.source, await self.addresses.held(), now=self.clock()),)

    def watched(self, wake: Callable[[], None]) -> AbstractAsyncContextManager[None]:  # noqa: ARG002
        """Watch nothing: addresses are looked at with every look."""
        return nullcontext()
