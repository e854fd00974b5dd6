"""What happens to the daemons, their clocks and disks, and what operators do with them."""

from __future__ import annotations

from functools import partial

from failover_dns.conduct.walk import Why
from failover_dns.core.orders import Freeze, Orders
from tests.simulation.agents import switch
from tests.simulation.daemon import Daemon
from tests.simulation.stage import NOTICED, Stage


def crash(stage: Stage) -> str:
    """A daemon dies some rounds of the loop from now, perhaps in the midst of something, and is started again."""
    daemon, turns = stage.daemon(), stage.rng.randint(0, 60)
    again_s = stage.rng.choice((0.5, 5.0, 60.0))
    stage.world.loop.after_turns(turns, lambda: None if stage.quiet else _crash(stage, daemon, again_s))
    if stage.rng.random() < 0.5:
        daemon.wake(Why.RESYNC)
    return f"{daemon.name} is to crash {turns} turns from now"


def _crash(stage: Stage, daemon: Daemon, again_s: float) -> None:
    daemon.crash()
    stage.later(again_s, daemon.start)


def switch_and_crash(stage: Stage) -> str:
    return f"{switch(stage)}; {crash(stage)}"


def reload(stage: Stage) -> str:
    daemon = stage.daemon()
    daemon.reload()
    return f"{daemon.name} reloads"


def resync(stage: Stage) -> str:
    daemon = stage.daemon()
    daemon.wake(Why.RESYNC)
    return f"an operator resyncs {daemon.name}"


def freeze(stage: Stage) -> str:
    """An operator wants the DNS left alone on one host; nobody thaws before all is quiet, or 60 s later."""
    daemon = stage.daemon()
    order = Freeze(by="operator", reason="maintenance", since_s=daemon.clock.wall())
    daemon.disk.orders = Orders(freezes={stage.world.scenario.pair.name: order})
    daemon.disk.frozen_s = stage.world.loop.time()
    stage.later(60.0, partial(thaw, daemon))
    return f"an operator freezes {daemon.name}"


def thaw(daemon: Daemon) -> None:
    daemon.disk.orders, daemon.disk.frozen_s = Orders(), None


def notify(stage: Stage) -> str:
    zone = stage.zone()
    for daemon in stage.daemons.values():
        if daemon.life is not None and stage.rng.random() < NOTICED:
            daemon.life.notified(zone)
    return f"NOTIFY of {zone}"


def skew(stage: Stage) -> str:
    daemon = stage.daemon()
    daemon.clock.skew_s = stage.rng.choice((-2.0, -1.0, 0.0, 1.0, 2.0, 30.0, -100.0, 250.0, 400.0, -4000.0))
    if abs(daemon.clock.skew_s) > stage.world.scenario.pair.clock_tolerance_s / 2:
        stage.world.judge.order.wrong_clocks.add(daemon.name)
    return f"{daemon.name}'s clock is {daemon.clock.skew_s:+g} s off"


def disk_full(stage: Stage) -> str:
    daemon = stage.daemon()
    daemon.disk.full = True
    stage.later(stage.rng.choice((1.0, 40.0)), partial(setattr, daemon.disk, "full", False))
    return f"{daemon.name}'s disk is full"


def disk_slow(stage: Stage) -> str:
    daemon = stage.daemon()
    daemon.disk.slow_s = stage.rng.choice((0.001, 0.001, 0.3, 2.0))
    return f"{daemon.name}'s disk takes {daemon.disk.slow_s:g} s"
