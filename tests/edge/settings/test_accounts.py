"""Kerberos accounts and who uses them: what is right, and each mistake with its place and cure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from failover_dns.core.kerberos import FLAGS, Credentials, Flag
from failover_dns.edge.settings.accounts import OWN, Account
from failover_dns.edge.settings.load import ConfigurationError, load, read_tables
from tests.edge.settings.test_load import GONE, PATH, problems, put, read, secret_file, tables

PRINCIPAL = "failover@EXAMPLE.TEST"
DOCS = Path(__file__).parents[3] / "docs"


def signed_by(folder: Path, given: dict[str, Any], /, **more: Any) -> dict[str, Any]:
    """Return a configuration whose first zone is signed for by the account."""
    found = tables(folder) | {"accounts": {"dns": given}}
    return put(found, "zones.0", {"name": "example.test.", "primaries": ["127.0.0.1"], "auth": "gss", **more})


def keytab(folder: Path, mode: int = 0o600) -> str:
    return secret_file(folder, "a keytab", mode=mode, name="failover.keytab")


def test_a_zone_may_be_signed_for_by_an_account_and_another_by_a_key(tmp_path: Path) -> None:
    given = {"principal": PRINCIPAL, "keytab": keytab(tmp_path)}
    first, second = read(signed_by(tmp_path, given, account="dns")).zones
    credentials = Credentials(principal=PRINCIPAL, keytab=tmp_path / "failover.keytab")
    assert first.signer == Account(name="dns", credentials=credentials, flags=FLAGS)
    assert first.signer.principal == PRINCIPAL
    assert second.signer.name == "failover-key."


def test_what_is_found_may_be_signed_for_by_an_account_too(tmp_path: Path) -> None:
    found = signed_by(tmp_path, {"ccache": "/run/tickets"}, account="dns")
    loaded = read(found | {"discovery": {"auth": "gss", "account": "dns"}})
    assert loaded.discovery == Account(name="dns", credentials=Credentials(ccache=Path("/run/tickets")))
    assert loaded.discovery.principal == "dns"


def test_what_a_context_is_asked_for_is_a_setting(tmp_path: Path) -> None:
    given = {"ccache": "/run/tickets", "flags": ["mutual", "integrity", "replay"]}
    signer = read(signed_by(tmp_path, given, account="dns")).zones[0].signer
    assert isinstance(signer, Account)
    assert signer.flags == (Flag.MUTUAL, Flag.INTEGRITY, Flag.REPLAY)


def test_a_ticket_cache_may_come_later(tmp_path: Path) -> None:
    assert read(signed_by(tmp_path, {"ccache": str(tmp_path / "none-yet")}, account="dns")).zones


def test_no_text_of_a_configuration_shows_a_password(tmp_path: Path) -> None:
    password = secret_file(tmp_path, "Made-up.1\n", name="password")
    loaded = read(signed_by(tmp_path, {"principal": PRINCIPAL, "password_file": password}, account="dns"))
    assert "Made-up" not in repr(loaded)


def test_a_password_in_the_wrong_place_is_not_repeated(tmp_path: Path) -> None:
    given = {"principal": PRINCIPAL, "password_file": "Made-up.1"}
    found = problems(signed_by(tmp_path, given, account="dns"))
    assert "Made-up" not in "\n".join(found)


@pytest.mark.parametrize(
    ("account", "zone", "said"),
    [
        (
            {},
            {"account": "dns"},
            'accounts.dns: has no credentials; add keytab = "/etc/failover-dns/failover.keytab"',
        ),
        (
            {"keytab": "{keytab}", "ccache": "/run/tickets"},
            {"account": "dns"},
            "accounts.dns.ccache: is given beside keytab; keep one of them",
        ),
        (
            {"password_file": "{password}"},
            {"account": "dns"},
            'accounts.dns.principal: is missing, and a password does not say whose it is; add principal = "fail',
        ),
        (
            {"keytab": "{open}"},
            {"account": "dns"},
            "accounts.dns.keytab: {open} can be read or changed by its group or others (mode 0644)",
        ),
        (
            {"keytab": "/none/at/all"},
            {"account": "dns"},
            "accounts.dns.keytab: the file that it names cannot be read (No such file or directory)",
        ),
        (
            {"password_file": "{empty}", "principal": PRINCIPAL},
            {"account": "dns"},
            "accounts.dns.password_file: the file that it names is empty; write the password into it",
        ),
        (
            {"keytab": "{empty}"},
            {"account": "dns"},
            "accounts.dns.keytab: the file that it names is empty; export the keytab anew",
        ),
        (
            {"keytab": "{keytab}", "principal": "failover"},
            {"account": "dns"},
            "accounts.dns.principal: what it says is not a principal with its realm; write it as the KDC knows it",
        ),
        (
            {"keytab": "{keytab}", "flags": ["sequence"]},
            {"account": "dns"},
            'accounts.dns.flags[0]: what it says is not known; write "mutual" or "integrity" or "replay"',
        ),
        (
            {"keytab": "{keytab}", "password": "Made-up.1"},
            {"account": "dns"},
            "accounts.dns.password: is not a known key; did you mean password_file?",
        ),
        (
            {"keytab": "{keytab}"},
            {"account": "other"},
            'zones[0].account: "other" is not defined; add [accounts.other], or name one of "dns"',
        ),
        (
            {"keytab": "{keytab}"},
            {},
            'zones[0].account: is missing, and auth is "gss"; add account = "dns" with its [accounts.dns], or',
        ),
        (
            {"keytab": "{keytab}"},
            {"account": "dns", "key": "failover-key"},
            'zones[0].key: is a TSIG key, and auth is "gss"; remove it, or write auth = "tsig"',
        ),
        (
            {"keytab": "{keytab}"},
            {"account": "dns", "auth": "tsig"},
            'zones[0].account: is a Kerberos account, and auth is "tsig"; write auth = "gss" without a key',
        ),
        (
            {"keytab": "{keytab}"},
            {"auth": "tsig"},
            'zones[0].key: is missing; add key = "failover-key", or auth = "gss" with its account',
        ),
        (
            {"keytab": "{keytab}"},
            {"account": "dns", "auth": "kerberos"},
            'zones[0].auth: "kerberos" is not known; write "tsig" or "gss"',
        ),
    ],
)
def test_one_mistake_is_one_problem_with_its_place_and_cure(
    tmp_path: Path, account: dict[str, Any], zone: dict[str, Any], said: str
) -> None:
    files = {
        "keytab": keytab(tmp_path),
        "open": secret_file(tmp_path, "a keytab", mode=0o644, name="open"),
        "empty": secret_file(tmp_path, "", name="empty"),
        "password": secret_file(tmp_path, "Made-up.1", name="password"),
    }
    given = {k: v.format(**files) if isinstance(v, str) else v for k, v in account.items()}
    (problem,) = problems(signed_by(tmp_path, given, **zone))
    assert said.format(**files) in problem


def test_on_windows_the_services_own_account_signs_and_needs_no_table(tmp_path: Path) -> None:
    found = put(tables(tmp_path), "keys", {})
    for index, name in enumerate(("example.test.", "10.10.10.in-addr.arpa.")):
        found = put(found, f"zones.{index}", {"name": name, "primaries": ["127.0.0.1"], "auth": "gss"})
    for pair in found["pairs"]:
        for place in (pair, *pair["agents"]):
            for source in place.get("sources", ()):
                source["path"] = r"C:\state\role"
    found = put(found, "pairs.0.agents.1.sources.0.path", r"C:\state\other")
    found = put(found, "pairs", found["pairs"][:1])
    loaded = read_tables(found, {}, path=PATH, platform="win32")
    assert [zone.signer for zone in loaded.zones] == [OWN, OWN]

    with pytest.raises(ConfigurationError) as raised:
        read_tables(found | {"accounts": {"dns": {"principal": PRINCIPAL}}}, {}, path=PATH, platform="win32")
    assert (
        "accounts.dns.principal: is not for Windows, where the service's own account signs; remove it, and run"
        in str(raised.value)
    )


def test_the_examples_for_active_directory_are_right(tmp_path: Path) -> None:
    text = (DOCS / "active-directory.md").read_text(encoding="utf-8")
    linux = text.split("```toml\n", 1)[1].split("```", 1)[0]
    file = tmp_path / "failover-dns.toml"
    file.write_text(linux.replace("/etc/failover-dns/failover.keytab", keytab(tmp_path)), encoding="utf-8")
    zones = load(file, {}, platform="linux").zones
    assert [zone.signer.name for zone in zones] == ["dns", "dns"]


def test_nothing_is_known_of_accounts_where_there_are_none(tmp_path: Path) -> None:
    (problem,) = problems(
        put(put(tables(tmp_path), "zones.0.key", GONE), "zones.0", {"name": "example.test.", "auth": "gss"})
    )
    assert (
        'zones[0].account: is missing, and auth is "gss"; add account = "dns" with its [accounts.dns]'
        in problem
    )
