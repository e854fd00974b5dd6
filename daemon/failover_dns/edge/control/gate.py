"""Who may ask: by which name, from where, and with what token. No web page can get in.

A page in a browser can make it send requests to loopback. Three things keep them out: the name that was asked for
must be this host's (a page's own name that was made to resolve to loopback is not), a request that a page made is
refused, and orders need a token that no page can read.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit

from failover_dns.core.errors import FailoverDnsError

PAGES = frozenset({"cross-site", "same-site"})
"""What a browser says of a request that a page of another origin made (Sec-Fetch-Site)."""


class RefusedError(FailoverDnsError):
    """A request is not answered; `status` is HTTP's word for why."""

    def __init__(
        self, status: HTTPStatus, what: str, cure: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(what, cure)
        self.status = status
        self.headers = headers or {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The names that this host goes by, the token, and whether reading needs it too."""

    token: str
    names: frozenset[str] = frozenset()
    always: bool = False

    def check(self, headers: Iterable[tuple[str, str]], *, order: bool) -> None:
        """Raise RefusedError unless a request with these headers may be answered."""
        found: dict[str, list[str]] = {}
        for name, value in headers:
            found.setdefault(name.lower(), []).append(value)
        self._host(found.get("host", []))
        if "origin" in found or not PAGES.isdisjoint(found.get("sec-fetch-site", [])):
            raise RefusedError(
                HTTPStatus.FORBIDDEN,
                "requests of web pages are not answered",
                "use the command failover-dns, or a program that is no browser",
            )
        if order or self.always:
            self._token(found.get("authorization", []))

    def _host(self, said: list[str]) -> None:
        if len(said) != 1 or not self._known(said[0]):
            raise RefusedError(
                HTTPStatus.MISDIRECTED_REQUEST,
                "this host does not go by the name that was asked for",
                "ask for localhost or an address, or add the name to names in [control]",
            )

    def _known(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name == "localhost" or name.rstrip(".") in self.names or _is_address(name)

    def _token(self, said: list[str]) -> None:
        scheme, _, token = said[0].partition(" ") if len(said) == 1 else ("", "", "")
        if scheme.lower() != "bearer" or not secrets.compare_digest(
            token.strip().encode("utf-8", "replace"), self.token.encode()
        ):
            raise RefusedError(
                HTTPStatus.UNAUTHORIZED,
                "the token is missing or wrong",
                "send `Authorization: Bearer ` and what is in control.token in the state directory",
                {"WWW-Authenticate": "Bearer"},
            )


def _is_address(name: str) -> bool:
    try:
        ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True
