"""A whole walk at a real BIND that will not, cannot or should not make the change, and what it then says."""

from __future__ import annotations

import base64
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import dns.message
import dns.rcode
import dns.tsig
import pytest

from failover_dns.conduct.walk import Why
from failover_dns.core.guard import Refused
from failover_dns.core.model import Agent, Key, Layout, Role, RRset, Type
from failover_dns.core.outcome import Next, Said, Verdict
from tests.conduct.world import (
    BACKUP,
    FORWARD,
    MAIN,
    REVERSE,
    Clock,
    Forward,
    World,
    pair_with,
    world,
)
from tests.faults.scene import LONGEST_WAIT_S, WALKS
from tests.servers.client import DnsServer, sign_wire
from tests.servers.programs import find_program, free_port, require, serving
from tests.servers.zones import ZONES

KEYS = "hmac-sha256.key."
OTHER = "hmac-sha512.key."
GRANTED = f'allow-update {{ key "{KEYS}"; }};'
MOVED = {"A 10.10.10.2", "A 10.10.10.5"}
BELOW = pair_with(agents=(Agent(name=MAIN), Agent(name="new.sub.example.test.")))
SERVICE = pair_with(virtual_ips=(), published_as="dma.example.test.", layout=Layout.SERVICE_NAME)


@contextmanager
def bind(
    folder: Path,
    *,
    clauses: str = GRANTED,
    zones: Mapping[str, str] = ZONES,
    controls: int = 0,
    views: str = "",
) -> Iterator[DnsServer]:
    """Run `named` with its files in `folder`; `clauses` goes for every zone, `views` in place of all zones."""
    require("named", "rndc")

    def configure(server: DnsServer) -> Sequence[str]:
        for origin, text in zones.items():
            (folder / f"{origin}zone").write_text(text)
        keys = "".join(_key(key) for key in server.keys.values())
        (folder / "rndc.key").write_text(_key(server.key))
        channel = f"inet 127.0.0.1 port {controls} allow {{ 127.0.0.1; }} keys {{ {server.key.name}; }};"
        served = views or "".join(
            f'zone "{origin}" {{ type primary; file "{origin}zone"; {clauses} }};\n' for origin in zones
        )
        (folder / "named.conf").write_text(f"""
options {{
  directory "{folder}"; key-directory "{folder}"; listen-on port {server.port} {{ {server.host}; }};
  listen-on-v6 {{ none; }}; pid-file none; session-keyfile none; recursion no; notify no;
  dnssec-validation no; empty-zones-enable no; max-cache-size 2m; allow-transfer {{ any; }};
}};
controls {{ {channel if controls else ""} }};
{keys}{served}""")
        return [find_program("named") or "named", "-g", "-n", "1", "-c", str(folder / "named.conf")]

    with serving("bind", FORWARD, configure, log=folder / "log") as server:
        yield server


def _key(key: dns.tsig.Key) -> str:
    algorithm = key.algorithm.to_text(omit_final_dot=True)
    secret = base64.b64encode(key.secret).decode()
    return f'key "{key.name}" {{ algorithm {algorithm}; secret "{secret}"; }};\n'


@pytest.fixture
def folder() -> Iterator[Path]:
    """Its path is short: `named` writes it into places that have a limit."""
    with tempfile.TemporaryDirectory(prefix="named-") as directory:
        yield Path(directory)


async def recover(pair: World, clock: Clock) -> None:
    for _ in range(WALKS):
        clock.mono_s += LONGEST_WAIT_S
        if (await pair.walk(Why.RETRY)).in_order:
            return
    raise AssertionError("not in order")


def change_zone(server: DnsServer, *, delete: str = "", add: tuple[str, str, str] | None = None) -> None:
    """Write to the forward zone as another writer does."""
    update = server.update(FORWARD)
    if delete:
        update.delete(delete)
    if add:
        name, rdtype, value = add
        update.add(name, 60, rdtype, value)
    assert server.rcode(update) == "NOERROR"


async def test_a_frozen_zone_is_refused_until_the_thaw_and_the_operator_reads_so(folder: Path) -> None:
    clock, port = Clock(), free_port()

    def rndc(*words: str) -> None:
        command = [find_program("rndc") or "rndc", "-s", "127.0.0.1", "-p", str(port)]
        command += ["-k", str(folder / "rndc.key"), *words]
        subprocess.run(command, check=True, capture_output=True, timeout=30)

    with bind(folder, controls=port) as server:
        async with world(server, clock=clock) as pair:
            assert (await pair.walk(Why.START)).in_order
            rndc("freeze", FORWARD)
            pair.roles.online(BACKUP)
            outcome = (await pair.walk()).outcomes[FORWARD]
            assert (outcome.verdict, outcome.next) == (Verdict.REFUSED, Next.OPERATOR)
            assert outcome.what == "the primary refuses this update"
            assert "or unfreeze it" in outcome.cure
            assert pair.holds("dma-backup") == {"A 10.10.10.2"}
            rndc("thaw", FORWARD)
            await recover(pair, clock)
            assert pair.holds("dma-backup") == MOVED


async def test_a_journal_that_cannot_be_written_fails_and_the_operator_reads_so(folder: Path) -> None:
    # A directory stands in the journal's place: that stops root as well.
    clock = Clock()
    with bind(folder) as server:
        (folder / f"{FORWARD}zone.jnl").mkdir()
        async with world(server, online=BACKUP, clock=clock) as pair:
            outcome = (await pair.walk(Why.START)).outcomes[FORWARD]
            assert (outcome.verdict, outcome.next) == (Verdict.REFUSED, Next.RETRY)
            assert (outcome.answer.said, outcome.answer.rcode) == (Said.FAILED, "SERVFAIL")
            assert "a journal it cannot write" in outcome.cure
            assert pair.log.verdicts()[REVERSE] is Verdict.APPLIED
            (folder / f"{FORWARD}zone.jnl").rmdir()
            await recover(pair, clock)
            assert pair.holds("dma-backup") == MOVED


async def test_a_key_that_bind_lacks_is_named_and_nothing_is_sent(folder: Path) -> None:
    with bind(folder) as server:
        unknown = dns.tsig.Key("unknown.key.", server.key.secret, server.key.algorithm)
        async with world(replace(server, keys={"hmac-sha256": unknown}), online=BACKUP) as pair:
            walk = await pair.walk(Why.START)
            assert len(walk.problems) == 2
            assert all("NOTAUTH+BADKEY" in problem.what for problem in walk.problems)
            assert all("does not know key unknown.key." in problem.cure for problem in walk.problems)
            assert pair.log.entries == {}


@pytest.mark.parametrize(("skew_s", "side"), [(-400, "behind"), (400, "ahead of")])
async def test_a_clock_that_is_wrong_is_said_with_the_difference(
    folder: Path, skew_s: int, side: str
) -> None:
    async def as_of_another_time(wire: bytes, forward: Forward) -> bytes:
        blank = dns.message.from_wire(wire, keyring=False)
        blank.tsig = None
        return await forward(sign_wire(blank.to_wire(), pair.server.key, time_s=int(time.time()) + skew_s))

    with bind(folder) as server:
        async with world(server, online=BACKUP) as pair:
            for tap in pair.taps.values():
                tap.treat = as_of_another_time
            walk = await pair.walk(Why.START)
            assert len(walk.problems) == 2
            for problem in walk.problems:
                assert "this host's clock is " in problem.what
                assert problem.what.endswith(f" s {side} the primary's")
                assert problem.cure == "set this host's clock and the primary's (NTP)"
            for tap in pair.taps.values():
                tap.treat = None
            assert (await pair.walk(Why.RESYNC)).in_order


async def test_a_zone_that_is_not_served_is_said_and_the_other_is_moved(folder: Path) -> None:
    with bind(folder, zones={FORWARD: ZONES[FORWARD]}) as server:
        async with world(server, zones=(FORWARD, REVERSE), online=BACKUP) as pair:
            walk = await pair.walk(Why.START)
            [problem] = walk.problems
            assert "the primary answered REFUSED" in problem.what
            assert "check that this server serves the zone" in problem.cure
            assert pair.log.verdicts() == {FORWARD: Verdict.APPLIED}


async def test_a_cname_in_the_way_stops_the_zone_until_it_is_gone(folder: Path) -> None:
    clock = Clock()
    with bind(folder) as server:
        change_zone(server, delete="dma-backup")
        change_zone(server, add=("dma-backup", "CNAME", "elsewhere.example.test."))
        async with world(server, online=BACKUP, clock=clock) as pair:
            walk = await pair.walk(Why.START)
            [refusal] = walk.refusals
            assert refusal.reason is Refused.CNAME_IN_THE_WAY
            assert refusal.cure.startswith("remove the CNAME")
            assert pair.updates(FORWARD) == 0
            change_zone(server, delete="dma-backup")
            await recover(pair, clock)
            assert pair.holds("dma-backup") == {"A 10.10.10.5"}


async def test_a_signed_zone_is_switched_and_its_signatures_follow(folder: Path) -> None:
    with bind(folder, clauses=f"{GRANTED} dnssec-policy default;") as server:
        async with world(server) as pair:
            assert (await pair.walk(Why.START)).in_order
            pair.roles.online(BACKUP)
            assert (await pair.walk()).in_order
            assert {r.verdict for r in pair.log.results} == {Verdict.APPLIED}
            assert {record for record in pair.holds("dma-backup") if record.startswith("A ")} == MOVED
            assert any(record.startswith("RRSIG A ") for record in pair.holds("dma-backup"))
            pair.roles.online(MAIN)
            assert (await pair.walk()).in_order
            assert (await pair.walk(Why.AUDIT)).in_order


async def test_a_name_below_a_delegation_is_not_written_and_the_zone_it_belongs_to_is_named(
    folder: Path,
) -> None:
    # BIND would take the update and never show it: the record is below the cut.
    text = ZONES[FORWARD] + "sub IN NS ns.elsewhere.test.\n"
    with bind(folder, zones={**ZONES, FORWARD: text}) as server:
        async with world(server, BELOW) as pair:
            pair.roles.roles = {MAIN: Role.OFFLINE, BELOW.agents[1].name: Role.ONLINE}
            walk = await pair.walk(Why.START)
            [problem] = walk.problems
            assert "it refers to the servers of zone sub.example.test." in problem.what
            assert problem.cure == "add zone sub.example.test. with a primary of its own to [[zones]]"
            assert pair.updates(FORWARD) == 0


async def test_a_name_of_a_zone_that_is_served_but_not_configured_is_not_written_to_the_zone_above(
    folder: Path,
) -> None:
    # BIND would take the update into the zone above, swear to it, and answer from the zone below.
    zones = {**ZONES, "sub.example.test.": ZONES[FORWARD]}
    with bind(folder, zones=zones) as server:
        async with world(server, BELOW) as pair:
            pair.roles.roles = {MAIN: Role.OFFLINE, BELOW.agents[1].name: Role.ONLINE}
            walk = await pair.walk(Why.START)
            [problem] = walk.problems
            assert "is in zone sub.example.test. here" in problem.what
            assert problem.cure == "add zone sub.example.test. with a primary of its own to [[zones]]"
            assert pair.updates(FORWARD) == 0


async def test_an_update_below_a_delegation_is_taken_and_never_shown(folder: Path) -> None:
    text = ZONES[FORWARD] + "sub IN NS ns.elsewhere.test.\n"
    with bind(folder, zones={**ZONES, FORWARD: text}) as server:
        update = server.update(FORWARD)
        update.add("dma.sub", 60, "A", "10.10.10.5")
        assert server.rcode(update) == "NOERROR"
        assert server.query("dma.sub.example.test.", "A").answer == []
        assert "dma.sub.example.test. 60 A 10.10.10.5" in server.records(FORWARD)


async def test_what_is_read_and_written_with_one_key_is_one_view_and_clients_may_see_another(
    folder: Path,
) -> None:
    zone = f'zone "{FORWARD}" {{ type primary; file "{{file}}"; {GRANTED} }};'
    views = (
        f'view inside {{ match-clients {{ key "{KEYS}"; }}; {zone.replace("{file}", FORWARD + "zone")} }};\n'
        f"view outside {{ match-clients {{ any; }}; {zone.replace('{file}', 'outside')} }};\n"
    )
    (folder / "outside").write_text(ZONES[FORWARD])
    with bind(folder, views=views) as server:
        async with world(server, SERVICE, zones=(FORWARD,), online=BACKUP) as pair:
            assert (await pair.walk(Why.START)).in_order
            assert pair.holds("dma") == {"A 10.10.10.2"}
            assert server.query("dma.example.test.", "A").rcode() == dns.rcode.NXDOMAIN


async def test_a_name_that_a_wildcard_answers_for_is_made_beside_it(folder: Path) -> None:
    # RFC 4592: the answer has the name asked for; RFC 2136 2.4: a prerequisite sees what is at the name alone.
    with bind(folder, zones={**ZONES, FORWARD: f"{ZONES[FORWARD]}* IN A 10.10.10.99\n"}) as server:
        async with world(server, SERVICE, zones=(FORWARD,), online=BACKUP) as pair:
            outcome = (await pair.walk(Why.START)).outcomes[FORWARD]
            assert (outcome.verdict, outcome.next) == (Verdict.APPLIED, Next.NOTHING)
            assert pair.holds("dma") == {"A 10.10.10.2"}


async def test_a_wildcard_that_gives_the_wanted_address_is_not_taken_for_the_record(folder: Path) -> None:
    with bind(folder, zones={**ZONES, FORWARD: f"{ZONES[FORWARD]}* IN A 10.10.10.2\n"}) as server:
        async with world(server, SERVICE, zones=(FORWARD,), online=BACKUP) as pair:
            assert (await pair.walk(Why.START)).in_order
            assert (pair.updates(FORWARD), pair.holds("dma")) == (1, {"A 10.10.10.2"})


async def test_prerequisites_tell_a_wildcards_answer_from_a_record(folder: Path) -> None:
    with bind(folder, zones={**ZONES, FORWARD: f"{ZONES[FORWARD]}* IN A 10.10.10.99\n"}) as server:
        async with world(server, SERVICE, zones=(FORWARD,)) as pair:
            sitting = pair.zones[FORWARD].sitting
            key = Key("dma.example.test.", Type.A)
            found = (await sitting.read([key]))[key]
            assert found.values == {ip_address("10.10.10.99")}
            assert (await sitting.prove((found,))).rcode == "NXRRSET"
            assert (await sitting.prove((RRset(key=key),))).rcode == "NOERROR"
