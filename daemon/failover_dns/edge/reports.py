"""`failover-dns report`: a script tells an agent's role, by the status file that the daemon reads."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from failover_dns.core.errors import FailoverDnsError
from failover_dns.core.model import Pair, Role
from failover_dns.core.roles import fold
from failover_dns.core.sources import FileSource
from failover_dns.edge.settings.choice import chosen
from failover_dns.edge.settings.load import load
from failover_dns.edge.settings.reads import Reads
from failover_dns.edge.words import OK
from failover_dns.effects import clock
from failover_dns.effects.report import UnwritableError, write_status


def report(arguments: argparse.Namespace) -> int:
    """Write the status file of one agent."""
    loaded = chosen(load(arguments.config and Path(arguments.config), os.environ), [arguments.pair])
    (pair,) = loaded.pairs
    agent, role = _agent(pair, arguments.agent), _role(arguments.role)
    source = _file_of(agent, role, loaded.sources[pair.name])
    try:
        write_status(source.path, role, clock.now().wall_s, form=source.form)
    except (UnwritableError, OSError) as error:
        raise FailoverDnsError(
            f"{source.path} cannot be written: {error}", "the daemon goes on with what the file said before"
        ) from error
    print(f"{source.path}: {agent} is {role}")  # noqa: T201 - a command's output
    return OK


def _agent(pair: Pair, text: str) -> str:
    wanted = text.lower().rstrip(".")
    for agent in pair.agents:
        if wanted in {agent.name.rstrip("."), agent.name.partition(".")[0]}:
            return agent.name
    known = " and ".join(agent.name for agent in pair.agents)
    raise FailoverDnsError(f"pair {pair.name} has no agent {text}", f"its agents are {known}")


def _role(text: str) -> Role:
    try:
        return Role(text.upper())
    except ValueError:
        raise FailoverDnsError(f"{text} is not a role", "say ONLINE, OFFLINE, SWITCHING or UNKNOWN") from None


def _file_of(agent: str, role: Role, reads: Iterable[Reads]) -> FileSource:
    """Return the agent's own file, or the pair's in a form that can only say who is online."""
    for source in (source.what for found in reads for source in found.sources):
        if not isinstance(source, FileSource):
            continue
        if source.agent == agent:
            return source
        if agent in source.names.values():
            if role is not Role.ONLINE:
                raise FailoverDnsError(
                    f"{source.path} names the online agent and cannot say that {agent} is {role}",
                    "report the other agent ONLINE, or give each agent a file of its own",
                )
            return replace(source, form=replace(source.form, words={fold(agent): Role.ONLINE}))
    raise FailoverDnsError(
        f"{agent} has no status file", "its source is of another type: nothing to report to"
    )
