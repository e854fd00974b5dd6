"""Three daemons as processes before one BIND: each sees something else, and each has a rough way to it.

What is required of every version that a zone went through is read from BIND's journal, not only from time to time.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from failover_dns.core.changelog import Cause, Verified, verify
from failover_dns.core.fence import Fence, parse
from failover_dns.core.model import Role, Type
from failover_dns.core.outcome import Verdict
from failover_dns.effects.changelog import read_lines
from tests.servers.bind import running_bind
from tests.servers.client import DnsServer
from tests.servers.programs import require
from tests.servers.zones import ZONES
from tests.whole.daemon import BACKUP, FENCE, FOREIGN, FORWARD, MAIN, POINTERS, REVERSE, Site, until
from tests.whole.trio import NAMES, Trio, roles, trio
from tests.whole.versions import KEPT_WHOLE, versions

ROUNDS = 20
SWITCHES = 5
"""In each round, at the end of which all of them see the whole truth and there must be order; odd, so that it ends
with the other agent."""

FOREIGN_OF = {FORWARD: FOREIGN, REVERSE: POINTERS}
VIRTUAL = {
    FORWARD: {f"{agent}.example.test. 60 A 10.10.10.5": agent for agent in (MAIN, BACKUP)},
    REVERSE: {f"5.{REVERSE} 60 PTR {agent}.example.test.": agent for agent in (MAIN, BACKUP)},
}


@dataclass(frozen=True, slots=True)
class Stage:
    """A primary that forgets no version of its zones, and a site for each of the daemons."""

    server: DnsServer
    sites: dict[str, Site]

    def history(self, zone: str, since: int) -> list[set[str]]:
        before = {*FOREIGN_OF[zone], *(text for text, agent in VIRTUAL[zone].items() if agent == MAIN)}
        return [before, *versions(self.server, zone, since=since, records=before)]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    require("named")
    with running_bind(ZONES, options=KEPT_WHOLE) as server:
        sites = {name: Site(tmp_path / name, server) for name in NAMES}
        for site in sites.values():
            site.folder.mkdir()
        yield Stage(server, sites)


async def test_a_hundred_switches_that_nobody_sees_alike_end_in_order_each_time(stage: Stage) -> None:
    serials = {zone: stage.server.serial(zone) for zone in (FORWARD, REVERSE)}
    async with trio(stage.sites, stage.server, seed=20260301) as three:
        online = MAIN
        for _ in range(ROUNDS):
            three.roughen()
            hidden = {member.name: three.dice.choice([MAIN, BACKUP, None]) for member in three.members}
            for _ in range(SWITCHES):
                online = MAIN if online == BACKUP else BACKUP
                await switch(three, online, hidden)
            await three.see(online)
            await until(lambda agent=online: in_order(stage.sites["one"], agent))  # type: ignore[misc]
            stage.sites["one"].require_order(online)
        for member in three.members:
            assert await member.daemon.stop() == 0
    for zone, serial in serials.items():
        require_history(zone, stage.history(zone, serial))
    for site in stage.sites.values():
        require_log(site)


async def switch(three: Trio, online: str, hidden: dict[str, str | None]) -> None:
    """Show some of them some of it, and wait until some or all of these have seen it."""
    told = []
    for member in three.members:
        late = three.dice.random() < 0.25
        for agent, role in roles(online).items():
            if agent == hidden[member.name]:
                member.show(agent, "")
            elif not late and three.dice.random() < 0.8:
                member.show(agent, role)
                told.append(member)
    awaited = three.dice.sample(told, three.dice.randint(min(1, len(told)), len(told)))
    await three.have_seen(awaited)


def in_order(site: Site, online: str) -> bool:
    fences = {fence for zone in (FORWARD, REVERSE) for fence in fences_in(site.server.records(zone))}
    return site.shows(online) and [fence.online for fence in fences] == [f"{online}.example.test."]


def fences_in(records: Iterable[str]) -> list[Fence]:
    texts = [text for text in records if text.startswith(f"{FENCE}.")]
    return [parse(text.partition('"')[2].removesuffix('"')) for text in texts]


def require_history(zone: str, found: list[set[str]]) -> None:
    """Require of each version what must hold in all, and of each two that the decision is no older one."""
    for version in found:
        fences = fences_in(version)
        [shown] = [agent for text, agent in VIRTUAL[zone].items() if text in version]
        assert len(fences) <= 1
        assert len(version - FOREIGN_OF[zone]) == 1 + len(fences)
        assert version >= FOREIGN_OF[zone]
        assert all(fence.online in {"", f"{shown}.example.test."} for fence in fences), (shown, fences)
    assert fences_in(found[-1])[0].epoch >= ROUNDS
    for earlier, later in itertools.pairwise(found[1:]):
        [before], [after] = fences_in(earlier), fences_in(later)
        assert after.rank >= before.rank
        assert after.epoch >= before.epoch


def require_log(site: Site) -> None:
    """Require that the change log is whole, and that each change followed an agent that said ONLINE."""
    assert isinstance(verify(read_lines(site.state)), Verified)
    intents = site.intents()
    assert {result.intent for result in site.results()} == intents.keys()
    applied = [intents[r.intent] for r in site.results() if r.verdict is Verdict.APPLIED]
    epochs: dict[str, int] = {}
    for intent in applied:
        claims = {claim.agent: claim.role for claim in intent.claims}
        addresses = [record for record in intent.change.adds if record.key.type is not Type.TXT]
        if intent.cause is Cause.WITHDRAWAL:
            assert not addresses
        else:
            assert claims[intent.online] is Role.ONLINE
        epoch = parse(intent.fence).epoch
        assert epoch >= epochs.get(intent.zone, 0)
        epochs[intent.zone] = epoch
