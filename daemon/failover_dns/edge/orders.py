"""`failover-dns freeze`, `thaw` and `release`: an operator's orders, in the change log and for the daemon to read."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import os
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from failover_dns.conduct.transaction import LOCK_S
from failover_dns.core.changelog import Entry, Frozen, Released, Thawed, rfc3339
from failover_dns.core.errors import FailoverDnsError
from failover_dns.core.orders import Freeze, Orders, Release, frozen
from failover_dns.edge.penalties import penalties
from failover_dns.edge.settings.choice import chosen
from failover_dns.edge.settings.load import load
from failover_dns.edge.settings.loaded import Loaded
from failover_dns.edge.wiring import LOCK_NAME
from failover_dns.edge.words import OK, USAGE
from failover_dns.effects import clock
from failover_dns.effects.changelog import ChangeLog
from failover_dns.effects.lane import Lane
from failover_dns.effects.lock import StateLock
from failover_dns.effects.orders import OrdersFile

Ordering = Callable[[Orders], tuple[Orders, Mapping[str, Entry]]]
"""What becomes of the orders, and the line for the change log of each pair that they change for."""

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_NEXT = "the daemon takes this up at its next look"


class TimeError(FailoverDnsError):
    """What `--for` says is no time."""

    exit_code: ClassVar[int] = USAGE


def freeze(arguments: argparse.Namespace) -> int:
    """Freeze pairs, whatever was ordered of that before."""
    loaded, now_s, by = _loaded(arguments), clock.now().wall_s, _by(arguments)
    until_s = None if arguments.for_ is None else now_s + duration_s(arguments.for_)
    until = None if until_s is None else rfc3339(until_s)
    order = Freeze(by=by, reason=arguments.reason, since_s=now_s, until_s=until_s)

    def ordering(orders: Orders) -> tuple[Orders, Mapping[str, Entry]]:
        names = [pair.name for pair in loaded.pairs]
        lines = {name: Frozen(pair=name, by=by, reason=arguments.reason, until=until) for name in names}
        return orders.freezing(names, order), lines

    lines = asyncio.run(_order(loaded, ordering))
    said = f"frozen until {until or 'it is thawed'}: decisions are shown, not carried out; {_NEXT}"
    _print(loaded, lines, said, arguments)
    return OK


def thaw(arguments: argparse.Namespace) -> int:
    """Thaw pairs; one that is not frozen is none the worse for it."""
    loaded, now_s, by = _loaded(arguments), clock.now().wall_s, _by(arguments)

    def ordering(orders: Orders) -> tuple[Orders, Mapping[str, Entry]]:
        names = [pair.name for pair in loaded.pairs if frozen(orders, pair.name, now_s)]
        lines = {name: Thawed(pair=name, by=by, reason=arguments.reason) for name in names}
        return orders.thawing(pair.name for pair in loaded.pairs), lines

    lines = asyncio.run(_order(loaded, ordering))
    _print(loaded, lines, f"thawed: decisions are carried out again; {_NEXT}", arguments, "it was not frozen")
    return OK


def release(arguments: argparse.Namespace) -> int:
    """End the damping of pairs: a hold is over, and the switches so far count no more."""
    loaded, now_s, by = _loaded(arguments), clock.now().wall_s, _by(arguments)

    def ordering(orders: Orders) -> tuple[Orders, Mapping[str, Entry]]:
        found, names = penalties(loaded), [pair.name for pair in loaded.pairs]
        lines = {name: Released(pair=name, by=by, penalty=found.get(name, 0.0)) for name in names}
        return orders.releasing(names, Release(by=by, at_s=now_s)), lines

    lines = asyncio.run(_order(loaded, ordering))
    said = f"released: its switches so far count no more; {_NEXT}"
    _print(loaded, lines, said if loaded.damping else f"{said}, though damping is turned off", arguments)
    return OK


def duration_s(text: str) -> float:
    """Return the seconds of a text such as 90s, 30m, 2h or 1d; TimeError for any other."""
    found = re.fullmatch(r"([1-9][0-9]{0,4})([smhd])", text)
    if found is None:
        raise TimeError(
            f"--for {text!r} is no time", "write one such as 90s, 30m, 2h or 1d, without --for none"
        )
    return timedelta(**{_UNITS[found[2]]: int(found[1])}).total_seconds()


def _loaded(arguments: argparse.Namespace) -> Loaded:
    return chosen(load(arguments.config and Path(arguments.config), os.environ), arguments.pairs)


def _by(arguments: argparse.Namespace) -> str:
    return str(arguments.by or f"{os.environ.get('SUDO_USER') or _account()}@{socket.gethostname().lower()}")


def _account() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # an account without a name, as in some containers
        return "unknown"


async def _order(loaded: Loaded, ordering: Ordering) -> Mapping[str, Entry]:
    """Change the orders, the change log first; return its lines by their pairs."""
    lane = Lane("change log")
    try:
        async with (
            StateLock(loaded.state_dir / LOCK_NAME).held(deadline_s=LOCK_S),
            ChangeLog(loaded.state_dir, clock=clock.now, run=lane.run) as log,
        ):
            file = OrdersFile(loaded.state_dir)
            orders, lines = ordering(file.read())
            await log.append(*lines.values())
            file.write(orders)
            return lines
    finally:
        lane.close()


def _print(
    loaded: Loaded, lines: Mapping[str, Entry], said: str, arguments: argparse.Namespace, unchanged: str = ""
) -> None:
    for pair in loaded.pairs:
        line = lines.get(pair.name)
        text = f"pair {pair.name}: {said if line else unchanged}"
        print(json.dumps(_document(pair.name, line, arguments)) if arguments.json else text)  # noqa: T201


def _document(pair: str, line: Entry | None, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the order for programs: what the change log says of it, and whether anything was changed."""
    known: Iterable[str] = ("by", "reason", "until", "penalty")
    said = {name: getattr(line, name) for name in known if hasattr(line, name)}
    return {"pair": pair, "order": arguments.command, "changed": line is not None, **said}
