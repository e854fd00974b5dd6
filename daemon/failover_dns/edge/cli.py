"""The command `failover-dns`: its words and options. What a command needs is imported when it runs."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterator, Sequence
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
    "resync": "failover_dns.edge.resync",
    "history": "failover_dns.edge.histories",
    "check": "failover_dns.edge.check",
    "report": "failover_dns.edge.reports",
    "status": "failover_dns.edge.status",
    "grants": "failover_dns.edge.grants",
    "watch": "failover_dns.edge.watching",
    "init": "failover_dns.edge.initial",
    "reload": "failover_dns.edge.reload",
    "freeze": "failover_dns.edge.orders",
    "thaw": "failover_dns.edge.orders",
    "release": "failover_dns.edge.orders",
    "service": "failover_dns.edge.service",
    "completion": "failover_dns.edge.completion",
}
"""The module that carries a command out, by a function of the command's name."""

SHELLS = ("bash", "zsh", "fish", "powershell")

EVENTS = ("intent", "outcome", "converged", "peer", "held", "released", "frozen", "thawed", "repaired")
"""What `history` can be asked for; the change log's own table is not imported for `--help`."""


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
    add.add_argument(
        "--supersede",
        action="store_true",
        help="decide by what this daemon sees, although another daemon decided later",
    )
    add.add_argument(
        "--mend-fence",
        action="store_true",
        help="replace the TXT records that stand in the fence's place and are none",
    )
    _configured(add)
    _json(add)

    _history(commands)

    add = _command(commands, "status", "show how each pair is: sources, DNS, the last change, what is wrong")
    _pairs(add, "show only these pairs")
    add.add_argument("--watch", action="store_true", help="go on showing it, until Ctrl-C")
    _configured(add)
    _json(add)
    _state_dir(add)

    _orders(commands)

    add = _command(commands, "check", "check configuration, sources, zones, primaries, keys and grants")
    _configured(add)
    _json(add)

    add = _command(commands, "watch", "show live what each source says and what would be decided")
    _pairs(add, "watch only these pairs")
    _configured(add)
    _json(add)

    add = _command(commands, "grants", "print what a server must allow, for this configuration")
    add.add_argument(
        "--server", required=True, choices=("bind", "knot", "powerdns", "ad", "samba"), help="whose words"
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

    add = _command(commands, "service", "make or remove the Windows service with NSSM, or show how")
    add.add_argument(
        "action", metavar="ACTION", choices=("show", "install", "remove"), help="show, install or remove"
    )
    add.add_argument("--account", help="whom it runs as, DOMAIN\\NAME; else an account of its own")
    add.add_argument("--nssm", metavar="FILE", help="nssm.exe, if it is not on the PATH")
    _configured(add)

    add = _command(commands, "completion", "print a shell's completion of this command")
    add.add_argument("shell", metavar="SHELL", choices=SHELLS, help=", ".join(SHELLS))
    return top


def help_text(width: int = 100) -> str:
    """Return what `--help` prints, at a width that does not depend on a terminal."""
    top = parser()
    top.formatter_class = partial(argparse.RawDescriptionHelpFormatter, width=width)
    return top.format_help()


def every_parser(top: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield the parser and those of its commands, for what is made from them."""
    yield top
    for action in top._actions:  # noqa: SLF001 - argparse has no public way to them
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - the same
            yield from action.choices.values()


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
        return _unread()
    except ExceptionGroup as errors:  # the tasks of `watch`
        if errors.split(BrokenPipeError)[1] is not None:
            raise
        return _unread()


def _unread() -> int:
    """End quietly, since whoever read the output has read enough."""
    sys.stderr.close()
    return OK


def _command(commands: argparse._SubParsersAction[_Parser], name: str, what: str) -> _Parser:
    return commands.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")


def _history(commands: argparse._SubParsersAction[_Parser]) -> None:
    add = _command(commands, "history", "show the change log")
    _configured(add)
    _json(add)
    add.add_argument("--pair", help="only lines of this pair")
    add.add_argument(
        "--since", metavar="WHEN", help="only lines since a time (RFC 3339) or an age (15m, 2h, 3d)"
    )
    add.add_argument("--event", choices=EVENTS, help="only lines of this event")
    mode = add.add_mutually_exclusive_group()
    mode.add_argument("--follow", action="store_true", help="go on with lines as they are written")
    mode.add_argument(
        "--verify", action="store_true", help="check the hash chain; name the first broken line"
    )
    _state_dir(add)


def _orders(commands: argparse._SubParsersAction[_Parser]) -> None:
    add = _command(commands, "freeze", "leave the DNS of pairs as it is, for a while or until thaw")
    _ordered(add)
    add.add_argument(
        "--for", dest="for_", metavar="TIME", help="how long: 90s, 30m, 2h or 1d; else until thaw"
    )
    add.add_argument("--reason", required=True, help="why, for whoever comes next")

    add = _command(commands, "thaw", "let the DNS of frozen pairs be changed again")
    _ordered(add)
    add.add_argument("--reason", default="", help="why, for whoever comes next")

    add = _command(commands, "release", "end the damping of pairs that switched too often")
    _ordered(add)

    add = _command(commands, "reload", "have the daemon that runs read its configuration anew")
    _configured(add)
    _state_dir(add)


def _configured(command: _Parser) -> None:
    command.add_argument(
        "--config", metavar="FILE", help="the configuration; else $FAILOVER_DNS_CONFIG, else the usual"
    )


def _pairs(command: _Parser, what: str) -> None:
    command.add_argument("pairs", metavar="PAIR", nargs="*", help=what)


def _ordered(command: _Parser) -> None:
    command.epilog = (
        "This holds for the daemon of this configuration's state directory only: where several daemons look "
        "after a pair, run it on each of their machines."
    )
    command.add_argument("pairs", metavar="PAIR", nargs="+", help="the pairs' names")
    command.add_argument("--by", metavar="WHO", help="who orders it; else this account, at this host")
    _configured(command)
    _json(command)


def _state_dir(command: _Parser) -> None:
    command.add_argument(
        "--state-dir", metavar="DIR", help="the state directory; needs no configuration then"
    )


def _json(command: _Parser) -> None:
    command.add_argument("--json", action="store_true", help="print JSON, for programs")
