"""`failover-dns resync`: a daemon that runs is asked to look now; without one it is done in this process."""

from __future__ import annotations

import argparse

from failover_dns.edge.control.client import Channel, channel
from failover_dns.edge.told import show
from failover_dns.edge.words import OK, WRONG


def resync(arguments: argparse.Namespace) -> int:
    """Walk the path now; 0 if DNS says what was decided, or was left alone on purpose."""
    daemon = channel(arguments)
    if daemon is not None:
        return _asked(daemon, arguments)
    from failover_dns.edge.walks import walk_here  # noqa: PLC0415 - slow to import, and not needed with a daemon

    found = walk_here(arguments)
    for document in found:
        show(document, as_json=arguments.json)
    return OK if all(document["in_order"] for document in found) else WRONG


def _asked(daemon: Channel, arguments: argparse.Namespace) -> int:
    """Have the daemon walk, and tell of each pair as soon as it has."""
    asked = {"pairs": arguments.pairs, "supersede": arguments.supersede, "mend_fence": arguments.mend_fence}
    code = OK
    for document in daemon.lines("/v1/resync", asked):
        show(document, as_json=arguments.json)
        if not document.get("in_order"):
            code = WRONG
    return code
