"""`failover-dns init`: a configuration drafted from the agents' DMS.xml; "?" is what they do not say."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from failover_dns.core.dms import MAX_BYTES, Broken, Facts, read_dms_facts
from failover_dns.core.errors import FailoverDnsError
from failover_dns.core.model import Address, reverse_name
from failover_dns.edge.words import OK

UNSAID = "?"
AGENTS = 2
_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")

HEAD = """\
# A draft for failover-dns. Each "?" is something that DMS.xml does not say; until it is replaced,
# `failover-dns check` refuses it and says what belongs there. Keys are described in docs/configuration.md.

[keys.failover-key]
secret_file = "?"
"""

TAIL = """\
# What to do next:
#   1. save this as failover-dns.toml and replace each "?"
#   2. let the daemon read both agents' DMS.xml, or put the hooks of config/dataminer on both agents
#   3. failover-dns check: are zones, primaries, keys and grants right?
#   4. failover-dns plan: what would change in DNS, and why?
#   5. failover-dns run
"""


def init(arguments: argparse.Namespace) -> int:
    """Print a draft made from the files `arguments.dms`, one of each agent."""
    paths: list[str] = arguments.dms
    if not 1 <= len(paths) <= AGENTS:
        raise FailoverDnsError(f"{len(paths)} files were given", "give one DMS.xml, or both agents'")
    print(draft(paths, [_facts(path) for path in paths]), end="")  # noqa: T201 - a command's output
    return OK


def draft(paths: Sequence[str], facts: Sequence[Facts]) -> str:
    """Return the configuration's text, from what the file at each of `paths` says."""
    parts = (HEAD, *_zones(facts), *_pair(facts), *_agents(paths, facts), TAIL)
    return "\n".join(parts)


def _facts(path: str) -> Facts:
    try:
        with Path(path).open("rb") as file:
            found = read_dms_facts(file.read(MAX_BYTES + 1))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise FailoverDnsError(f"{path} cannot be read ({why})", "give the path of a DMS.xml") from error
    match found:
        case Broken(reason=reason):
            raise FailoverDnsError(f"{path}: {reason}", "give a whole DMS.xml")
        case Facts(configured=False):
            raise FailoverDnsError(f"{path} has no Failover", "give the DMS.xml of an agent of a pair")
        case Facts(by_host_name=True):
            raise FailoverDnsError(
                f"{path}: the pair shares a host name, so DNS needs no change at a switch",
                "there is nothing for failover-dns to do",
            )
    return found


def _zones(facts: Sequence[Facts]) -> Iterator[str]:
    yield _zone("the zone of the agents' names, with its last dot")
    reverse = {reverse_name(ip).partition(".")[2]: ip for one in facts for ip in one.virtual_ips}
    for above, ip in reverse.items():
        yield _zone(f"the zone of {reverse_name(ip)}, often {above}" if ip.version == 4 else _longer(ip))  # noqa: PLR2004 - IP version
    if not reverse:
        yield _zone("the reverse zone of the virtual IP")


def _longer(ip: Address) -> str:
    return f"the zone of {reverse_name(ip)}"


def _zone(what: str) -> str:
    return f'[[zones]]\nname = "?"  # {what}\nprimaries = ["?"]\nkey = "failover-key"\n'


def _pair(facts: Sequence[Facts]) -> Iterator[str]:
    found = [frozenset(one.virtual_ips) for one in facts]
    ips = [str(ip) for ip in facts[0].virtual_ips]
    note = ""
    if len(set(found)) > 1:
        told = " and ".join(", ".join(map(str, one.virtual_ips)) or "none" for one in facts)
        ips, note = [], f"  # the files disagree: {told}"
    yield f'[[pairs]]\nname = "dma"\nlayout = "agent-name"\nvirtual_ips = {_listed(ips or [UNSAID])}{note}\n'


def _agents(paths: Sequence[str], facts: Sequence[Facts]) -> Iterator[str]:
    names = list(dict.fromkeys(name for one in facts for name in map(_name, one.agents) if name != UNSAID))
    names = names if len(names) == AGENTS else []
    for index in range(AGENTS):
        name = names[index] if names else UNSAID
        # Which file is which agent's no file says, so with names a person has to match them.
        path = _path(paths[index]) if index < len(paths) and not names else UNSAID
        yield (
            f"  [[pairs.agents]]\n  name = {_quoted(name)}\n  addresses = {_listed([UNSAID])}\n\n"
            f'    [[pairs.agents.sources]]\n    type = "dms"\n    path = {_quoted(path)}\n'
        )


def _name(text: str) -> str:
    """Return a host name with its last dot; without a domain, that is what remains to be said."""
    if not _HOST.fullmatch(text.strip()):
        return UNSAID
    name = text.strip().rstrip(".").lower()
    return f"{name}." if "." in name else f"{name}.{UNSAID}"


def _path(text: str) -> str:
    return text if text.isprintable() and Path(text).is_absolute() else UNSAID


def _listed(texts: Sequence[str]) -> str:
    return "[" + ", ".join(map(_quoted, texts)) + "]"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
