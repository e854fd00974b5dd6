"""The two clocks of this machine."""

from __future__ import annotations

import time

from failover_dns.core.model import Instant


def now() -> Instant:
    """Return both clocks, read together."""
    return Instant(mono_s=time.monotonic(), wall_s=time.time())
