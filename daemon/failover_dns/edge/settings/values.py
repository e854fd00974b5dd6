"""Texts of the configuration become values: names, addresses, servers, paths, pointers.

Each function returns the value or raises WrongError, which says what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import TypeVar

import dns.exception
import dns.name

from failover_dns.core.model import Address
from failover_dns.core.roles import fold
from failover_dns.edge.settings.problems import WrongError, shown

T = TypeVar("T")

DNS_PORT = 53
MAX_PORT = 65535
OCTET_BITS = 24
"""RFC 2317 is for networks smaller than the one of 256 addresses that a reverse zone usually is."""

IDNA = dns.name.IDNA_2008_Practical if dns.name.have_idna_2008 else dns.name.IDNA_2003_Practical

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?")
_PAIR_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")  # one label of the fence's name (RFC 1035 2.3.4)
_WRITER = re.compile(r"[A-Za-z0-9._-]{1,63}")
_SERVER = re.compile(r"(?:\[(?P<v6>[^\[\]]+)\]|(?P<host>[^:\[\]]+))(?::(?P<port>[^:]{1,5}))?")
_NAME_CURE = 'a name has labels of letters, digits, - and _, such as "dma-main.example.test."'
_ADDRESS_CURE = 'write an IPv4 or IPv6 address, such as "10.10.10.5" or "2001:db8::5"'
_SERVER_CURE = 'write an address or a host name and a port, such as "10.0.0.53:53" or "[2001:db8::53]:53"'
_LOCAL_CURE = 'write an address and a port, such as "127.0.0.1:9153"; port 0 is any that is free'
_PLACE_CURE = 'write an address and a port, such as "10.0.0.53:53" or "[2001:db8::53]:53"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where a server is reached: its address or host name, and its port."""

    host: Address | str
    port: int = DNS_PORT


def absolute_name(text: str) -> str:
    """Return a fully qualified name, canonical: lower case, A-labels, with its last dot."""
    if not text.endswith("."):
        raise WrongError(
            f"{shown(text)} is not fully qualified",
            f"write it with its domain and a last dot, such as {shown(_qualified(text))}",
        )
    _require_no_address(text)
    return _canonical(text)


def key_name(text: str) -> str:
    """Return the canonical name of a TSIG key, which may be written without the last dot."""
    return _canonical(text if text.endswith(".") else text + ".")


def principal(text: str) -> str:
    """Return a Kerberos principal with its realm."""
    name, _, realm = text.partition("@")
    if not name or not realm or "@" in realm or not text.isprintable() or " " in text:
        raise WrongError(
            f"{shown(text)} is not a principal with its realm",
            'write it as the KDC knows it, the realm in capitals, such as "failover@EXAMPLE.TEST"',
        )
    return text


def pair_name(text: str) -> str:
    """Return the name of a pair, which becomes one label of a DNS name."""
    if not _PAIR_NAME.fullmatch(text):
        raise WrongError(
            f"{shown(text)} is not a name for a pair",
            'use 1 to 63 letters, digits, - and _, such as "dma"',
        )
    return text


def writer(text: str) -> str:
    """Return what a daemon is called in fences, where spaces part what is said."""
    if not _WRITER.fullmatch(text):
        raise WrongError(
            f"{shown(text)} is not a name for a daemon",
            'use 1 to 63 letters, digits, -, _ and dots, such as "ops-1"',
        )
    return text


def host_writer(host: str) -> str:
    """Return what the daemon of a host is called that was not given a name."""
    return re.sub(r"[^a-z0-9._-]", "-", host.lower())[:63] or "localhost"


def address(value: object) -> Address:
    """Return the address of one host."""
    found = _parsed(value) if isinstance(value, str) else None
    if found is None:
        raise WrongError(f"{shown(value)} is not an address", _ADDRESS_CURE)
    scoped = isinstance(found, IPv6Address) and found.scope_id is not None
    if scoped or found.is_unspecified or found.is_multicast:
        raise WrongError(f"{shown(value)} is not the address of one host", _ADDRESS_CURE)
    return found


def server(value: object) -> Server:
    """Return the host and port of `host`, `host:port`, `[v6]` or `[v6]:port`."""
    found = _SERVER.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise WrongError(f"{shown(value)} is not a server", _SERVER_CURE)
    port = _port(value, found)
    host = address(found["v6"]) if found["v6"] is not None else _host(found["host"])
    return Server(host=host, port=port)


def resolver(value: object) -> Server:
    """Return the address and port of a resolver, whose name nobody could look up."""
    found = server(value)
    if isinstance(found.host, str):
        raise WrongError(f"{shown(value)} is not an address, and a resolver needs one", _PLACE_CURE)
    return found


def listen(value: object) -> tuple[Address, int]:
    """Return where to listen: an address of this host, or that of all its interfaces, and the port."""
    found = _SERVER.fullmatch(value) if isinstance(value, str) else None
    host = _parsed(found["v6"] or found["host"]) if found is not None else None
    if found is None or host is None or host.is_multicast:
        raise WrongError(f"{shown(value)} is not an address to listen at", _PLACE_CURE)
    return host, _port(value, found)


def local(value: object) -> tuple[Address, int]:
    """Return where the control channel listens; no port, or port 0, is any that is free."""
    found = _SERVER.fullmatch(value) if isinstance(value, str) else None
    host = _parsed(found["v6"] or found["host"]) if found is not None else None
    if found is None or host is None or host.is_multicast:
        raise WrongError(f"{shown(value)} is not an address to listen at", _LOCAL_CURE)
    if (found["port"] or "0") == "0":
        return host, 0
    return host, _port(value, found)


def host_name(text: str) -> str:
    """Return the name of a host as clients call it, without its last dot."""
    found = _host(text)
    if not isinstance(found, str):
        raise WrongError(f"{shown(text)} is an address", "remove it: addresses need no name here")
    return found.removesuffix(".")


def sender(value: object) -> Address | IPv4Network | IPv6Network:
    """Return an address, or a network of addresses."""
    if not isinstance(value, str) or "/" not in value:
        return address(value)
    return _network(value)


def classless(value: object) -> IPv4Network:
    """Return an IPv4 network of fewer than 256 addresses (RFC 2317)."""
    found = _network(value)
    if not isinstance(found, IPv4Network) or found.prefixlen <= OCTET_BITS:
        raise WrongError(
            f"{shown(value)} is not a part of an IPv4 network of 256 addresses",
            'write one that is smaller than /24, such as "10.10.20.0/26"; other reverse zones need no reverse_of',
        )
    return found


def classless_pointer(ip: Address, networks: Mapping[IPv4Network, str]) -> str | None:
    """Return the name of the address's pointer in the classless zone that holds it, if one does."""
    for network, zone in networks.items():
        if ip in network:
            return f"{ip.packed[-1]}.{zone}"
    return None


def absolute_path(text: str, platform: str) -> str:
    """Return a path that means the same whatever the working directory is."""
    example = r"C:\ProgramData\failover-dns\dma.status" if platform == "win32" else "/run/failover/dma.status"
    if "\0" in text:
        raise WrongError(
            f"{shown(text)} is not a path", f"write it without the NUL, such as {shown(example)}"
        )
    if not pure_path(text, platform).is_absolute():
        raise WrongError(
            f"{shown(text)} is not an absolute path", f"write it from the root, such as {shown(example)}"
        )
    return text


def pure_path(text: str, platform: str) -> PurePath:
    """Return the path as that platform compares it: Windows makes no difference of case."""
    return PureWindowsPath(text) if platform == "win32" else PurePosixPath(text)


def pointer(text: str) -> str:
    """Return a JSON pointer (RFC 6901) to something inside a document."""
    if not text.startswith("/"):
        raise WrongError(f'{shown(text)} does not start with "/"', f"write {shown('/' + text.lstrip('#/'))}")
    if re.search(r"~(?![01])", text):
        raise WrongError(f"{shown(text)} has a lone ~", 'write ~ as "~0" and / inside a key as "~1"')
    return text


def folded(words: Mapping[str, T]) -> dict[str, T]:
    """Return the mapping with its keys as readings are looked up: lower case, single spaces."""
    found: dict[str, T] = {}
    for word, meaning in words.items():
        key = fold(word)
        if not key:
            raise WrongError(f"{shown(word)} is no word", "remove it: an empty file says nothing of a role")
        if found.setdefault(key, meaning) != meaning:
            raise WrongError(
                f"{shown(word)} has two meanings", "keep one: case and spaces make no difference"
            )
    return found


def _port(value: object, found: re.Match[str]) -> int:
    port = found["port"] or str(DNS_PORT)
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= MAX_PORT):
        raise WrongError(f"{shown(value)} has no port from 1 to {MAX_PORT}", _SERVER_CURE)
    return int(port)


def _network(value: object) -> IPv4Network | IPv6Network:
    cure = 'write a network such as "10.10.20.0/26"'
    try:
        found = ip_network(value if isinstance(value, str) and "/" in value else "", strict=False)
    except ValueError:
        raise WrongError(f"{shown(value)} is not a network", cure) from None
    if found.network_address != ip_address(str(value).partition("/")[0]):
        raise WrongError(
            f"{shown(value)} is not the first address of a network", f"write {shown(str(found))}"
        )
    return found


def _host(text: str) -> Address | str:
    if _parsed(text) is not None:
        return address(text)
    _require_no_address(text)
    name = _canonical(text if text.endswith(".") else text + ".")
    return name if text.endswith(".") else name[:-1]


def _canonical(text: str) -> str:
    try:
        name = dns.name.from_text(text, dns.name.root, idna_codec=IDNA).canonicalize().to_text()
    except (dns.exception.DNSException, UnicodeError) as error:
        why = " ".join(str(error).split()).rstrip(".")
        raise WrongError(f"{shown(text)} is not a name that DNS allows ({why})", _NAME_CURE) from error
    if not all(_LABEL.fullmatch(label) for label in name[:-1].split(".")):
        raise WrongError(f"{shown(text)} is not a name that DNS allows for a host", _NAME_CURE)
    return name


def _require_no_address(text: str) -> None:
    """Refuse a name whose last label is a number: it is meant as an address (RFC 1123 2.1)."""
    if text.rstrip(".").rpartition(".")[2].isdigit():
        raise WrongError(f"{shown(text)} looks like an address and is no name", _NAME_CURE)


def _qualified(text: str) -> str:
    guess = text + ("." if "." in text else ".example.test.")
    try:
        _require_no_address(guess)
        _canonical(guess)
    except WrongError:
        return "dma-main.example.test."
    return guess


def _parsed(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
