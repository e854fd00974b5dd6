"""Who hears of what the daemon does, besides DNS: the log, the service manager, the control channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from failover_dns.conduct.service import Fail, Tell
from failover_dns.core.changelog import Converged
from failover_dns.core.errors import FailoverDnsError
from failover_dns.edge.control.hearing import Listen


def nobody(*_: object, **__: object) -> None:
    """Hear of nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlets:
    """Told of walks and of those that ended by a defect, of servers that showed a change, of lines of the change log.

    Without `converged` nobody waits for the servers. `unrenewed` hears of security contexts that grow old.
    """

    walked: Tell = nobody
    failed: Fail | None = None
    converged: Callable[[Converged], None] | None = None
    written: Sequence[Listen] = ()
    unrenewed: Callable[[FailoverDnsError], None] = nobody
