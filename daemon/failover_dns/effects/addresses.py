"""This host's own addresses, and whether Windows registers them in DNS by itself."""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import Any, Protocol, TypeVar

import psutil

from failover_dns.core.holding import Held, Registers, read_registration, unreadable
from failover_dns.core.model import Address

T = TypeVar("T")

DEADLINE_S = 2.0
"""The system answers in milliseconds, even with thousands of interfaces."""

DNS_CLIENT = (
    "powershell.exe",
    "-NoProfile",
    "-NonInteractive",
    "-Command",
    "Get-DnsClient | Select-Object InterfaceAlias, RegisterThisConnectionsAddress | ConvertTo-Json",
)

Interfaces = Mapping[str, Sequence[Any]]
"""Each interface's addresses, as psutil has them: `family` and `address`, which is text."""


class Run(Protocol):
    """Runs blocking calls one after the other, off the loop (`effects.lane`)."""

    async def __call__(self, call: Callable[[], T], *, deadline_s: float) -> T:
        """Return what `call` returns; TimeoutError if it takes over `deadline_s`."""
        ...


class Addresses:
    """The addresses of this host's interfaces."""

    def __init__(
        self, *, run: Run, read: Callable[[], Interfaces] | None = None, deadline_s: float = DEADLINE_S
    ) -> None:
        self._run = run
        self._read = read or interfaces_up
        self._deadline_s = deadline_s

    async def held(self) -> Held:
        """Return the addresses that the host holds now; never raises."""
        try:
            interfaces = await self._run(self._read, deadline_s=self._deadline_s)
        except TimeoutError:
            return Held(problem=f"the system did not tell its addresses within {self._deadline_s:g} s")
        except (OSError, psutil.Error) as error:
            return Held(problem=f"the system does not tell its addresses ({error})")
        return Held(addresses=frozenset(address for _, address in _each(interfaces)))


def interfaces_up() -> Interfaces:
    """Return the interfaces that are up, with their addresses; blocks for as long as the system takes."""
    up = {name for name, status in psutil.net_if_stats().items() if status.isup}
    return {name: found for name, found in psutil.net_if_addrs().items() if name in up}


def carriers(addresses: Collection[Address], interfaces: Interfaces) -> frozenset[str]:
    """Return the interfaces that have one of `addresses`."""
    return frozenset(name for name, address in _each(interfaces) if address in addresses)


def registration(
    run: Callable[[Sequence[str]], str], platform: str, interfaces: Collection[str] | None = None
) -> tuple[Registers, ...]:
    """Return which of `interfaces` (by alias; None is all) Windows registers in DNS; nothing elsewhere.

    `run` starts a program and returns what it prints; it raises OSError if it does not answer.
    """
    if platform != "win32":
        return ()
    try:
        printed = run(DNS_CLIENT)
    except OSError as error:  # a TimeoutError is one too
        return (unreadable(f"powershell.exe did not answer ({error})"),)
    return read_registration(printed, interfaces)


def _each(interfaces: Interfaces) -> Iterator[tuple[str, Address]]:
    for name, found in interfaces.items():
        for entry in found:
            if entry.family in {socket.AF_INET, socket.AF_INET6}:
                yield name, ip_address(entry.address.partition("%")[0])
