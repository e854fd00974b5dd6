"""Holding the virtual IP is evidence; only an operator's trust makes it a claim."""

from __future__ import annotations

import json
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover_dns.core.holding import Held, HoldingSource, attest, observe_holding, read_registration
from failover_dns.core.model import Instant, Role

NOW = Instant(mono_s=50.0, wall_s=1_700_000_000.0)
ONE, TWO, OWN = (ip_address(text) for text in ("10.10.10.5", "2001:db8::5", "10.10.10.1"))
SOURCE = HoldingSource(agent="main", addresses=(ONE, TWO))
TRUSTED = HoldingSource(agent="main", addresses=(ONE, TWO), trust=True)
BOTH = Held(addresses=frozenset({ONE, TWO, OWN}))


def test_an_agent_without_the_addresses_is_offline() -> None:
    seen = observe_holding(SOURCE, Held(addresses=frozenset({OWN})), now=NOW)
    assert (seen.agent, seen.role, seen.read, seen.source) == ("main", Role.OFFLINE, NOW, "own addresses")
    assert seen.reason == "the host does not hold 10.10.10.5, 2001:db8::5"


def test_an_agent_with_the_addresses_is_online_only_if_they_are_trusted() -> None:
    seen = observe_holding(SOURCE, BOTH, now=NOW)
    assert seen.role is Role.UNKNOWN
    assert "evidence and not proof" in seen.reason
    assert observe_holding(TRUSTED, BOTH, now=NOW).role is Role.ONLINE


def test_as_evidence_holding_is_told_as_it_is() -> None:
    assert attest(SOURCE, BOTH, now=NOW).role is Role.ONLINE
    assert attest(SOURCE, BOTH, now=NOW).reason == "the host holds 10.10.10.5, 2001:db8::5"
    assert attest(SOURCE, Held(), now=NOW).role is Role.OFFLINE


@pytest.mark.parametrize(
    ("held", "reason"),
    [
        (Held(addresses=frozenset({TWO})), "the host holds 2001:db8::5 and not 10.10.10.5"),
        (Held(addresses=frozenset({ONE, TWO}), problem="no answer"), "no answer"),
    ],
)
@pytest.mark.parametrize("source", [SOURCE, TRUSTED])
def test_half_of_the_addresses_or_none_known_is_unknown(
    source: HoldingSource, held: Held, reason: str
) -> None:
    for seen in (observe_holding(source, held, now=NOW), attest(source, held, now=NOW)):
        assert (seen.role, seen.reason) == (Role.UNKNOWN, reason)


def test_an_agent_of_a_pair_without_virtual_ips_holds_nothing() -> None:
    none = HoldingSource(agent="main", addresses=(), trust=True)
    assert observe_holding(none, BOTH, now=NOW).reason == "the host does not hold any virtual IP"


def client(alias: object, registers: object) -> dict[str, object]:
    return {"InterfaceAlias": alias, "RegisterThisConnectionsAddress": registers}


def test_each_interface_that_registers_is_a_finding_with_its_cure() -> None:
    text = json.dumps([client("Ethernet 2", True), client("Ethernet", True), client("Loopback", False)])
    found = read_registration(text)
    assert [one.interface for one in found] == ["Ethernet", "Ethernet 2"]
    assert found[0].what == "Windows registers the addresses of 'Ethernet' in DNS by itself"
    assert "Set-DnsRegistration.ps1 -Apply" in found[0].cure


def test_one_interface_alone_is_no_list_and_names_match_without_case() -> None:
    text = "\ufeff" + json.dumps(client("Ethernet", True))
    assert [one.interface for one in read_registration(text, ["ETHERNET"])] == ["Ethernet"]
    assert read_registration(text, ["Ethernet 2"]) == ()
    assert read_registration(text, []) == ()


@pytest.mark.parametrize("text", ["", " \r\n", "[]", "null", "3", '"x"', json.dumps([client(3, True), 7])])
def test_nothing_printed_is_nothing_found(text: str) -> None:
    assert read_registration(text) == ()


@pytest.mark.parametrize("text", ["{", "Get-DnsClient : access denied", "[" * 100_000])
def test_what_is_not_json_is_a_finding_too(text: str) -> None:
    (found,) = read_registration(text)
    assert found.interface == ""
    assert "is not JSON" in found.what


@given(text=st.text())
def test_no_text_crashes(text: str) -> None:
    read_registration(text, ["Ethernet"])
