"""What each pair's switches count by now, by the change log and the configured damping."""

from __future__ import annotations

from failover_dns.core.damping import penalty, recall
from failover_dns.edge.settings.loaded import Loaded
from failover_dns.effects import clock
from failover_dns.effects.changelog import recent_switches


def penalties(loaded: Loaded) -> dict[str, float]:
    """Return each pair's penalty, to a thousandth; nothing where damping is turned off."""
    damping, now = loaded.damping, clock.now()
    if damping is None:
        return {}
    names = {pair.name for pair in loaded.pairs}
    switches = recent_switches(loaded.state_dir, names, since_s=now.wall_s - damping.memory_s)
    return {
        name: round(penalty(recall(times, now, damping), damping, now.mono_s), 3)
        for name, times in switches.items()
    }
