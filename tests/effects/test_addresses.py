"""This host's own addresses, and Windows' registration as canned output of Get-DnsClient."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from ipaddress import ip_address
from typing import NamedTuple, TypeVar

import psutil
import pytest

from failover_dns.core.holding import Held
from failover_dns.effects.addresses import Addresses, Interfaces, Run, carriers, registration
from failover_dns.effects.lane import Lane

T = TypeVar("T")
DEADLINE_S = 60


class Entry(NamedTuple):
    family: int
    address: str


ETHERNET: Interfaces = {
    "Ethernet": [
        Entry(socket.AF_INET, "10.10.10.1"),
        Entry(socket.AF_INET, "10.10.10.5"),
        Entry(socket.AF_INET6, "fe80::1%eth0"),
        Entry(psutil.AF_LINK, "00:11:22:33:44:55"),
    ],
    "Ethernet 2": [Entry(socket.AF_INET6, "2001:db8::5")],
}


@pytest.fixture
async def run() -> AsyncIterator[Run]:
    lane = Lane("addresses")
    yield lane.run
    lane.close()


async def test_this_host_holds_the_loopback_address_and_no_other_networks(run: Run) -> None:
    held = await Addresses(run=run, deadline_s=DEADLINE_S).held()
    assert held.problem is None
    assert ip_address("127.0.0.1") in held.addresses
    assert ip_address("192.0.2.1") not in held.addresses


async def test_addresses_of_all_interfaces_count_and_nothing_else_they_have(run: Run) -> None:
    held = await Addresses(run=run, read=lambda: ETHERNET, deadline_s=DEADLINE_S).held()
    assert held == Held(
        addresses=frozenset(map(ip_address, ("10.10.10.1", "10.10.10.5", "fe80::1", "2001:db8::5")))
    )


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (TimeoutError(), "the system did not tell its addresses within 2 s"),
        (OSError("no netlink"), "the system does not tell its addresses (no netlink)"),
        (psutil.AccessDenied(msg="not you"), "the system does not tell its addresses (not you)"),
    ],
)
async def test_what_the_system_does_not_tell_is_a_problem(error: Exception, problem: str) -> None:
    async def refuse(call: Callable[[], T], *, deadline_s: float) -> T:  # noqa: ARG001
        raise error

    assert (await Addresses(run=refuse).held()).problem == problem


def test_the_carriers_are_the_interfaces_with_one_of_the_addresses() -> None:
    assert carriers([ip_address("10.10.10.5")], ETHERNET) == {"Ethernet"}
    assert carriers([ip_address("10.10.10.6")], ETHERNET) == frozenset()


def printing(text: str) -> Callable[[Sequence[str]], str]:
    def run(command: Sequence[str]) -> str:
        assert command[0] == "powershell.exe"
        assert "Get-DnsClient" in command[-1]
        return text

    return run


def test_on_windows_each_interface_that_registers_is_found() -> None:
    text = json.dumps({"InterfaceAlias": "Ethernet", "RegisterThisConnectionsAddress": True})
    (found,) = registration(printing(text), "win32", carriers([ip_address("10.10.10.5")], ETHERNET))
    assert found.interface == "Ethernet"


def test_elsewhere_nothing_is_asked() -> None:
    def fail(_command: Sequence[str]) -> str:
        pytest.fail("nothing is to be started")

    assert registration(fail, "linux") == ()


@pytest.mark.parametrize("error", [FileNotFoundError(2, "no such program"), TimeoutError("too long")])
def test_a_windows_that_does_not_answer_is_a_finding(error: OSError) -> None:
    def fail(_command: Sequence[str]) -> str:
        raise error

    (found,) = registration(fail, "win32")
    assert "powershell.exe did not answer" in found.what
