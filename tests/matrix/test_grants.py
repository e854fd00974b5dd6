"""The printed grants are enough for a switch at the real servers, and allow nothing else."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path

import dns.update
import pytest

from failover_dns.conduct.signing import Shared
from failover_dns.conduct.walk import Why
from failover_dns.conduct.zone import Sitting
from failover_dns.core.errors import ReadError
from failover_dns.core.model import Change, Key, Layout, Pair, Record, RRset, Type
from failover_dns.core.outcome import Answer, Said
from failover_dns.core.plan import writable_keys, zone_for
from tests.conduct.world import BACKUP, DEADLINE_S, FORWARD, MAIN, PAIR, REVERSE, REVERSE6, connect, world
from tests.matrix.conftest import PROGRAMS
from tests.matrix.granted import observer, running_granted
from tests.matrix.printed import printed
from tests.servers.client import DnsServer
from tests.servers.powerdns import powerdns_in
from tests.servers.programs import require

ZONES = (FORWARD, REVERSE, REVERSE6)
BOTH = replace(PAIR, fence=True, virtual_ips=(ip_address("10.10.10.5"), ip_address("2001:db8::5")))
VIRTUAL = replace(BOTH, layout=Layout.VIRTUAL_NAME, published_as="dma.example.test.", keep_physical=True)
ABSENT = Key("nobody.example.test.", Type.A)


@dataclass(frozen=True, slots=True)
class Printed:
    """A server of some kind, and the pair for whose configuration it was granted."""

    server: DnsServer
    pair: Pair

    @property
    def seen(self) -> DnsServer:
        return observer(self.server)


@pytest.fixture(params=[BOTH, VIRTUAL], ids=["agent-name", "virtual-name"])
def pair(request: pytest.FixtureRequest) -> Pair:
    chosen: Pair = request.param
    return chosen


@pytest.fixture(params=["bind", "knot", "powerdns"])
def granted(request: pytest.FixtureRequest, pair: Pair, tmp_path: Path) -> Iterator[Printed]:
    kind: str = request.param
    require(*PROGRAMS[kind])
    with running_granted(kind, printed_for(kind, pair, tmp_path)) as server:
        yield Printed(server, pair)


def printed_for(kind: str, pair: Pair, folder: Path) -> str:
    """Return what `failover-dns grants` prints for a configuration with this pair."""
    secret = folder / "secret"
    secret.write_text(base64.b64encode(bytes(range(32))).decode())
    secret.chmod(0o600)
    zones = "".join(
        f'[[zones]]\nname = "{zone}"\nprimaries = ["127.0.0.1"]\nkey = "hmac-sha256.key"\n' for zone in ZONES
    )
    agents = "".join(
        f'[[pairs.agents]]\nname = "{agent.name}"\naddresses = {[str(a) for a in agent.addresses]}\n'
        f'[[pairs.agents.sources]]\ntype = "file"\npath = "/run/failover/{agent.name}status"\n'
        for agent in pair.agents
    )
    own = f'published_as = "{pair.published_as}"\n' if pair.published_as else ""
    kept = str(pair.keep_physical).lower()
    configuration = folder / "failover-dns.toml"
    configuration.write_text(
        f'[keys."hmac-sha256.key"]\nsecret_file = "{secret}"\nalgorithm = "hmac-sha256"\n{zones}'
        f'[[pairs]]\nname = "dma"\nlayout = "{pair.layout}"\nkeep_physical = {kept}\n'
        f"{own}virtual_ips = {[str(ip) for ip in pair.virtual_ips]}\n{agents}"
    )
    return printed(kind, configuration)


async def put(server: DnsServer, change: Change) -> Answer:
    async with connect(server) as primary:
        return await Sitting(change.zone, primary, Shared(server.key), DEADLINE_S).send(change)


async def test_the_pair_is_switched_and_back(granted: Printed) -> None:
    async with world(granted.server, granted.pair, zones=ZONES) as walking:
        assert (await walking.walk(Why.START)).in_order
        for agent in (BACKUP, MAIN, BACKUP):
            walking.roles.online(agent)
            assert (await walking.walk()).in_order
    published = granted.pair.published_as or BACKUP
    assert {"60 A 10.10.10.5", "60 AAAA 2001:db8::5"} <= granted.seen.records_of(
        published.removesuffix("." + FORWARD)
    )
    assert granted.seen.records_of("5", REVERSE) == {f"60 PTR {published}"}


async def test_every_record_that_a_plan_may_change_is_proved_to_be_granted(granted: Printed) -> None:
    async with connect(granted.server) as primary:
        for key in writable_keys(granted.pair):
            zone = Sitting(
                zone_for(key.name, frozenset(ZONES)), primary, Shared(granted.server.key), DEADLINE_S
            )
            records = await zone.read([key])
            assert (await zone.prove_grant(records[key])).said is Said.DONE


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("nobody.example.test.", Type.A, ip_address("10.10.10.5")),
        ("below.dma-main.example.test.", Type.A, ip_address("10.10.10.5")),
        ("example.test.", Type.A, ip_address("10.10.10.5")),
        ("dma-main.example.test.", Type.PTR, "nobody.invalid."),
    ],
    ids=["a foreign name", "a name below", "the zone's own name", "a foreign type"],
)
async def test_what_is_not_the_pairs_is_refused_except_by_powerdns_which_cannot(
    granted: Printed, name: str, kind: Type, value: str
) -> None:
    key = Key(name, kind)
    before = granted.seen.records(FORWARD)
    answer = await put(
        granted.server, Change(zone=FORWARD, before=(RRset(key=key),), adds=(Record(key, value),))
    )
    if granted.server.kind == "powerdns":
        assert answer.said is Said.DONE
        assert granted.seen.records(FORWARD) != before
    else:
        assert answer.said is Said.DENIED
        assert granted.seen.records(FORWARD) == before


async def test_a_zone_that_is_not_the_pairs_is_refused_by_all(granted: Printed) -> None:
    key = Key("dma-main.other.test.", Type.A)
    new = Record(key, ip_address("10.10.10.5"))
    before = granted.seen.records("other.test.")
    answer = await put(granted.server, Change(zone="other.test.", before=(RRset(key=key),), adds=(new,)))
    assert answer.said is Said.DENIED
    assert granted.seen.records("other.test.") == before


async def test_powerdns_takes_unsigned_updates_of_a_zone_without_a_key_unless_nobody_may_send_them(
    tmp_path: Path,
) -> None:
    require(*PROGRAMS["powerdns"])
    for allowed, rcode in (("127.0.0.0/8", "NOERROR"), ("", "REFUSED")):
        with powerdns_in(tmp_path, settings={"allow-dnsupdate-from": allowed}, grants=()) as server:
            unsigned = dns.update.UpdateMessage(FORWARD)
            unsigned.add("new", 60, "A", "10.10.10.8")
            assert server.rcode(unsigned) == rcode


async def test_another_key_that_the_server_knows_is_refused(granted: Printed) -> None:
    key = Key("dma-backup.example.test.", Type.A)
    held = RRset(key=key, values=frozenset({ip_address("10.10.10.2")}))
    move = Change(zone=FORWARD, before=(held,), adds=(Record(key, ip_address("10.10.10.5")),))
    answer = await put(granted.seen, move)
    assert answer.said is Said.DENIED
    if granted.server.kind == "knot":
        assert (answer.rcode, answer.what) == (
            "NOTAUTH+BADKEY",
            "the primary rejects the signature: BADKEY",
        )
        assert answer.cure.endswith("with this algorithm, or does not allow it here")
    else:
        assert (answer.rcode, answer.what) == ("REFUSED", "the primary refuses this update")
        assert answer.cure.startswith("grant key hmac-sha512.key. the names in zone example.test.")


async def test_a_key_without_a_grant_may_ask_and_prove_at_some_servers_and_never_change(
    granted: Printed,
) -> None:
    # Hence `check` proves each grant by itself: that a key is accepted says little.
    key = Key("dma-backup.example.test.", Type.A)
    own = RRset(key=key, values=frozenset({ip_address("10.10.10.2")}))
    async with connect(granted.server) as primary:
        ungranted = granted.server.keys["hmac-sha384"]
        zone = Sitting(FORWARD, primary, Shared(ungranted), DEADLINE_S)
        assert (await zone.prove(())).said is {"bind": Said.DONE}.get(granted.server.kind, Said.DENIED)
        assert (await zone.prove_grant(own)).said is Said.DENIED
        if granted.server.kind == "knot":
            with pytest.raises(ReadError, match=r"NOTAUTH\+BADKEY"):
                await zone.read([key])
        else:
            assert (await zone.read([key]))[key].values == own.values
