"""`failover-dns status`: how each zone of each pair stands, read from the change log."""

from __future__ import annotations

import argparse
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict

from failover_dns.core.changelog import BrokenLineError, Line, decode
from failover_dns.core.standing import Standing, behind, standings
from failover_dns.edge.histories import directory_of
from failover_dns.edge.words import OK, WRONG
from failover_dns.effects.changelog import read_lines


def status(arguments: argparse.Namespace) -> int:
    """Say what was done and what was not; 1 if any zone's last change was not made."""
    found = standings(_readable(read_lines(directory_of(arguments))))
    wanted = [one for one in found if not arguments.pairs or one.pair in arguments.pairs]
    late = behind(wanted)
    for text in map(_document, wanted) if arguments.json else _lines(wanted, late):
        print(text)  # noqa: T201 - a command's output
    return OK if all(one.done for one in wanted) and not late else WRONG


def _readable(lines: Iterable[bytes]) -> Iterator[Line]:
    for line in lines:
        try:
            yield decode(line)
        except BrokenLineError:
            continue  # `history --verify` names it


def _document(one: Standing) -> str:
    return json.dumps(asdict(one))


def _lines(found: Iterable[Standing], late: Collection[tuple[str, str]]) -> Iterator[str]:
    pair = None
    for one in found:
        if one.pair != pair:
            pair = one.pair
            yield f"pair {pair}"
        yield f"  zone {one.zone}  {one.online} online: {_said(one)}"
        if (one.pair, one.zone) in late:
            yield "    behind: another zone was moved later; the daemon's log says why this one was not"
        yield from (f"    {text}" for text in (one.what, one.cure) if text and not one.done)
        for server in one.servers:
            shown = (
                f"after {server.delay_ms:.0f} ms" if server.delay_ms is not None else f"not: {server.problem}"
            )
            yield f"    shown by {server.server} {shown}"
    if pair is None:
        yield "nothing was ever changed: the change log is empty"


def _said(one: Standing) -> str:
    match one.verdict:
        case None:
            return f"under way since {one.since}, or cut off by a crash"
        case _ if one.done:
            return f"done {one.last}"
        case verdict:
            return f"{verdict} since {one.since}, tried {one.tries} times, last {one.last}"
