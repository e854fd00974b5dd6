"""Texts of a source's table become values: addresses of endpoints, regular expressions, time zones.

Each function returns the value or raises WrongError, which says what to write instead.
"""

from __future__ import annotations

import difflib
import re
import zoneinfo
from collections.abc import Mapping
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from failover_dns.core.health import PRESETS, compile_pattern
from failover_dns.core.model import Role
from failover_dns.edge.settings.problems import WrongError, shown

MAX_HEADER_CHARS = 64

_URL_CURE = 'write it as "https://dma-main.example.test/health"'
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a header's name (RFC 9110 5.1)
_STATUS = re.compile(r"[1-5][0-9]{2}")  # RFC 9110 15
_INSTANCE = re.compile(r'[^\s"](?:[^"\n]{0,253}[^\s"])?')


def url(text: str) -> str:
    """Return the address of a health endpoint."""
    try:
        parts = urlsplit(text)
        right = text.startswith(("http://", "https://")) and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise WrongError("it is not a URL", _URL_CURE) from None
    # The text may hold a token, so it is not repeated.
    if not right or not text.isprintable() or " " in text:
        raise WrongError("it is not the URL of an http or https server", _URL_CURE)
    if parts.username is not None:
        raise WrongError(
            "it holds a user or a password",
            'leave them out, and name a file with the header to send in header_files = { Authorization = "/path" }',
        )
    return text


def regex(value: object) -> re.Pattern[str]:
    """Return a regular expression that cannot be made to search for long."""
    cure = "write one such as '<b>([^<]*)</b>', in single quotes"
    if not isinstance(value, str):
        raise WrongError(f"{shown(value)} is not a regular expression", cure)
    try:
        return compile_pattern(value)
    except ValueError as error:
        raise WrongError(str(error).removeprefix("regex").lstrip(": "), cure) from None


def preset(text: str) -> str:
    """Return the name of a preset."""
    if text not in PRESETS:
        raise WrongError(f"{shown(text)} is not known", f"write {' or '.join(map(shown, PRESETS))}")
    return text


def status_codes(roles: Mapping[str, Role]) -> dict[str, Role]:
    """Return the mapping; its keys are HTTP status codes."""
    for code in roles:
        if not _STATUS.fullmatch(code):
            raise WrongError(f"{shown(code)} is not an HTTP status code", "write one from 100 to 599")
    return dict(roles)


def header_name(text: str) -> str:
    """Return the name of an HTTP header."""
    if not _TOKEN.fullmatch(text) or len(text) > MAX_HEADER_CHARS:
        raise WrongError(f"{shown(text)} is not the name of a header", 'write one such as "Authorization"')
    return text


def instance(text: str) -> str:
    """Return the name of a VRRP instance, as keepalived writes it between quotes."""
    if not _INSTANCE.fullmatch(text):
        raise WrongError(f"{shown(text)} is not a name of a vrrp_instance", "write it as in keepalived.conf")
    return text


def time_zone(value: object) -> ZoneInfo:
    """Return the time zone of that IANA name."""
    if isinstance(value, ZoneInfo):
        return value
    try:
        return ZoneInfo(str(value) if isinstance(value, str) else "")
    except (LookupError, ValueError, OSError):
        raise WrongError(f"{shown(value)} is not a known time zone", _time_zone_cure(str(value))) from None


def _time_zone_cure(text: str) -> str:
    known = zoneinfo.available_timezones()
    if not known:
        return "install the Python package tzdata: this system has no time zones of its own"
    folded_names = {name.casefold(): name for name in sorted(known)}
    near = difflib.get_close_matches(text.casefold(), folded_names, n=1)
    guess = folded_names[near[0]] if near else "Europe/Brussels"
    return f"did you mean {shown(guess)}?" if near else f"write its IANA name, such as {shown(guess)}"
