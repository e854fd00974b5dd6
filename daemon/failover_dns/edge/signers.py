"""Who signs for zones: keys that are shared, and accounts that negotiate one with each server."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AsyncExitStack

from failover_dns.conduct.signing import Negotiated, Shared, Signer
from failover_dns.core.errors import FailoverDnsError
from failover_dns.edge.settings.accounts import Account
from failover_dns.edge.settings.keys import TsigKey
from failover_dns.effects import clock
from failover_dns.effects.gss import open_mechanism
from failover_dns.effects.gss.signer import GssSigner
from failover_dns.effects.lane import Lane
from failover_dns.wire.keys import tsig_key


class Signers:
    """Makes signers, one for an account, whose security contexts all zones share; `stack` closes them."""

    def __init__(
        self,
        stack: AsyncExitStack,
        *,
        tell: Callable[[FailoverDnsError], None] = lambda _: None,
        platform: str = sys.platform,
    ) -> None:
        self._stack = stack
        self._tell = tell
        self._platform = platform
        self._accounts: dict[Account, Negotiated] = {}

    def of(self, signer: TsigKey | Account) -> Signer:
        """Return who signs; LibraryError if that takes a library that is missing."""
        if isinstance(signer, TsigKey):
            return Shared(tsig_key(signer.name, signer.secret.get_secret_value(), signer.algorithm))
        if signer not in self._accounts:
            self._accounts[signer] = self._negotiated(signer)
        return self._accounts[signer]

    def _negotiated(self, account: Account) -> Negotiated:
        mechanism = open_mechanism(account.credentials, account.flags, platform=self._platform)
        lane = Lane(f"Kerberos for {account.name}")
        self._stack.callback(lane.close)
        signer = GssSigner(mechanism, run=lane.run, clock=clock.now, tell=self._tell)
        self._stack.push_async_callback(signer.close)
        return Negotiated(signer)
