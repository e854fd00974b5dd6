"""Grants cover exactly what a plan may change, in the words of each server."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover_dns.core.grants import RENDER, Grant, smallest
from failover_dns.core.model import Agent, Key, Layout, Pair, Type
from failover_dns.core.plan import UnknownZoneError, writable_keys

FORWARD = "example.test."
REVERSE = "10.10.10.in-addr.arpa."
SIGNERS = {FORWARD: "failover-key.", REVERSE: "reverse-key."}
MAIN = Agent(name="dma-main.example.test.", addresses=(ip_address("10.10.10.1"),))
BACKUP = Agent(name="dma-backup.example.test.", addresses=(ip_address("10.10.10.2"),))
PAIR = Pair(name="dma", agents=(MAIN, BACKUP), virtual_ips=(ip_address("10.10.10.5"),))
VIRTUAL = Pair(
    name="dma",
    agents=(MAIN, BACKUP),
    layout=Layout.VIRTUAL_NAME,
    published_as="dma.example.test.",
    virtual_ips=(ip_address("10.10.10.5"), ip_address("10.10.10.6")),
)
SERVICE = Pair(
    name="web",
    agents=(MAIN, Agent(name="web.example.test.", addresses=(ip_address("2001:db8::1"),))),
    layout=Layout.SERVICE_NAME,
    published_as="service.example.test.",
)


def test_a_zone_is_granted_the_names_that_a_plan_may_change_and_no_more() -> None:
    assert smallest([PAIR], SIGNERS) == (
        Grant(zone=REVERSE, signer="reverse-key.", keys=(Key("5.10.10.10.in-addr.arpa.", Type.PTR),)),
        Grant(
            zone=FORWARD,
            signer="failover-key.",
            keys=(Key("dma-backup.example.test.", Type.A), Key("dma-main.example.test.", Type.A)),
        ),
    )


def test_a_zone_that_no_pair_changes_is_granted_nothing() -> None:
    assert [grant.zone for grant in smallest([SERVICE], SIGNERS)] == [FORWARD]


def test_a_name_that_two_pairs_change_is_granted_once() -> None:
    assert smallest([PAIR, PAIR], SIGNERS) == smallest([PAIR], SIGNERS)


def test_a_name_in_no_zone_is_an_error() -> None:
    with pytest.raises(UnknownZoneError, match=r"5\.10\.10\.10\.in-addr\.arpa\. lies in no configured zone"):
        smallest([PAIR], {FORWARD: "failover-key."})


@given(st.lists(st.sampled_from([PAIR, VIRTUAL, SERVICE])))
def test_all_grants_together_are_what_the_plans_may_change(pairs: list[Pair]) -> None:
    granted = {key for grant in smallest(pairs, SIGNERS) for key in grant.keys}
    assert granted == {key for pair in pairs for key in writable_keys(pair)}


@pytest.mark.parametrize("server", RENDER)
def test_every_servers_text_says_what_reading_needs(server: str) -> None:
    text = RENDER[server](smallest([PAIR], SIGNERS))
    assert "allow-query" in text if server == "bind" else "Reading needs nothing more" in text


def test_bind_grants_each_name_its_types() -> None:
    both = smallest([PAIR, SERVICE], SIGNERS)
    assert RENDER["bind"](both).partition("add the key to it.\n")[2] == (
        'zone "10.10.10.in-addr.arpa." {\n'
        "    // type, file and the rest stay as they are\n"
        "    update-policy {\n"
        '        grant "reverse-key." name "5.10.10.10.in-addr.arpa." PTR;\n'
        "    };\n"
        "};\n"
        'zone "example.test." {\n'
        "    // type, file and the rest stay as they are\n"
        "    update-policy {\n"
        '        grant "failover-key." name "dma-backup.example.test." A;\n'
        '        grant "failover-key." name "dma-main.example.test." A;\n'
        '        grant "failover-key." name "service.example.test." A AAAA;\n'
        "    };\n"
        "};\n"
    )


def test_knot_grants_names_of_the_same_types_in_one_rule() -> None:
    text = RENDER["knot"](smallest([PAIR, SERVICE], SIGNERS))
    assert text.partition("acl:\n")[2] == (
        '  - id: "failover-dns-10.10.10.in-addr.arpa.1"\n'
        '    key: "reverse-key."\n'
        "    action: update\n"
        "    update-owner: name\n"
        "    update-owner-match: equal\n"
        '    update-owner-name: ["5.10.10.10.in-addr.arpa."]\n'
        "    update-type: [PTR]\n"
        '  - id: "failover-dns-example.test.1"\n'
        '    key: "failover-key."\n'
        "    action: update\n"
        "    update-owner: name\n"
        "    update-owner-match: equal\n"
        '    update-owner-name: ["dma-backup.example.test.", "dma-main.example.test."]\n'
        "    update-type: [A]\n"
        '  - id: "failover-dns-example.test.2"\n'
        '    key: "failover-key."\n'
        "    action: update\n"
        "    update-owner: name\n"
        "    update-owner-match: equal\n"
        '    update-owner-name: ["service.example.test."]\n'
        "    update-type: [A, AAAA]\n"
        "zone:\n"
        '  - domain: "10.10.10.in-addr.arpa."\n'
        '    acl: ["failover-dns-10.10.10.in-addr.arpa.1"]\n'
        '  - domain: "example.test."\n'
        '    acl: ["failover-dns-example.test.1", "failover-dns-example.test.2"]\n'
    )


def test_powerdns_grants_the_zone_and_says_that_it_does() -> None:
    text = RENDER["powerdns"](smallest([PAIR], SIGNERS))
    assert "it may change the whole zone" in text
    assert [line for line in text.splitlines() if not line.startswith("#")] == [
        "DAEMON=192.0.2.10  # put here the address that the daemon sends from",
        "pdnsutil add-meta 10.10.10.in-addr.arpa. TSIG-ALLOW-DNSUPDATE reverse-key.",
        'pdnsutil add-meta 10.10.10.in-addr.arpa. ALLOW-DNSUPDATE-FROM "$DAEMON"',
        "pdnsutil add-meta example.test. TSIG-ALLOW-DNSUPDATE failover-key.",
        'pdnsutil add-meta example.test. ALLOW-DNSUPDATE-FROM "$DAEMON"',
    ]


def test_ad_grants_two_attributes_of_each_node() -> None:
    text = RENDER["ad"](smallest([PAIR], SIGNERS))
    assert "NOT YET RUN ON WINDOWS" in text
    nodes = [line for line in text.splitlines() if line.startswith("dsacls")]
    to_account = '/G "%ACCOUNT%:WP;dnsRecord" "%ACCOUNT%:WP;dNSTombstoned"'
    where = "CN=MicrosoftDNS,DC=DomainDnsZones,%DOMAIN%"
    assert nodes == [
        f'dsacls "DC=5,DC=10.10.10.in-addr.arpa,{where}" {to_account}',
        f'dsacls "DC=dma-backup,DC=example.test,{where}" {to_account}',
        f'dsacls "DC=dma-main,DC=example.test,{where}" {to_account}',
    ]


def test_ad_calls_the_zones_own_name_by_its_sign() -> None:
    apex = Grant(zone=FORWARD, signer="failover-key.", keys=(Key(FORWARD, Type.A),))
    assert 'dsacls "DC=@,DC=example.test,' in RENDER["ad"]([apex])
