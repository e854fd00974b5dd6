"""An operator's standing orders for pairs, as values and as the JSON that keeps them.

A freeze leaves a pair's DNS as it is until it is thawed, or until its time is over. A release ends a pair's damping
once. What cannot be read whole raises BrokenOrdersError: an order that is not understood must not be passed over.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

from failover_dns.core.columns import NUMBER, TEXT, Kind, or_null, parsed

T = TypeVar("T")

VERSION = 1
END_S = 253_402_300_800.0
"""The year 10000, which RFC 3339 cannot write."""


class BrokenOrdersError(ValueError):
    """These are no orders; the message says what is wrong with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """Who wants a pair's DNS left alone, why, since when and until when (seconds since 1970; None: no end)."""

    by: str
    reason: str
    since_s: float
    until_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Who ended a pair's damping, and when (seconds since 1970)."""

    by: str
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """All that is ordered, by the pairs' names."""

    freezes: Mapping[str, Freeze] = field(default_factory=dict)
    releases: Mapping[str, Release] = field(default_factory=dict)

    def freezing(self, pairs: Iterable[str], freeze: Freeze) -> Orders:
        """Return the orders with `pairs` frozen, whatever was ordered of that before."""
        return Orders(freezes={**self.freezes, **dict.fromkeys(pairs, freeze)}, releases=self.releases)

    def thawing(self, pairs: Iterable[str]) -> Orders:
        """Return the orders with none of `pairs` frozen."""
        thawed = set(pairs)
        freezes = {pair: freeze for pair, freeze in self.freezes.items() if pair not in thawed}
        return Orders(freezes=freezes, releases=self.releases)

    def releasing(self, pairs: Iterable[str], release: Release) -> Orders:
        """Return the orders with the damping of `pairs` ended."""
        return Orders(freezes=self.freezes, releases={**self.releases, **dict.fromkeys(pairs, release)})


def frozen(orders: Orders, pair: str, now_wall_s: float) -> Freeze | None:
    """Return the freeze that is in force for `pair`; one whose time is over is over by itself."""
    freeze = orders.freezes.get(pair)
    if freeze is None or (freeze.until_s is not None and freeze.until_s <= now_wall_s):
        return None
    return freeze


def encode(orders: Orders) -> bytes:
    """Return the orders as JSON."""
    return json.dumps({"v": VERSION, **asdict(orders)}, indent=2, allow_nan=False).encode() + b"\n"


def decode(data: bytes) -> Orders:
    """Return the orders that `encode` wrote; BrokenOrdersError for anything else."""
    try:
        return _orders(parsed(data))
    except RecursionError as error:
        raise BrokenOrdersError("nested too deeply") from error
    except (ValueError, OverflowError) as error:
        raise BrokenOrdersError(str(error)) from error


def _wall(value: Any) -> float:
    seconds: float = NUMBER.get(value)
    if not 0 <= seconds < END_S:
        raise ValueError(f"{seconds:g} is not a time in seconds since 1970")
    return seconds


_WALL = Kind("time", NUMBER.put, _wall)
_FREEZE = {"by": TEXT, "reason": TEXT, "since_s": _WALL, "until_s": or_null(_WALL)}
_RELEASE = {"by": TEXT, "at_s": _WALL}


def _orders(document: Any) -> Orders:
    table = _table(document, ("v", *(each.name for each in fields(Orders))))
    if type(table["v"]) is not int or table["v"] != VERSION:
        raise ValueError(f"{table['v']!r:.60} is no version of orders that is known here")
    return Orders(
        freezes=_by_pair(table["freezes"], Freeze, _FREEZE),
        releases=_by_pair(table["releases"], Release, _RELEASE),
    )


def _by_pair(document: Any, make: Callable[..., T], kinds: Mapping[str, Kind]) -> dict[str, T]:
    if not isinstance(document, dict):
        raise ValueError(f"{document!r:.60} is not an object")  # noqa: TRY004 - damaged, not a mistake in our code
    tables = {pair: _table(order, kinds) for pair, order in document.items()}
    return {
        pair: make(**{name: kind.get(table[name]) for name, kind in kinds.items()})
        for pair, table in tables.items()
    }


def _table(document: Any, names: Iterable[str]) -> dict[str, Any]:
    wanted = tuple(names)
    if not isinstance(document, dict) or document.keys() != {*wanted}:
        raise ValueError(f"{document!r:.60} is not an object of {', '.join(wanted)}")
    return document
