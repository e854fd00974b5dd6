"""Where the control channel listens, and that it is never open to others without TLS."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest

from failover_dns.edge.settings.loaded import Control
from failover_dns.edge.settings.places import state_dir
from tests.edge.settings.test_load import problems, put, read, tables

FILES = {"tls_certificate": "/etc/control.crt", "tls_key": "/etc/control.key"}


def test_without_a_word_it_listens_on_loopback_at_any_free_port(tmp_path: Path) -> None:
    assert read(tables(tmp_path)).control == Control(listen=(IPv4Address("127.0.0.1"), 0))


def test_it_can_be_turned_off(tmp_path: Path) -> None:
    table = {"enabled": False, "listen": "10.0.0.1:9153"}
    assert read(tables(tmp_path) | {"control": table}).control is None


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        ("127.0.0.1:9153", (IPv4Address("127.0.0.1"), 9153)),
        ("127.0.0.1", (IPv4Address("127.0.0.1"), 0)),
        ("127.8.8.8:0", (IPv4Address("127.8.8.8"), 0)),
        ("[::1]:9153", (IPv6Address("::1"), 9153)),
    ],
)
def test_it_listens_where_it_is_said(tmp_path: Path, text: str, listen: object) -> None:
    found = read(tables(tmp_path) | {"control": {"listen": text}}).control
    assert found is not None
    assert found.listen == listen


def test_beyond_loopback_it_has_a_certificate_and_names(tmp_path: Path) -> None:
    table = {"listen": "0.0.0.0:9153", "names": ["OPS-1.example.test.", "ops-1"], **FILES}
    assert read(tables(tmp_path) | {"control": table}).control == Control(
        listen=(IPv4Address("0.0.0.0"), 9153),
        names=("ops-1.example.test", "ops-1"),
        tls=(Path("/etc/control.crt"), Path("/etc/control.key")),
    )


@pytest.mark.parametrize("listen", ["0.0.0.0:9153", "10.0.0.1:9153", "[::]:0", "[2001:db8::1]:9153"])
def test_beyond_loopback_nothing_goes_without_tls(tmp_path: Path, listen: str) -> None:
    found = problems(tables(tmp_path) | {"control": {"listen": listen}})
    assert [problem.partition(";")[0].split(": ")[1] for problem in found] == [
        "control.tls_certificate",
        "control.tls_key",
    ]
    assert all("is not loopback" in problem for problem in found)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            {"tls_key": "/etc/control.key"},
            "control.tls_certificate: is missing, and tls_key is there; give both",
        ),
        (
            {"tls_certificate": "/etc/control.crt", "listen": "10.0.0.1:1"},
            "control.tls_key: is missing, and tls_certificate is there; give both",
        ),
        ({"listen": "localhost:9153"}, 'control.listen: "localhost:9153" is not an address to listen at'),
        ({"listen": "127.0.0.1:70000"}, "control.listen: "),
        ({"listen": 9153}, "control.listen: 9153 is not an address to listen at"),
        ({"listen": "224.0.0.1:1"}, "is not an address to listen at"),
        ({"names": ["10.0.0.1"]}, 'control.names[0]: "10.0.0.1" is an address; remove it'),
        ({"enabled": 1}, "control.enabled: 1 is not true or false; write enabled = true"),
    ],
)
def test_one_mistake_is_one_problem(tmp_path: Path, table: dict[str, object], said: str) -> None:
    (problem,) = problems(put(tables(tmp_path), "control", table))
    assert said in problem


def test_the_state_directory_is_found_without_reading_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "failover-dns.toml"
    file.write_text('state_dir = "/srv/state"\n[[pairs]]\nnonsense = 1\n')
    assert state_dir(file, {}) == Path("/srv/state")
    assert state_dir(file, {"FAILOVER_DNS_STATE_DIR": "/else"}) == Path("/else")
    assert state_dir(None, {"FAILOVER_DNS_CONFIG": str(file)}) == Path("/srv/state")
    file.write_text("")
    assert state_dir(file, {}, platform="linux") == Path("/var/lib/failover-dns")


@pytest.mark.parametrize("text", ["state_dir = ", "state_dir = 1", None])
def test_where_the_file_is_of_no_use_no_state_directory_is_known(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "failover-dns.toml"
    if text is not None:
        file.write_text(text)
    assert state_dir(file, {}) is None
