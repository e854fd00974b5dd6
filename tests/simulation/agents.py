"""What happens to the agents and their status files."""

from __future__ import annotations

from functools import partial

from failover_dns.conduct.walk import Why
from failover_dns.core.model import Role
from tests.simulation.sources import Written
from tests.simulation.stage import Stage

ROLES = (Role.ONLINE, Role.OFFLINE, Role.OFFLINE, Role.SWITCHING, Role.UNKNOWN)


def switch(stage: Stage) -> str:
    """The agents change places, as they do when nothing goes wrong."""
    to = stage.agent()
    other = stage.world.scenario.other(to)
    stage.world.files.write(other, stage.rng.choice((Role.OFFLINE, Role.OFFLINE, Role.UNKNOWN)))
    stage.world.files.write(to, Role.ONLINE)
    stage.notice()
    return f"{to} goes online, {other} offline"


def say(stage: Stage) -> str:
    agent, role = stage.agent(), stage.rng.choice(ROLES)
    stage.world.files.write(agent, role)
    stage.notice()
    return f"{agent} says {role}"


def agent_crashes(stage: Stage) -> str:
    """A crashed agent's file says for ever what it said; it may be that the other takes over."""
    agent = stage.agent()
    stage.world.files.freeze(agent)
    other = stage.world.scenario.other(agent)
    if stage.rng.random() < 0.7:
        stage.world.files.write(other, Role.ONLINE)
        stage.notice()
        return f"{agent} crashes, its file freezes; {other} goes online"
    return f"{agent} crashes, its file freezes"


def flap(stage: Stage) -> str:
    agent, turns = stage.agent(), stage.rng.randint(2, 6)
    for turn in range(turns):
        role = Role.ONLINE if turn % 2 else Role.OFFLINE
        stage.later(turn * 0.4, partial(_say_and_notice, stage, agent, role))
    return f"{agent} flaps {turns} times"


def _say_and_notice(stage: Stage, agent: str, role: Role) -> None:
    stage.world.files.write(agent, role)
    stage.notice()


def half_written(stage: Stage) -> str:
    agent = stage.agent()
    whole = stage.world.files.written[agent]
    stage.world.files.halve(agent)
    stage.notice()
    stage.later(stage.rng.choice((0.05, 3.0, 60.0)), partial(_put_back, stage, agent, whole))
    return f"{agent}'s file is half written"


def _put_back(stage: Stage, agent: str, whole: Written) -> None:
    if stage.world.files.written[agent].role is Role.UNKNOWN:
        stage.world.files.written[agent] = whole
        stage.notice()


def unreadable(stage: Stage) -> str:
    """One daemon cannot read an agent's file, or waits for it in vain."""
    daemon, agent = stage.daemon(), stage.agent()
    hangs = stage.rng.random() < 0.3
    shown = Written(problem="its share is gone", hangs=hangs)
    stage.world.files.instead[daemon.name, agent] = shown
    daemon.wake(Why.SOURCE)
    return f"{daemon.name} cannot read {agent}'s file{' and hangs' if hangs else ''}"


def contradict(stage: Stage) -> str:
    """One daemon is told otherwise than the others."""
    daemon, agent, role = stage.daemon(), stage.agent(), stage.rng.choice(ROLES)
    stage.world.files.instead[daemon.name, agent] = stage.world.files.made(role)
    daemon.wake(Why.SOURCE)
    return f"{daemon.name} alone is told that {agent} is {role}"


def agree(stage: Stage) -> str:
    stage.world.files.instead.clear()
    stage.notice()
    return "all daemons see the same files again"
