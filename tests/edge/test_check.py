"""What `failover-dns check` says of sources, of classless reverse zones, and of Windows's registrations."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from failover_dns.edge.check.registration import registrations
from tests.edge.commands import Site, site
from tests.edge.settings.test_load import read, tables
from tests.matrix.zones import CLASSLESS, MATRIX_ZONES, PARENT
from tests.servers.client import DnsServer
from tests.servers.embedded import running_embedded


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with running_embedded(MATRIX_ZONES) as running:
        yield running


@pytest.fixture
def here(tmp_path: Path, server: DnsServer) -> Site:
    return site(tmp_path, server)


def configure(here: Site, *changes: tuple[str, str]) -> None:
    text = here.configuration.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    here.configuration.write_text(text)


def zone(here: Site, name: str, more: str = "") -> str:
    key = here.server.keys["hmac-sha256"].name
    return (
        f'[[zones]]\nname = "{name}"\nprimaries = ["{here.server.host}:{here.server.port}"]\n'
        f'key = "{key}"\n{more}\n\n[[pairs]]'
    )


def classless(here: Site, *more: tuple[str, str]) -> None:
    configure(
        here,
        ("[[pairs]]", zone(here, CLASSLESS, 'reverse_of = "10.10.20.0/26"')),
        ("10.10.10.5", "10.10.20.5"),
        *more,
    )


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('type = "file", path = "{}/none"', "write it with `failover-dns report`"),
        ('type = "http", url = "http://127.0.0.1:1/"', "ask it with `curl -v` from this host"),
        ('type = "dms", path = "{}/none"', "open it under the daemon's account and look at its Failover"),
        ('type = "failover-log", path = "{}/none"', "wait for what the next switch writes into it"),
        ('type = "failover-status", path = "{}/none"', "wait for what the next switch writes into it"),
    ],
)
def test_of_a_source_that_says_nothing_it_is_said_what_to_do(here: Site, source: str, said: str) -> None:
    old = f'type = "file", path = "{here.directory}/dma-main.status"'
    configure(here, (old, source.format(here.directory)))
    done = here.run("check")
    assert done.returncode == 1
    (line,) = (line for line in done.stdout.splitlines() if "dma-main.example.test. is UNKNOWN" in line)
    assert line.startswith("WRONG")
    assert said in line
    assert line.endswith("until then this agent moves nothing")


def test_a_fifo_is_left_to_the_daemon_and_is_not_wrong(here: Site) -> None:
    old = f'type = "file", path = "{here.directory}/dma-main.status"'
    configure(here, (old, f'type = "keepalived", fifo = "{here.directory}/fifo", instance = "VI"'))
    done = here.run("check")
    assert done.returncode == 0
    assert "only the running daemon listens to it" in done.stdout


def test_an_endpoint_that_anybody_could_play_is_told_of(here: Site) -> None:
    old = f'type = "file", path = "{here.directory}/dma-main.status"'
    configure(here, (old, 'type = "http", url = "https://127.0.0.1:1/", insecure = true'))
    assert "whoever answers at the address is believed; set ca_file instead" in here.run("check").stdout


def test_a_pointer_that_the_usual_name_leads_to_is_ok(here: Site) -> None:
    resolver = f'resolvers = ["{here.server.host}:{here.server.port}"]\nstate_dir'
    classless(here, ("state_dir", resolver))
    done = here.run("check")
    assert done.returncode == 0, done.stdout
    assert (
        "ok     pair dma: the pointer of 10.10.20.5 is at 5.0-63.20.10.10.in-addr.arpa., where "
        "5.20.10.10.in-addr.arpa. leads" in done.stdout
    )


def test_the_parent_zone_is_asked_itself_where_it_is_configured(here: Site) -> None:
    classless(here, ("[[pairs]]", zone(here, PARENT)), ("10.10.20.5", "10.10.20.7"))
    done = here.run("check")
    assert done.returncode == 1
    assert (
        "WRONG  pair dma: the pointer of 10.10.20.7 is at 7.0-63.20.10.10.in-addr.arpa., and "
        "7.20.10.10.in-addr.arpa. has no CNAME; let whoever has the parent zone add "
        "7.20.10.10.in-addr.arpa. CNAME 7.0-63.20.10.10.in-addr.arpa." in done.stdout
    )


def test_a_pointer_that_nobody_could_be_asked_about_is_told_of(here: Site) -> None:
    classless(here, ("state_dir", 'resolvers = ["127.0.0.1:1"]\nstate_dir'))
    done = here.run("check", "--json")
    assert done.returncode == 1
    (wrong,) = (found for line in done.stdout.splitlines() if not (found := json.loads(line))["ok"])
    assert (
        "not checked if 5.20.10.10.in-addr.arpa. leads there: 127.0.0.1#1 cannot be reached" in wrong["what"]
    )


def interfaces(**found: str) -> dict[str, Sequence[SimpleNamespace]]:
    return {
        name: [SimpleNamespace(family=socket.AF_INET, address=address)] for name, address in found.items()
    }


PRINTED = json.dumps(
    [{"InterfaceAlias": name, "RegisterThisConnectionsAddress": True} for name in ("LAN", "Management")]
)


def test_windows_is_asked_about_the_interfaces_that_carry_a_virtual_ip(tmp_path: Path) -> None:
    held = interfaces(LAN="10.10.10.5", Management="192.0.2.1")
    found = list(
        registrations(read(tables(tmp_path)), "win32", run=lambda _: PRINTED, interfaces=lambda: held)
    )
    assert [(one.ok, one.what) for one in found] == [
        (False, "Windows registers the addresses of 'LAN' in DNS by itself")
    ]
    assert "Set-DnsRegistration.ps1 -Apply" in found[0].cure


@pytest.mark.parametrize(("platform", "address"), [("linux", "10.10.10.5"), ("win32", "192.0.2.1")])
def test_elsewhere_and_without_a_virtual_ip_nothing_is_asked(
    tmp_path: Path, platform: str, address: str
) -> None:
    def never(_: Sequence[str]) -> str:
        raise AssertionError

    held = interfaces(LAN=address)
    assert not list(registrations(read(tables(tmp_path)), platform, run=never, interfaces=lambda: held))


def test_windows_that_does_not_answer_is_told_of(tmp_path: Path) -> None:
    def silent(_: Sequence[str]) -> str:
        raise TimeoutError("30 s")

    held = interfaces(LAN="10.10.10.5")
    (found,) = registrations(read(tables(tmp_path)), "win32", run=silent, interfaces=lambda: held)
    assert "powershell.exe did not answer" in found.what


def test_primaries_that_nobody_can_look_up_are_told_of(here: Site) -> None:
    primaries = f'primaries = ["{here.server.host}:{here.server.port}"]\n'
    configure(here, (primaries, ""), ("state_dir", 'resolvers = ["127.0.0.1:1"]\nstate_dir'))
    done = here.run("check")
    assert done.returncode == 1
    assert "WRONG  zone example.test.: " in done.stdout
    assert "127.0.0.1#1 cannot be reached" in done.stdout


def test_a_zone_that_is_not_configured_is_found_and_checked_at_the_primary_of_its_soa(here: Site) -> None:
    key = here.server.keys["hmac-sha256"].name
    server = f"{here.server.host}:{here.server.port}"
    configured = f'[[zones]]\nname = "example.test."\nprimaries = ["{server}"]\nkey = "{key}"\n'
    configure(
        here,
        (configured, f'[discovery]\nkey = "{key}"\n'),
        ("state_dir", f'resolvers = ["{server}"]\nstate_dir'),
    )
    done = here.run("check")
    assert done.returncode == 1
    assert "zone example.test. at ns.example.test.#53: " in done.stdout
    assert (
        f"zone 10.10.10.in-addr.arpa. at {here.server.host}#{here.server.port}: key {key} is accepted"
        in done.stdout
    )
