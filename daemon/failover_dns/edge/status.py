"""`failover-dns status`: how each pair is now, by the daemon that runs; without one, by the change log."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from failover_dns.core.errors import FailoverDnsError
from failover_dns.edge.control.client import Channel, UnknownError, channel, directory_of
from failover_dns.edge.told import printable
from failover_dns.edge.words import OK, WRONG

EVERY_S = 1.0
"""How often `--watch` asks."""

HEAD = ("PAIR", "ONLINE", "SINCE", "DNS", "LAST CHANGE")
RED, PLAIN, CLEAR = "\x1b[31m", "\x1b[0m", "\x1b[H\x1b[2J"

Pairs = Sequence[Mapping[str, Any]]


def status(arguments: argparse.Namespace) -> int:
    """Show how the pairs are; 1 if anything is wrong."""
    daemon = channel(arguments)
    if daemon is not None:
        return _watch(daemon, arguments) if arguments.watch else _once(daemon, arguments)
    where = directory_of(arguments) or "this configuration"
    if arguments.watch:
        raise FailoverDnsError(
            f"no daemon answers for {where}", "start it; without --watch the change log is shown"
        )
    print(f"no daemon answers for {where}; this is what the change log says", file=sys.stderr)  # noqa: T201
    from failover_dns.edge.logged import logged  # noqa: PLC0415 - slow, and not needed with a daemon

    return logged(arguments)


def _once(daemon: Channel, arguments: argparse.Namespace) -> int:
    found = daemon.get("/v1/status")
    pairs = _wanted(found["pairs"], arguments.pairs)
    for text in _texts(found, pairs, arguments):
        print(text)  # noqa: T201 - a command's output
    return WRONG if any(pair["wrong"] for pair in pairs) or not found["daemon"]["ready"] else OK


def _watch(daemon: Channel, arguments: argparse.Namespace) -> int:
    """Show the pairs again and again, until Ctrl-C: in the same place at a terminal, else where anything is new."""
    shown = ""
    while True:
        found = daemon.get("/v1/status")
        text = "\n".join(_texts(found, _wanted(found["pairs"], arguments.pairs), arguments))
        if sys.stdout.isatty() and not arguments.json:
            print(f"{CLEAR}{text}", flush=True)  # noqa: T201 - a command's output
        elif _gist(found) != shown:
            shown = _gist(found)
            print(text, flush=True)  # noqa: T201 - the same
        time.sleep(EVERY_S)


def _texts(found: Mapping[str, Any], pairs: Pairs, arguments: argparse.Namespace) -> Iterator[str]:
    if arguments.json:
        yield from map(json.dumps, pairs)
        return
    daemon = found["daemon"]
    ready = "ready" if daemon["ready"] else "not ready: not every pair was looked at yet"
    yield f"failover-dns {daemon['version']} as {daemon['writer']}, since {daemon['started']}, {ready}"
    yield from table(pairs, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ)


def table(pairs: Pairs, *, colour: bool) -> Iterator[str]:
    """Yield a line for each pair under a heading, and what there is to say of it under that."""
    rows = [HEAD, *map(_row, pairs)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    yield lines[0]
    for pair, line in zip(pairs, lines[1:], strict=True):
        yield line
        yield from (printable(text) for text in _details(pair))
        for trouble in pair["wrong"]:
            text = printable(f"  WRONG: {trouble['what']}; {trouble['cure']}".rstrip("; "))
            yield f"{RED}{text}{PLAIN}" if colour else text


def _row(pair: Mapping[str, Any]) -> tuple[str, ...]:
    change = pair["last_change"]
    if pair["decision"] == "none":
        dns = "not looked at yet"
    elif pair["decision"] == "hold":
        dns = "left as it is"
    else:
        dns = "as decided" if pair["in_order"] else "NOT as decided"
    last = "none known" if change is None else f"{change['cause'] or 'unknown'} {change['at']}{_took(change)}"
    online = pair["online"] or (f"held ({pair['reason']})" if pair["reason"] else "-")
    return tuple(printable(cell) for cell in (pair["pair"], online, pair["since"] or "-", dns, last))


def _took(change: Mapping[str, Any]) -> str:
    return "" if change["took_ms"] is None else f" ({change['took_ms']:.0f} ms)"


def _details(pair: Mapping[str, Any]) -> Iterator[str]:
    for seen in pair["agents"]:
        why = f": {seen['reason']}" if seen["reason"] else ""
        yield f"  {seen['agent']}  {seen['role']}  read {seen['age_s']:.1f} s ago  {seen['source']}{why}"
    for shown in pair["dns"]:
        yield f"  zone {shown['zone']}" + (f"  not known: {shown['problem']}" if shown["problem"] else "")
        yield from (f"    {record}" for record in shown["records"])
    if pair["frozen"] is not None:
        yield f"  frozen since {pair['frozen']['since']} until {pair['frozen']['until'] or 'it is thawed'}"
    if pair["penalty"]:
        yield f"  penalty {pair['penalty']:.1f} for its switches"
    if pair["in_flight"]:
        yield f"  {pair['in_flight']} updates under way"


def _wanted(pairs: Pairs, names: Sequence[str]) -> Pairs:
    known = {pair["pair"]: pair for pair in pairs}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UnknownError(f"no pair is called {unknown[0]}", f"the pairs are: {', '.join(known)}")
    return [known[name] for name in names] or pairs


def _gist(found: Mapping[str, Any]) -> str:
    """Return what is shown, less what changes with time alone."""
    agents = [[{**seen, "age_s": None} for seen in pair["agents"]] for pair in found["pairs"]]
    rest = [{**pair, "agents": None, "looked_s": None, "penalty": None} for pair in found["pairs"]]
    return json.dumps([found["daemon"]["ready"], agents, rest])
