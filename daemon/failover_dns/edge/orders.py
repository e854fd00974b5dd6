"""`failover-dns freeze`, `thaw` and `release`: an operator's orders, given to the daemon, or left for one to read."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import re
import socket
from collections.abc import Mapping
from typing import Any, ClassVar

from failover_dns.core.errors import FailoverDnsError
from failover_dns.edge.control.client import channel
from failover_dns.edge.words import OK, USAGE

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_AT_ONCE = "the daemon has taken this up"
_LATER = "no daemon answers here: one takes this up at its next look, or when it starts"


class TimeError(FailoverDnsError):
    """What `--for` says is no time."""

    exit_code: ClassVar[int] = USAGE


def freeze(arguments: argparse.Namespace) -> int:
    """Freeze pairs, whatever was ordered of that before."""
    for_s = None if arguments.for_ is None else duration_s(arguments.for_)
    return _order(arguments, reason=arguments.reason, for_s=for_s)


def thaw(arguments: argparse.Namespace) -> int:
    """Thaw pairs; one that is not frozen is none the worse for it."""
    return _order(arguments, reason=arguments.reason)


def release(arguments: argparse.Namespace) -> int:
    """End the damping of pairs: a hold is over, and the switches so far count no more."""
    return _order(arguments)


def duration_s(text: str) -> float:
    """Return the seconds of a text such as 90s, 30m, 2h or 1d; TimeError for any other."""
    found = re.fullmatch(r"([1-9][0-9]{0,4})([smhd])", text)
    if found is None:
        raise TimeError(
            f"--for {text!r} is no time", "write one such as 90s, 30m, 2h or 1d, without --for none"
        )
    return float(int(found[1]) * _UNITS[found[2]])


def _order(arguments: argparse.Namespace, **said: Any) -> int:
    order = {"pairs": arguments.pairs, "by": _by(arguments), **said}
    daemon = channel(arguments)
    if daemon is not None:
        found = daemon.post(f"/v1/{arguments.command}", order)["pairs"]
    else:
        from failover_dns.edge.orders_here import order_here  # noqa: PLC0415 - slow, and not needed with a daemon

        found = order_here(arguments, order)
    for one in found:
        _print(one, _LATER if daemon is None else _AT_ONCE, as_json=arguments.json)
    return OK


def _print(one: Mapping[str, Any], taken_up: str, *, as_json: bool) -> None:
    if as_json:
        text = json.dumps(one)
    elif not one["changed"]:
        text = f"pair {one['pair']}: it was not frozen"
    else:
        text = f"pair {one['pair']}: {_said(one)}; {taken_up}"
    print(text)  # noqa: T201 - a command's output


def _said(one: Mapping[str, Any]) -> str:
    match one["order"]:
        case "freeze":
            return f"frozen until {one['until'] or 'it is thawed'}: decisions are shown, not carried out"
        case "thaw":
            return "thawed: decisions are carried out again"
        case _:
            return f"released: its switches so far count no more (they counted {one['penalty']:.1f})"


def _by(arguments: argparse.Namespace) -> str:
    return str(arguments.by or f"{os.environ.get('SUDO_USER') or _account()}@{socket.gethostname().lower()}")


def _account() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # an account without a name, as in some containers
        return "unknown"
