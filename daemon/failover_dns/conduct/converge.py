"""After the primary has a change, every other server of the zone is asked until it shows it too.

It is a report, off the switch's path: a lagging or dead secondary is an alert and never a failure of the
switch. A server shows a change when its serial is not behind the primary's, or when it gives the records
themselves, since the serials of servers that take updates each on their own cannot be compared.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from failover_dns.conduct.signing import Server
from failover_dns.conduct.zone import Sitting
from failover_dns.core.changelog import Converged, Intent, Shown, rfc3339
from failover_dns.core.errors import FailoverDnsError
from failover_dns.core.model import Change, Instant
from failover_dns.wire.query import ask, read_unsigned
from failover_dns.wire.soa import ask_soa, is_behind, read_soa

FIRST_S = 0.005
MOST_S = 1.0
"""Between two questions to one server: short at first, since a secondary that is notified needs milliseconds."""

ASK_S = 1.0
"""What the last question is given at least, so that its answer and not our haste is reported."""

SHARE = 0.1
"""How much longer a pause may make a delay look than it was."""


class Convergence:
    """The servers of one zone, asked after each applied change: those named here, and its NS set by `connect`."""

    def __init__(
        self,
        named: Mapping[str, Server],
        connect: Callable[[str], Server],
        *,
        clock: Callable[[], Instant],
        deadline_s: float,
        watch_ns: bool = True,
    ) -> None:
        self._connect = connect
        self._clock = clock
        self._deadline_s = deadline_s
        self._watch_ns = watch_ns
        self._named = tuple(named)
        self._servers = dict(named)

    async def follow(self, seq: int, intent: Intent, sitting: Sitting, *, since: Instant) -> Converged:
        """Return when each server showed the intent's change; waits no longer than the deadline."""
        until_s = self._clock().mono_s + self._deadline_s
        try:
            soa = await sitting.soa()
            names = await self._names(sitting)
        except FailoverDnsError as error:
            shown: tuple[Shown, ...] = (
                Shown(server=str(sitting.primary), delay_ms=None, problem=error.what),
            )
            return self._line(seq, intent, shown, old_ttl_s=None)
        asked = (self._ask(name, intent.change, soa.serial, since, until_s) for name in names)
        found = await asyncio.gather(*asked)
        return self._line(seq, intent, found, old_ttl_s=old_ttl_s(intent.change, soa.negative_ttl_s))

    async def _names(self, sitting: Sitting) -> list[str]:
        listed = await sitting.name_servers() if self._watch_ns else ()
        return [*dict.fromkeys((*listed, *self._named))]

    async def _ask(self, name: str, change: Change, serial: int, since: Instant, until_s: float) -> Shown:
        server = self._servers.get(name) or self._connect(name)
        self._servers[name] = server
        began_s, problem = self._clock().mono_s, ""
        while True:
            left_s = until_s - self._clock().mono_s
            if left_s <= 0:
                return Shown(server=name, delay_ms=None, problem=problem)
            try:
                if await shows(server, change, serial, deadline_s=max(left_s, ASK_S)):
                    delay_ms = round((self._clock().mono_s - since.mono_s) * 1000, 3)
                    return Shown(server=name, delay_ms=delay_ms)
                problem = "it still has an older serial and the records as they were"
            except FailoverDnsError as error:
                problem = error.what
            now_s = self._clock().mono_s
            await asyncio.sleep(min(MOST_S, max(FIRST_S, (now_s - began_s) * SHARE), left_s))

    def _line(self, seq: int, intent: Intent, shown: Iterable[Shown], *, old_ttl_s: int | None) -> Converged:
        shown = tuple(shown)
        late = any(server.delay_ms is None for server in shown)
        forgotten = None if late or old_ttl_s is None else rfc3339(self._clock().wall_s + old_ttl_s)
        return Converged(
            pair=intent.pair,
            transaction=intent.transaction,
            zone=intent.zone,
            intent=seq,
            servers=shown,
            forgotten_at=forgotten,
        )


async def shows(server: Server, change: Change, serial: int, *, deadline_s: float) -> bool:
    """Return whether the server is not behind `serial`, or gives the change's records."""
    query = ask_soa(change.zone)
    soa = read_soa(query, await server.exchange(query.to_wire(), deadline_s=deadline_s))
    if not is_behind(soa.serial, serial):
        return True
    found = {}
    for key in change.keys:
        question = ask(key)
        answer = await server.exchange(question.to_wire(), deadline_s=deadline_s)
        found[key] = read_unsigned(key, question, answer)
    return change.holds(found)


def old_ttl_s(change: Change, negative_ttl_s: int) -> int:
    """Return how long a cache may remember what was before: the old TTLs, or that there was nothing."""
    return max((r.ttl_s if r.values else negative_ttl_s for r in change.touched), default=0)
