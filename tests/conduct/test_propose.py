"""The first half of the path looks, decides, reads and plans; it changes nothing."""

from __future__ import annotations

from failover_dns.conduct.observe import FromFile, observe
from failover_dns.core.decide import Hold
from failover_dns.core.errors import ReadError, SilentError
from failover_dns.core.model import Role
from failover_dns.core.sources import FileSource, Glance
from tests.conduct.world import BACKUP, FORWARD, MAIN, REVERSE, Clock, Forward, Roles, world
from tests.servers.client import DnsServer


async def test_a_preview_says_what_would_change_and_changes_nothing(primary: DnsServer) -> None:
    before = {zone: primary.records(zone) for zone in (FORWARD, REVERSE)}
    async with world(primary, online=BACKUP) as pair:
        walk = await pair.proposer.preview()
        assert walk.plan is not None
        assert [change.zone for change in walk.plan.changes] == [REVERSE, FORWARD]
        assert [pair.updates(zone) for zone in (FORWARD, REVERSE)] == [0, 0]
        assert pair.log.entries == {}
    assert {zone: primary.records(zone) for zone in before} == before


async def test_a_preview_of_a_pair_that_is_held_reads_nothing(embedded: DnsServer) -> None:
    async with world(embedded) as pair:
        pair.roles.set(Role.UNKNOWN, Role.UNKNOWN)
        walk = await pair.proposer.preview()
        assert isinstance(walk.decision, Hold)
        assert (walk.plan, pair.tap(FORWARD).sent) == (None, [])


async def test_a_preview_says_what_could_not_be_read(embedded: DnsServer) -> None:
    async def silent(_: bytes, _forward: Forward) -> bytes:
        raise SilentError("127.0.0.1#1 gave no answer in time")

    async with world(embedded, online=BACKUP) as pair:
        pair.tap(FORWARD).treat = silent
        walk = await pair.proposer.preview()
        assert walk.plan is not None
        assert [change.zone for change in walk.plan.changes] == [REVERSE]
        assert [type(problem) for problem in walk.problems] == [ReadError]


async def test_what_all_sources_show_is_one_observation_for_each_agent() -> None:
    class File:
        async def glance(self) -> Glance:
            return Glance(content=b"ONLINE\n", modified_s=1.0)

    clock = Clock()
    file = FromFile(FileSource(path="/run/main.status", agent=MAIN), File(), clock)
    seen = await observe([file, Roles({BACKUP: Role.OFFLINE}, clock)])
    assert {agent: observation.role for agent, observation in seen.items()} == {
        MAIN: Role.ONLINE,
        BACKUP: Role.OFFLINE,
    }
    assert seen[MAIN].source == "file /run/main.status"
    async with file.watched(lambda: None):
        assert [observation.role for observation in await file.look()] == [Role.ONLINE]
