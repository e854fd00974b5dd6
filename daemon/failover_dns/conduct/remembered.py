"""What one pair's path remembers between walks, when it goes on under another configuration.

After a restart the same comes from the change log, as far as it is there (`core.recall`).
"""

from __future__ import annotations

from dataclasses import dataclass

from failover_dns.core.damping import Flaps
from failover_dns.core.decide import Memory
from failover_dns.core.fence import Known
from failover_dns.core.model import Instant
from failover_dns.core.returns import Returns


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """Claims, the newest fence, the agent that DNS shows, flaps, and records that come back; and since when.

    Without `flaps` the switches in the change log tell.
    """

    memory: Memory
    known: Known | None
    began: Instant | None
    last_online: str | None
    flaps: Flaps | None
    returns: Returns
