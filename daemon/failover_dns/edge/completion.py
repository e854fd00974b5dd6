"""`failover-dns completion`: a shell's completion, made from the command line's own parser."""

from __future__ import annotations

import argparse

import shtab

from failover_dns.edge.cli import every_parser, parser
from failover_dns.edge.words import OK

PATHS = {"FILE": shtab.FILE, "DIR": shtab.DIRECTORY}
"""How an argument is completed, by its metavar."""


def completion(arguments: argparse.Namespace) -> int:
    """Print what the shell `arguments.shell` reads."""
    print(completion_text(arguments.shell), end="")  # noqa: T201 - a command's output
    return OK


def completion_text(shell: str) -> str:
    """Return the completion for `shell`; where a path is wanted, paths are offered."""
    top = parser()
    for command in every_parser(top):
        for argument in command._actions:  # noqa: SLF001 - argparse has no public way to them
            if argument.metavar in PATHS:
                vars(argument)["complete"] = PATHS[str(argument.metavar)]
    return str(shtab.complete(top, shell=shell))
