"""Grants cover exactly what a plan may change, in the words of each server."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover_dns.core.grants import RENDER, Grant, mend, smallest
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


def test_knot_grants_each_zone_by_one_rule_since_one_has_to_allow_a_whole_message() -> None:
    text = RENDER["knot"](smallest([PAIR, SERVICE], SIGNERS))
    assert text.partition("acl:\n")[2] == (
        '  - id: "failover-dns-10.10.10.in-addr.arpa."\n'
        '    key: "reverse-key."\n'
        "    action: update\n"
        "    update-owner: name\n"
        "    update-owner-match: equal\n"
        '    update-owner-name: ["5.10.10.10.in-addr.arpa."]\n'
        "    update-type: [PTR]\n"
        '  - id: "failover-dns-example.test."\n'
        '    key: "failover-key."\n'
        "    action: update\n"
        "    update-owner: name\n"
        "    update-owner-match: equal\n"
        '    update-owner-name: ["dma-backup.example.test.", "dma-main.example.test.", "service.example.test."]\n'
        "    update-type: [A, AAAA]\n"
        "zone:\n"
        '  - domain: "10.10.10.in-addr.arpa."\n'
        '    acl: ["failover-dns-10.10.10.in-addr.arpa."]\n'
        '  - domain: "example.test."\n'
        '    acl: ["failover-dns-example.test."]\n'
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


def test_ad_names_an_account_and_its_domain_where_they_are_known() -> None:
    text = RENDER["ad"](smallest([PAIR], dict.fromkeys(SIGNERS, "failover@EXAMPLE.TEST")))
    assert "set " not in text
    assert (
        'dsacls "DC=dma-main,DC=example.test,CN=MicrosoftDNS,DC=DomainDnsZones,DC=example,DC=test" /G '
        '"failover@EXAMPLE.TEST:WP;dnsRecord" "failover@EXAMPLE.TEST:WP;dNSTombstoned"'
    ) in text.splitlines()


def test_samba_grants_two_attributes_of_each_node_to_the_accounts_sid() -> None:
    text = RENDER["samba"](smallest([PAIR], dict.fromkeys(SIGNERS, "failover@AD.EXAMPLE.TEST")))
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    rights = "(OA;;WP;e0fa1e69-9b45-11d0-afdd-00c04fd930c9;;$SID)(OA;;WP;d5eb2eb7-be4e-463b-a214-634a44d7392e;;$SID)"
    base = "CN=MicrosoftDNS,DC=DomainDnsZones,DC=ad,DC=example,DC=test"
    sid = "SID=$(samba-tool user show \"failover\" --attributes=objectSid | sed -n 's/^objectSid: //p')"
    assert lines == [
        sid,
        f'samba-tool dsacl set --objectdn="DC=5,DC=10.10.10.in-addr.arpa,{base}" --sddl="{rights}"',
        sid,
        f'samba-tool dsacl set --objectdn="DC=dma-backup,DC=example.test,{base}" --sddl="{rights}"',
        f'samba-tool dsacl set --objectdn="DC=dma-main,DC=example.test,{base}" --sddl="{rights}"',
    ]


def test_samba_asks_for_the_account_where_it_is_not_known() -> None:
    lines = RENDER["samba"](smallest([PAIR], SIGNERS)).splitlines()
    assert {"ACCOUNT=failover-dns", "DOMAIN=DC=example,DC=test"} < set(lines)
    assert any('user show "$ACCOUNT"' in line for line in lines)


@pytest.mark.parametrize(
    ("signer", "who", "user"),
    [
        ("failover@EXAMPLE.TEST", "failover@EXAMPLE.TEST", "failover"),
        ("/etc/failover.keytab", "EXAMPLE\\failover-dns$", "failover-dns"),
    ],
)
def test_a_name_that_another_account_made_is_told_with_the_commands_that_mend_it(
    signer: str, who: str, user: str
) -> None:
    text = mend(FORWARD, f"dma-main.{FORWARD}", signer)
    node = "DC=dma-main,DC=example.test,CN=MicrosoftDNS,DC=DomainDnsZones,DC=example,DC=test"
    assert "belongs to the account that made it, even once its records are gone" in text
    assert f'`dsacls "{node}" /G "{who}:WP;dnsRecord" "{who}:WP;dNSTombstoned"`' in text
    assert f'SID=$(samba-tool user show "{user}" ' in text
    assert f'samba-tool dsacl set --objectdn="{node}"' in text
    assert "in update-policy, as `failover-dns grants` tells" in text
