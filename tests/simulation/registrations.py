"""What others do with the records: Windows, and people."""

from __future__ import annotations

from failover_dns.core.model import Layout
from tests.simulation.primaries import pointers, zone_of
from tests.simulation.stage import Stage
from tests.simulation.truth import Rr, has, physical, table

FOREIGN = ("TXT", "kept by somebody else")


def windows_registers(stage: Stage) -> str:
    """An agent that was online once registers the virtual IP at its own name anew."""
    pair, agent = stage.world.scenario.pair, stage.agent()
    stale = sorted(table(pair, agent).present - physical(pair))
    mine = tuple(one for one in stale if stage.rng.random() < 0.7 and _is_windows(one, agent))
    stage.edit(adds=mine)
    return f"{agent} registers {'; '.join(map(' '.join, mine)) or 'nothing'}"


def _is_windows(one: Rr, agent: str) -> bool:
    return one[0] == agent or one[2] == agent


def windows_forgets(stage: Stage) -> str:
    """An agent's own address vanishes (SkipAsSource), or comes back."""
    one = stage.rng.choice(sorted(physical(stage.world.scenario.pair)))
    zone = zone_of(stage.world.scenario, one[0])
    there = has(stage.nodes(zone), one)
    stage.edit(removes=(one,) if there else (), adds=() if there else (one,))
    return f"{' '.join(one)} {'vanishes' if there else 'comes back'}"


def somebody_edits(stage: Stage) -> str:
    """A person adds what is nobody's business here, or removes what is ours."""
    pair = stage.world.scenario.pair
    ours = sorted(table(pair, stage.agent()).present - physical(pair))
    if stage.rng.random() < 0.5:
        one = stage.rng.choice(ours)
        stage.edit(removes=(one,))
        return f"somebody removes {' '.join(one)}"
    name = pair.published_as or stage.agent()
    adds: list[Rr] = [(name, *FOREIGN), (name, "A", "10.99.0.9")]
    adds += [(pointer, "PTR", "somebody.else.test.") for pointer in pointers(pair)]
    one = stage.rng.choice(adds)
    if (
        pair.layout is Layout.SERVICE_NAME
        or one[1] != "A"
        or has(stage.nodes(zone_of(stage.world.scenario, name)), one)
    ):
        stage.edit(adds=(one,))
    return f"somebody adds {' '.join(one)}"
