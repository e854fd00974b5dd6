"""`failover-dns reload`: a daemon that runs reads its configuration anew."""

from __future__ import annotations

import argparse

from failover_dns.core.errors import FailoverDnsError
from failover_dns.edge.control.client import channel, directory_of
from failover_dns.edge.words import OK


def reload(arguments: argparse.Namespace) -> int:
    """Have the daemon take in its configuration; its refusal is the error."""
    daemon = channel(arguments)
    if daemon is None:
        where = directory_of(arguments) or "this configuration"
        raise FailoverDnsError(
            f"no daemon answers for {where}",
            "one reads its configuration when it starts; check it with `check`",
        )
    daemon.post("/v1/reload", {})
    print("reloaded")  # noqa: T201 - a command's output
    return OK
