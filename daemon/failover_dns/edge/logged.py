"""`failover-dns status` without a daemon: how each zone of each pair stands, by the change log, and what holds it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from failover_dns.core.changelog import BrokenLineError, Line, decode, rfc3339
from failover_dns.core.latest import Latest, noting
from failover_dns.core.orders import Freeze, Orders, frozen
from failover_dns.core.standing import Standing, behind, standings
from failover_dns.edge.histories import with_log
from failover_dns.edge.history import tell
from failover_dns.edge.told import printable
from failover_dns.edge.words import OK, WRONG
from failover_dns.effects import clock
from failover_dns.effects.changelog import read_lines
from failover_dns.effects.orders import OrdersError, OrdersFile


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """One pair: its zones, those of them that are behind, and what holds it back.

    `penalty` is None without damping, or without a configuration to say how it falls.
    """

    pair: str
    zones: tuple[Standing, ...]
    late: frozenset[str]
    freeze: Freeze | None
    latest: Latest
    penalty: float | None

    @property
    def done(self) -> bool:
        """Whether every zone's last change was made, and is of the pair's last."""
        return not self.late and all(zone.done for zone in self.zones)


def logged(arguments: argparse.Namespace) -> int:
    """Say what was done and what was not; 1 if a zone's last change was not made, or the orders are damaged."""
    directory, penalties = _place(arguments)
    orders, problem = _orders(directory)
    found = _states(directory, orders, penalties)
    wanted = [state for state in found if not arguments.pairs or state.pair in arguments.pairs]
    for text in _documents(wanted) if arguments.json else _lines(wanted):
        print(text)  # noqa: T201 - a command's output
    if problem:
        print(problem, file=sys.stderr)  # noqa: T201 - the same
    return OK if all(state.done for state in wanted) and not problem else WRONG


def _place(arguments: argparse.Namespace) -> tuple[Path, Mapping[str, float]]:
    """Return the state directory, and each pair's penalty if a configuration says what damping there is."""
    if arguments.state_dir:
        return with_log(Path(arguments.state_dir)), {}
    from failover_dns.edge.penalties import penalties  # noqa: PLC0415 - slow, and not needed with --state-dir
    from failover_dns.edge.settings.load import load  # noqa: PLC0415 - the same

    loaded = load(arguments.config and Path(arguments.config), os.environ)
    return with_log(loaded.state_dir), penalties(loaded)


def _orders(directory: Path) -> tuple[Orders, str]:
    """Return the orders, or none and why they cannot be read."""
    try:
        return OrdersFile(directory).read(), ""
    except OrdersError as error:
        return Orders(), str(error)


def _states(directory: Path, orders: Orders, penalties: Mapping[str, float]) -> Iterator[_State]:
    """Yield what there is to say of each pair, sorted by their names."""
    latest: dict[str, Latest] = {}
    zones = standings(noting(_readable(read_lines(directory)), latest))
    late, now_s = behind(zones), clock.now().wall_s
    freezes = {pair: freeze for pair in orders.freezes if (freeze := frozen(orders, pair, now_s))}
    for pair in sorted({*(zone.pair for zone in zones), *latest, *freezes}):
        yield _State(
            pair=pair,
            zones=tuple(zone for zone in zones if zone.pair == pair),
            late=frozenset(zone for of, zone in late if of == pair),
            freeze=freezes.get(pair),
            latest=latest.get(pair, Latest()),
            penalty=penalties.get(pair),
        )


def _readable(lines: Iterable[bytes]) -> Iterator[Line]:
    for line in lines:
        try:
            yield decode(line)
        except BrokenLineError:
            continue  # `history --verify` names it


def _documents(found: Iterable[_State]) -> Iterator[str]:
    """Yield one object a zone, each with what is to be said of its pair; one without a zone if there is none."""
    for state in found:
        of_pair = {
            "frozen": state.freeze and asdict(state.freeze),
            "peer": state.latest.peer and asdict(state.latest.peer),
            "held": state.latest.held and {**asdict(state.latest.held), "at": state.latest.held_at},
            "penalty": state.penalty,
        }
        for zone in state.zones:
            yield json.dumps({**asdict(zone), **of_pair})
        if not state.zones:
            yield json.dumps({"pair": state.pair, "zone": None, **of_pair})


def _lines(states: Collection[_State]) -> Iterator[str]:
    for state in states:
        yield f"pair {state.pair}"
        yield from map(printable, _restraints(state))
        for zone in state.zones:
            yield from _zone(zone, late=zone.zone in state.late)
    if not states:
        yield "nothing was ever changed: the change log is empty"


def _restraints(state: _State) -> Iterator[str]:
    """Say what holds the pair back, and who else moved it."""
    freeze, latest = state.freeze, state.latest
    if freeze is not None:
        until = "it is thawed" if freeze.until_s is None else rfc3339(freeze.until_s)
        yield f"  FROZEN since {rfc3339(freeze.since_s)} by {freeze.by} until {until}: {freeze.reason}"
    if latest.held is not None:
        yield f"  held ({latest.held.reason}) at {latest.held_at}: {tell(latest.held)}"
    if latest.peer is not None:
        yield f"  {'' if latest.peer.agrees else 'WARNING: '}{tell(latest.peer)}"
    if state.penalty is not None:
        yield f"  penalty {state.penalty:.1f} for its switches"


def _zone(one: Standing, *, late: bool) -> Iterator[str]:
    yield f"  zone {one.zone}  {one.online} online: {_said(one)}"
    if late:
        yield "    behind: another zone was moved later; the daemon's log says why this one was not"
    yield from (f"    {text}" for text in (one.what, one.cure) if text and not one.done)
    for server in one.servers:
        shown = f"after {server.delay_ms:.0f} ms" if server.delay_ms is not None else f"not: {server.problem}"
        yield f"    shown by {server.server} {shown}"


def _said(one: Standing) -> str:
    match one.verdict:
        case None:
            return f"under way since {one.since}, or cut off by a crash"
        case _ if one.done:
            return f"done {one.last}"
        case verdict:
            return f"{verdict} since {one.since}, tried {one.tries} times, last {one.last}"
