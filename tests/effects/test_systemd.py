"""sd_notify to a socket as systemd's is, at a path and in the abstract namespace."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic_ns

import pytest

from failover_dns.effects.systemd import Systemd

PID = 4711


@contextmanager
def listening(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(20)
        yield manager


def test_a_message_goes_to_the_socket_at_a_path(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with listening(path) as manager:
        assert Systemd({"NOTIFY_SOCKET": path}, pid=PID).tell("READY=1", "STATUS=1 pair")
        assert manager.recv(4096) == b"READY=1\nSTATUS=1 pair"


def test_a_message_goes_to_an_abstract_socket() -> None:
    name = f"failover-dns-{os.getpid()}-{secrets.token_hex(4)}"
    with listening(f"\0{name}") as manager:
        assert Systemd({"NOTIFY_SOCKET": f"@{name}"}, pid=PID).tell("WATCHDOG=1")
        assert manager.recv(4096) == b"WATCHDOG=1"


def test_a_reload_says_when_it_began(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with listening(path) as manager:
        before = monotonic_ns() // 1000
        Systemd({"NOTIFY_SOCKET": path}, pid=PID).reloading()
        reloading, _, when = manager.recv(4096).decode().partition("\nMONOTONIC_USEC=")
    assert reloading == "RELOADING=1"
    assert before <= int(when) <= monotonic_ns() // 1000


@pytest.mark.parametrize("address", ["", "vsock:2:1234", "notify", "/nowhere/notify"])
def test_without_a_socket_nothing_is_told(address: str) -> None:
    assert not Systemd({"NOTIFY_SOCKET": address}, pid=PID).tell("READY=1")


def test_on_windows_nothing_is_told(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with listening(path):
        systemd = Systemd({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "1"}, pid=PID, platform="win32")
        assert (systemd.tell("READY=1"), systemd.watchdog_s) == (False, None)


def test_a_manager_that_takes_nothing_holds_nothing_up(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with listening(path):
        systemd = Systemd({"NOTIFY_SOCKET": path}, pid=PID)
        while systemd.tell("STATUS=" + "x" * 1000):
            pass


@pytest.mark.parametrize(
    ("environ", "watchdog_s"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "4711"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "4712"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_meant_for_this_process(environ: dict[str, str], watchdog_s: float | None) -> None:
    assert Systemd({"NOTIFY_SOCKET": "/run/notify", **environ}, pid=PID).watchdog_s == watchdog_s


def test_there_is_no_watchdog_where_nobody_can_be_told() -> None:
    assert Systemd({"WATCHDOG_USEC": "30000000"}, pid=PID).watchdog_s is None
