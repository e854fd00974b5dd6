"""One seed's simulation: steps, then quiet, judged throughout."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from failover_dns.core.decide import Hold, Move, Reason
from failover_dns.core.model import Role
from failover_dns.wire.keys import tsig_key
from tests.simulation import steps
from tests.simulation.clocks import EPOCH_S, Clock, signatures_by_simulated_time
from tests.simulation.daemon import Daemon, World, owned
from tests.simulation.invariants import Judge
from tests.simulation.loop import VirtualLoop
from tests.simulation.network import Network
from tests.simulation.primaries import build
from tests.simulation.scenario import Scenario, chance, draw
from tests.simulation.secondaries import lagging
from tests.simulation.sources import Files
from tests.simulation.stage import Stage
from tests.simulation.steps import PAUSES_S
from tests.simulation.story import Story
from tests.simulation.truth import physical, table

QUIET_S = 1500.0
"""Within this all must be exact: a failed zone waits up to 375 s, and what was read serves for up to 600 s."""

LOOK_S = 10.0
STILL_S = 100.0
"""How long it must then stay so."""

KEY = tsig_key("simulation.", b"0123456789abcdef0123456789abcdef", "hmac-sha256")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of a seed."""

    seed: int
    story: tuple[str, ...]
    violations: tuple[str, ...]
    troubles: tuple[str, ...]
    messages: int
    changes: int

    def __str__(self) -> str:
        return "\n".join((f"seed {self.seed}", *self.story))


def simulate(seed: int, *, count: int = 200, fence: bool = False) -> Report:
    """Return what comes of `count` steps and the quiet after them."""
    scenario = draw(chance(f"scenario {seed}"), fence=fence)
    loop = VirtualLoop()
    loop.set_task_factory(owned)  # type: ignore[arg-type]  # no task here is a generator
    troubles: list[str] = []
    loop.set_exception_handler(lambda _, context: _note(context, troubles))
    story = Story(loop.time)
    with (
        _without_collector(),
        signatures_by_simulated_time(),
        asyncio.Runner(loop_factory=lambda: loop) as runner,
    ):
        world = _world(scenario, loop, story, seed)
        runner.run(_play(world, seed, count))
    return Report(
        seed=seed,
        story=(*str(scenario).splitlines(), *story.lines),
        violations=tuple(world.judge.violations),
        troubles=tuple(troubles),
        messages=world.network.sent,
        changes=world.judge.changes,
    )


def _note(context: dict[str, object], troubles: list[str]) -> None:
    """Take in a callback that failed: that is a mistake of the simulation's own."""
    if "handle" in context:
        troubles.append(repr(context.get("exception")))


@contextmanager
def _without_collector() -> Iterator[None]:
    """Leave cycles until the end of a seed: it takes a second and little memory."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _world(scenario: Scenario, loop: VirtualLoop, story: Story, seed: int) -> World:
    at_first = physical(scenario.pair) | table(scenario.pair, scenario.online_at_first).present
    primaries = build(scenario, KEY, at_first, loop.time)
    rng = chance(f"network {seed}")
    files = Files(scenario, rng, loop.time, lambda: EPOCH_S + loop.time())
    for agent in scenario.agents:
        files.write(agent, Role.ONLINE if agent == scenario.online_at_first else Role.OFFLINE)
    return World(
        loop=loop,
        scenario=scenario,
        story=story,
        judge=Judge(scenario, story, primaries),
        network=Network(rng),
        files=files,
        primaries=primaries,
        secondaries=lagging(scenario, primaries, loop.time),
        key=KEY,
    )


async def _play(world: World, seed: int, count: int) -> None:
    rng = chance(f"steps {seed}")
    daemons = {
        name: Daemon(world, name, Clock(world.loop.time), chance(f"{name} {seed}"))
        for name in world.scenario.sees
    }
    stage = Stage(world, daemons, rng)
    for daemon in daemons.values():
        daemon.start()
    await asyncio.sleep(1.0)
    for number in range(1, count + 1):
        world.story.tell(f"step {number}: {steps.act(stage)}")
        await asyncio.sleep(rng.choice(PAUSES_S))
        if world.judge.violations:
            break
    else:
        await _quiet(stage)
    for daemon in daemons.values():
        if daemon.life is not None:
            daemon.life.kill()
    await asyncio.sleep(0)


async def _quiet(stage: Stage) -> None:
    """Judge the end: within a bound all is exact, and stays so."""
    world, judge = stage.world, stage.world.judge
    online = steps.quieten(stage)
    world.story.tell(f"quiet: {online} is online, and everything else is mended")
    until_s, wrong = world.loop.time() + QUIET_S, ["nothing was looked at"]
    while wrong and world.loop.time() < until_s and not judge.violations:
        await asyncio.sleep(LOOK_S)
        wrong = _wrong(stage, online)
    await asyncio.sleep(0 if wrong else STILL_S)
    for what in wrong or _wrong(stage, online):
        judge.blame(f"{QUIET_S:g} s after all was mended: {what}")
    for name, daemon in stage.daemons.items():
        judge.verify(name, daemon.disk.lines)


def _wrong(stage: Stage, online: str) -> list[str]:
    disagreeing = [
        f"{name} {_of(daemon)}" for name, daemon in stage.daemons.items() if not _agrees(daemon, online)
    ]
    return [*disagreeing, *stage.world.judge.unsettled(online)]


def _agrees(daemon: Daemon, online: str) -> bool:
    """Return whether the daemon decided for `online`, or sees nobody who is."""
    walk = daemon.life.walk if daemon.life is not None and daemon.alive else None
    match walk.decision if walk else None:
        case Move(to=to):
            return to == online
        case Hold(reason=Reason.NOBODY_ONLINE):
            return online not in daemon.world.scenario.sees[daemon.name]
        case _:
            return False


def _of(daemon: Daemon) -> str:
    walk = daemon.life.walk if daemon.life is not None else None
    return f"stands at {walk.decision if walk else 'nothing'}"
