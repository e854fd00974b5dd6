"""The intents that were on a daemon's disk, and the updates that they came to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import dns.message
import dns.update

from failover_dns.core.changelog import Intent
from failover_dns.core.model import Role
from tests.simulation.primaries import Applied, Primary
from tests.simulation.truth import Rr, holds, rr, text


@dataclass(slots=True)
class Noted:
    """An intent on a disk, since when, and what its daemon had seen by then.

    `changed_s` is when it had last seen something new, `began_s` when the claim began that it follows.
    """

    intent: Intent
    at_s: float
    changed_s: float
    began_s: float
    said: dict[str, Role | None]
    closed: bool = False

    @property
    def asks(self) -> tuple[set[Rr], set[Rr]]:
        """What it removes and adds."""
        return set(map(rr, self.intent.change.removes)), set(map(rr, self.intent.change.adds))


@dataclass(slots=True)
class Notes:
    """All intents, by their daemon and number."""

    at: Mapping[str, Primary]
    noted: dict[tuple[str, int], Noted] = field(default_factory=dict)

    def of(self, daemon: str, durable: int, update: Applied) -> list[Noted]:
        """Return the intents of an update that were among the first `durable` lines on its daemon's disk."""
        asked = _asked(update.wire)
        return [
            noted
            for (who, seq), noted in self.noted.items()
            if (who, noted.intent.zone) == (daemon, update.zone) and seq <= durable and noted.asks == asked
        ]

    def siblings(self, daemon: str, intent: Intent) -> Iterator[Noted]:
        """Return the intents of the same transaction for other zones."""
        for (who, _), noted in self.noted.items():
            same = (who, noted.intent.transaction) == (daemon, intent.transaction)
            if same and noted.intent.zone != intent.zone:
                yield noted

    def came_true(self, noted: Noted) -> bool:
        """Return whether the zone has shown the change at any moment since it was intended."""
        zone = noted.intent.zone
        for since_s, nodes in reversed(self.at[zone].history[zone]):
            if holds(nodes, noted.intent.change):
                return True
            if since_s < noted.at_s:
                return False
        return False


def _asked(wire: bytes) -> tuple[set[Rr], set[Rr]]:
    """Return what an update removes and adds; a whole RRset or name shows as a record of no value."""
    message = dns.message.from_wire(wire, keyring=False)
    assert isinstance(message, dns.update.UpdateMessage)
    removes: set[Rr] = set()
    adds: set[Rr] = set()
    for rrset in message.update:
        name, kind = rrset.name.to_text().lower(), rrset.rdtype.name
        into = adds if rrset.deleting is None else removes
        into |= {(name, kind, text(rdata)) for rdata in rrset} or {(name, kind, "")}
    return removes, adds
