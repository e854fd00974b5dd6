"""The command `failover-dns`: its words and options. What a command needs is imported when it runs."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from functools import partial
from typing import NoReturn

from failover_dns.edge.words import INTERRUPTED, OK, USAGE

EXIT_CODES = """\
exit codes, the same for every command:
  0    done, and everything is as it should be
  1    something is not as it should be; the output says what
  2    plan: something would change
  64   the command line is not understood
  75   not now: another process holds the state directory
  78   the configuration is wrong
  130  interrupted by Ctrl-C
"""

HANDLERS = {
    "run": "failover_dns.edge.serve",
    "plan": "failover_dns.edge.walks",
    "resync": "failover_dns.edge.walks",
    "history": "failover_dns.edge.histories",
    "check": "failover_dns.edge.check",
    "report": "failover_dns.edge.reports",
    "status": "failover_dns.edge.status",
    "grants": "failover_dns.edge.grants",
    "watch": "failover_dns.edge.watching",
    "init": "failover_dns.edge.initial",
}
"""The module that carries a command out, by a function of the command's name."""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are not mistaken for `plan`'s exit code 2."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


class _Version(argparse.Action):
    """`--version`, looked up only when asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        version = importlib.import_module("importlib.metadata").version("failover-dns")
        print(f"failover-dns {version}")  # noqa: T201 - argparse itself exits on standard error
        parser.exit(OK)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = _Parser(
        prog="failover-dns",
        description="Keeps DNS telling the truth about failover pairs.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)

    add = _command(commands, "run", "watch the pairs and keep DNS right, until stopped")
    _configured(add)

    add = _command(commands, "plan", "show what would change in DNS and why; change nothing")
    _pairs(add, "plan only these pairs")
    _configured(add)
    _json(add)

    add = _command(commands, "resync", "look at sources and DNS now and put DNS right")
    _pairs(add, "resync only these pairs")
    _configured(add)
    _json(add)

    add = _command(commands, "history", "show the change log")
    _configured(add)
    _json(add)
    add.add_argument("--pair", help="only lines of this pair")
    add.add_argument(
        "--since", metavar="WHEN", help="only lines since a time (RFC 3339) or an age (15m, 2h, 3d)"
    )
    add.add_argument(
        "--event", choices=("intent", "outcome", "converged", "repaired"), help="only lines of this event"
    )
    mode = add.add_mutually_exclusive_group()
    mode.add_argument("--follow", action="store_true", help="go on with lines as they are written")
    mode.add_argument(
        "--verify", action="store_true", help="check the hash chain; name the first broken line"
    )
    _state_dir(add)

    add = _command(commands, "status", "show how each zone of each pair stands, by the change log")
    _pairs(add, "show only these pairs")
    _configured(add)
    _json(add)
    _state_dir(add)

    add = _command(commands, "check", "check configuration, sources, zones, primaries, keys and grants")
    _configured(add)
    _json(add)

    add = _command(commands, "watch", "show live what each source says and what would be decided")
    _pairs(add, "watch only these pairs")
    _configured(add)
    _json(add)

    add = _command(commands, "grants", "print what a server must allow, for this configuration")
    add.add_argument(
        "--server", required=True, choices=("bind", "knot", "powerdns", "ad"), help="whose words"
    )
    _configured(add)

    add = _command(commands, "init", "print a configuration drafted from the agents' DMS.xml")
    add.add_argument(
        "--dms",
        metavar="FILE",
        action="append",
        required=True,
        help="an agent's DMS.xml; give it twice for both agents'",
    )

    add = _command(commands, "report", "write an agent's status file, for scripts")
    add.add_argument("pair", metavar="PAIR", help="the pair's name")
    add.add_argument("agent", metavar="AGENT", help="the agent's name, or its first label")
    add.add_argument("role", metavar="ROLE", help="ONLINE, OFFLINE or SWITCHING")
    _configured(add)
    return top


def help_text(width: int = 100) -> str:
    """Return what `--help` prints, at a width that does not depend on a terminal."""
    top = parser()
    top.formatter_class = partial(argparse.RawDescriptionHelpFormatter, width=width)
    return top.format_help()


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = parser().parse_args(argv)
    handler = getattr(importlib.import_module(HANDLERS[arguments.command]), arguments.command)
    from failover_dns.core.errors import FailoverDnsError  # noqa: PLC0415 - `--help` needs none of it

    try:
        return int(handler(arguments))
    except FailoverDnsError as error:
        print(f"failover-dns {arguments.command}: {error}", file=sys.stderr)  # noqa: T201 - a command line
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return OK


def _command(commands: argparse._SubParsersAction[_Parser], name: str, what: str) -> _Parser:
    return commands.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")


def _configured(command: _Parser) -> None:
    command.add_argument(
        "--config", metavar="FILE", help="the configuration; else $FAILOVER_DNS_CONFIG, else the usual"
    )


def _pairs(command: _Parser, what: str) -> None:
    command.add_argument("pairs", metavar="PAIR", nargs="*", help=what)


def _state_dir(command: _Parser) -> None:
    command.add_argument(
        "--state-dir", metavar="DIR", help="read the change log there; needs no configuration"
    )


def _json(command: _Parser) -> None:
    command.add_argument("--json", action="store_true", help="print JSON, for programs")
