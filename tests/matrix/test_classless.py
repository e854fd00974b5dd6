"""RFC 2317: the pointer's usual name is a CNAME into a zone of less than 256 addresses.

The parent is often the provider's, so only the classless zone takes our updates. Its name is a convention
(`0-63`, `0/26`, anything), so it has to be said which addresses it holds.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from failover_dns.conduct.signing import Shared
from failover_dns.conduct.walk import Why
from failover_dns.conduct.zone import Sitting
from failover_dns.core.guard import Refused
from failover_dns.core.model import Change, Key, Record, RRset, Type
from failover_dns.core.outcome import Said, Verdict
from tests.conduct.world import BACKUP, DEADLINE_S, FORWARD, MAIN, PAIR, connect, world
from tests.matrix.zones import CLASSLESS, PARENT
from tests.servers.client import DnsServer

DELEGATED = replace(PAIR, virtual_ips=(ip_address("10.10.20.5"),))
USUAL = Key("5.20.10.10.in-addr.arpa.", Type.PTR)
OWN = Key("5.0-63.20.10.10.in-addr.arpa.", Type.PTR)


async def test_the_parent_shows_the_cname_and_no_pointer(server: DnsServer) -> None:
    async with connect(server) as primary:
        found = await Sitting(PARENT, primary, Shared(server.key), DEADLINE_S).read([USUAL])
    assert found == {
        USUAL: RRset(key=USUAL),
        Key(USUAL.name, Type.CNAME): RRset(
            key=Key(USUAL.name, Type.CNAME), values=frozenset({OWN.name}), ttl_s=60
        ),
    }


async def test_the_pointer_moves_in_the_classless_zone(server: DnsServer) -> None:
    held = RRset(key=OWN, values=frozenset({MAIN}), ttl_s=60)
    move = Change(zone=CLASSLESS, before=(held,), removes=(Record(OWN, MAIN),), adds=(Record(OWN, BACKUP),))
    async with connect(server) as primary:
        zone = Sitting(CLASSLESS, primary, Shared(server.key), DEADLINE_S)
        assert await zone.read([OWN]) == {OWN: held}
        assert (await zone.send(move)).said is Said.DONE
    answer = server.query(USUAL.name, "PTR")
    # PowerDNS follows a CNAME into another of its zones; the others leave that to the resolver.
    both = [OWN.name, BACKUP]
    shown = both if server.kind == "powerdns" else both[:1]
    assert [rrset[0].to_text() for rrset in answer.answer] == shown


async def test_with_the_parent_configured_the_pointer_is_withheld_and_the_name_is_moved(
    server: DnsServer,
) -> None:
    async with world(server, DELEGATED, zones=(FORWARD, PARENT), online=BACKUP) as pair:
        walk = await pair.walk(Why.START)
        assert [(refusal.reason, refusal.name) for refusal in walk.refusals] == [
            (Refused.CNAME_IN_THE_WAY, USUAL.name)
        ]
        assert pair.log.verdicts() == {FORWARD: Verdict.APPLIED}
        assert pair.holds("dma-backup") == {"A 10.10.10.2", "A 10.10.20.5"}
        assert server.records_of("5", CLASSLESS) == {f"60 PTR {MAIN}"}


async def test_with_the_classless_zone_configured_the_pointer_is_moved(server: DnsServer) -> None:
    delegated = replace(DELEGATED, pointers={ip_address("10.10.20.5"): OWN.name})
    async with world(server, delegated, zones=(FORWARD, CLASSLESS), online=BACKUP) as pair:
        assert (await pair.walk(Why.START)).in_order
        assert server.records_of("5", CLASSLESS) == {f"60 PTR {BACKUP}"}
