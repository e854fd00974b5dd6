"""`failover-dns grants`: what each zone's server must allow for the configuration, to be pasted there."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from failover_dns.core.errors import FailoverDnsError
from failover_dns.core.grants import RENDER, smallest
from failover_dns.core.plan import UnknownZoneError
from failover_dns.edge.settings.accounts import Account
from failover_dns.edge.settings.load import load
from failover_dns.edge.settings.loaded import Signer
from failover_dns.edge.words import OK


def grants(arguments: argparse.Namespace) -> int:
    """Print the smallest grants in the words of `arguments.server`."""
    loaded = load(arguments.config and Path(arguments.config), os.environ)
    try:
        wanted = smallest(loaded.pairs, {zone.name: _known_as(zone.signer) for zone in loaded.zones})
    except UnknownZoneError as error:
        raise FailoverDnsError(
            str(error), "a grant is written for a zone by its name, looked up or not"
        ) from error
    print(RENDER[arguments.server](wanted), end="")  # noqa: T201 - a command's output
    return OK


def _known_as(signer: Signer) -> str:
    return signer.principal if isinstance(signer, Account) else signer.name
