"""docs/servers.md shows what is printed today, and its script for PowerDNS does what it says."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import dns.update
import pytest

from failover_dns.conduct.signing import Shared
from failover_dns.conduct.walk import Why
from failover_dns.conduct.zone import Sitting
from failover_dns.core.model import Address, Change, Key, Record, RRset, Type
from failover_dns.core.outcome import IGNORED, Said
from tests.conduct.world import BACKUP, DEADLINE_S, FORWARD, REVERSE, connect, pair_with, world
from tests.matrix.conftest import PROGRAMS
from tests.matrix.printed import printed
from tests.servers.client import DnsServer
from tests.servers.powerdns import powerdns_in
from tests.servers.programs import require

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "servers.md").read_text(encoding="utf-8")


@pytest.fixture
def scripted(tmp_path: Path) -> Iterator[DnsServer]:
    """A PowerDNS that decides by the page's script, for the key `hmac-sha256.key.`."""
    require(*PROGRAMS["powerdns"])
    script = tmp_path / "policy.lua"
    script.write_text(block("lua").replace("failover-key.", "hmac-sha256.key."))
    seen = [f"set-meta {zone} TSIG-ALLOW-AXFR hmac-sha256.key." for zone in (FORWARD, REVERSE)]
    with powerdns_in(tmp_path, settings={"lua-dnsupdate-policy-script": str(script)}, grants=seen) as server:
        yield server


def block(language: str) -> str:
    return PAGE.partition(f"```{language}\n")[2].partition("```\n")[0]


@pytest.mark.parametrize(
    ("server", "language"), [("bind", ""), ("knot", "yaml"), ("powerdns", "sh"), ("ad", "")]
)
def test_the_page_shows_the_grants_of_the_example(server: str, language: str, tmp_path: Path) -> None:
    secret = tmp_path / "failover-key.key"
    octets = base64.b64encode(bytes(32)).decode()
    secret.write_text(f'key "failover-key" {{ algorithm hmac-sha256; secret "{octets}"; }};')
    secret.chmod(0o600)
    example = (ROOT / "config" / "failover-dns.toml").read_text(encoding="utf-8")
    configuration = tmp_path / "failover-dns.toml"
    configuration.write_text(example.replace("/etc/failover-dns/failover-key.key", str(secret)))
    assert f"```{language}\n{printed(server, configuration)}```\n" in PAGE


async def test_the_script_lets_the_pair_be_switched(scripted: DnsServer) -> None:
    async with world(scripted, pair_with(fence=True), zones=(FORWARD, REVERSE), online=BACKUP) as pair:
        assert (await pair.walk(Why.START)).in_order
        assert pair.holds("dma-backup") == {"A 10.10.10.2", "A 10.10.10.5"}
        assert pair.holds("5", REVERSE) == {f"PTR {BACKUP}"}


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("nobody.example.test.", Type.A, ip_address("10.10.10.5")),
        ("dma-backup.example.test.", Type.AAAA, ip_address("2001:db8::5")),
    ],
    ids=["a foreign name", "a foreign type"],
)
async def test_the_script_leaves_out_what_is_not_the_pairs_and_says_noerror(
    scripted: DnsServer, name: str, kind: Type, value: Address
) -> None:
    key = Key(name, kind)
    before = scripted.records(FORWARD)
    change = Change(zone=FORWARD, before=(RRset(key=key),), adds=(Record(key, value),))
    async with connect(scripted) as primary:
        for signer in (scripted.key, scripted.keys["hmac-sha512"]):
            answer = await Sitting(FORWARD, primary, Shared(signer), DEADLINE_S).send(change)
            assert answer.said is Said.DONE
    assert scripted.records(FORWARD) == before


async def test_the_script_leaves_out_the_pairs_records_for_another_key(scripted: DnsServer) -> None:
    before = scripted.records(FORWARD)
    stranger = replace(scripted, keys={"hmac-sha256": scripted.keys["hmac-sha512"]})
    async with world(stranger, zones=(FORWARD, REVERSE), online=BACKUP) as pair:
        outcomes = (await pair.walk(Why.START)).outcomes
    assert {outcome.what for outcome in outcomes.values()} == {IGNORED}
    assert scripted.records(FORWARD) == before


def test_the_script_lets_nothing_through_that_is_not_signed(scripted: DnsServer) -> None:
    before = scripted.records(FORWARD)
    unsigned = dns.update.UpdateMessage(FORWARD)
    unsigned.add("dma-backup", 60, "A", "10.10.10.5")
    assert scripted.rcode(unsigned) == "SERVFAIL"
    assert scripted.records(FORWARD) == before
