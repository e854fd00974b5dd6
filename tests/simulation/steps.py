"""What can happen, how often it does, and how all is mended in the end."""

from __future__ import annotations

from collections.abc import Callable

from failover_dns.core.model import Role
from tests.simulation import agents, hosts, registrations, ways
from tests.simulation.primaries import zone_of
from tests.simulation.stage import Stage
from tests.simulation.truth import has, physical

PAUSES_S = (0.0, 0.01, 0.2, 1.0, 4.0, 15.0)

STEPS: tuple[tuple[float, Callable[[Stage], str]], ...] = (
    (6, agents.switch),
    (8, agents.say),
    (5, agents.agent_crashes),
    (1.5, agents.flap),
    (4, agents.half_written),
    (4, agents.unreadable),
    (4, agents.contradict),
    (6, agents.agree),
    (3, ways.cut),
    (2, ways.storm),
    (6, ways.calm),
    (2, ways.lose_answers),
    (0.8, hosts.crash),
    (1.5, hosts.switch_and_crash),
    (0.5, hosts.reload),
    (0.6, hosts.resync),
    (0.7, hosts.freeze),
    (0.6, hosts.notify),
    (3, hosts.skew),
    (1, ways.primary_restarts),
    (3, ways.keep_copy),
    (2, ways.older_copy),
    (3, registrations.windows_registers),
    (2, registrations.windows_forgets),
    (3, registrations.somebody_edits),
    (0.8, hosts.disk_full),
    (1.5, hosts.disk_slow),
    (8, ways.time_passes),
)
WEIGHTS = [weight for weight, _ in STEPS]
ACTS = [act for _, act in STEPS]


def act(stage: Stage) -> str:
    """Let one thing happen, and say which."""
    [chosen] = stage.rng.choices(ACTS, WEIGHTS)
    return chosen(stage)


def quieten(stage: Stage) -> str:
    """Mend everything and let one agent be online; return which."""
    world, stage.quiet = stage.world, True
    world.network.weather.clear()
    world.network.lose_answers.clear()
    world.files.instead.clear()
    for primary in world.primaries.values():
        primary.up = True
    for daemon in stage.daemons.values():
        daemon.clock.skew_s = 0.0
        daemon.disk.full, daemon.disk.slow_s = False, 0.001
        hosts.thaw(daemon)
        daemon.start()
    pair = world.scenario.pair
    lost = [
        one for one in sorted(physical(pair)) if not has(stage.nodes(zone_of(world.scenario, one[0])), one)
    ]
    stage.edit(adds=tuple(lost))
    online = stage.agent()
    world.files.write(world.scenario.other(online), Role.OFFLINE)
    world.files.write(online, Role.ONLINE)
    stage.notice()
    return online
