"""`failover-dns history`: the change log, for people, for programs, and checked."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from failover_dns.core.changelog import Broken, verify
from failover_dns.core.errors import FailoverDnsError
from failover_dns.edge.history import Row, select, since, table
from failover_dns.edge.words import OK, WRONG
from failover_dns.effects.changelog import follow, read_lines


def history(arguments: argparse.Namespace) -> int:
    """Print the change log; with `--verify`, 1 if its chain is broken."""
    directory = directory_of(arguments)
    if arguments.verify:
        return _verify(directory)
    lines = follow(directory) if arguments.follow else read_lines(directory)
    moment = _since(arguments.since)
    _print(select(lines, pair=arguments.pair, since=moment, event=arguments.event), as_json=arguments.json)
    return OK


def directory_of(arguments: argparse.Namespace) -> Path:
    """Return the state directory that is asked for; FailoverDnsError if there is no change log."""
    return with_log(Path(arguments.state_dir) if arguments.state_dir else _configured(arguments))


def with_log(directory: Path) -> Path:
    """Return the state directory; FailoverDnsError if there is no change log."""
    if not directory.is_dir():
        raise FailoverDnsError(
            f"there is no change log in {directory}",
            "the daemon writes it there at its first change; name another place with --state-dir",
        )
    return directory


def _configured(arguments: argparse.Namespace) -> Path:
    from failover_dns.edge.settings.load import load  # noqa: PLC0415 - slow, and not needed with --state-dir

    return load(arguments.config and Path(arguments.config), os.environ).state_dir


def _since(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return since(text, now=datetime.now(UTC))
    except ValueError as error:
        raise FailoverDnsError(f"--since {error}") from None


def _print(rows: Iterable[Row], *, as_json: bool) -> None:
    for text in (row.raw.decode("utf-8", "backslashreplace") for row in rows) if as_json else table(rows):
        print(text, flush=True)  # noqa: T201 - a command's output


def _verify(directory: Path) -> int:
    found = verify(read_lines(directory))
    if isinstance(found, Broken):
        seq = "" if found.seq is None else f" (seq {found.seq})"
        what = f"the chain is broken at line {found.position}{seq}: {found.why}"
        print(what, file=sys.stderr)  # noqa: T201
        return WRONG
    print(  # noqa: T201
        f"{found.lines} lines, seq {found.first} to {found.last}: the chain is whole; "
        f"the last line's hash is {found.sha256}"
    )
    return OK
