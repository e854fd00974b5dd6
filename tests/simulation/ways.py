"""What happens to the network and the primaries."""

from __future__ import annotations

from functools import partial

from tests.simulation.network import Weather
from tests.simulation.stage import Stage


def cut(stage: Stage) -> str:
    way = stage.way()
    stage.world.network.weather[way] = Weather(cut=stage.rng.random() < 0.5, closed=True)
    return f"{way[0]} cannot reach {way[1]}"


def storm(stage: Stage) -> str:
    way = stage.way()
    weather = Weather(
        lost=stage.rng.choice((0.0, 0.2)),
        answers_lost=stage.rng.choice((0.0, 0.3)),
        broken=stage.rng.choice((0.0, 0.1)),
        slow_s=stage.rng.choice((0.002, 0.1, 1.0)),
        doubled=stage.rng.choice((0.0, 0.4)),
    )
    stage.world.network.weather[way] = weather
    return (
        f"between {way[0]} and {way[1]} {weather.lost:.0%} is lost, {weather.answers_lost:.0%} of answers, "
        f"{weather.broken:.0%} broken, {weather.doubled:.0%} doubled, {weather.slow_s:g} s slow"
    )


def calm(stage: Stage) -> str:
    stage.world.network.weather.clear()
    return "the network is whole"


def lose_answers(stage: Stage) -> str:
    daemon, count = stage.daemon(), stage.rng.randint(1, 4)
    stage.world.network.lose_answers[daemon.name] = count
    return f"{daemon.name} will not hear its next {count} answers"


def primary_restarts(stage: Stage) -> str:
    name = stage.rng.choice(sorted(stage.world.primaries))
    primary = stage.world.primaries[name]
    primary.up = False
    down_s = stage.rng.choice((0.1, 2.0, 30.0))
    stage.later(down_s, partial(setattr, primary, "up", True))
    return f"{name} is down for {down_s:g} s"


def keep_copy(stage: Stage) -> str:
    zone = stage.zone()
    stage.copies.append((zone, stage.nodes(zone)))
    return f"a copy of {zone} is kept"


def older_copy(stage: Stage) -> str:
    if not stage.copies:
        return keep_copy(stage)
    zone, nodes = stage.rng.choice(stage.copies)
    stage.world.primaries[stage.world.scenario.zones[zone]].restore(zone, nodes)
    stage.world.judge.order.replaced(zone)
    return f"{zone} is replaced by an older copy"


def time_passes(stage: Stage) -> str:
    stage.world.network.weather = {
        way: w for way, w in stage.world.network.weather.items() if stage.rng.random() < 0.5
    }
    return "time passes"
