"""One zone as its primaries serve it: RRsets read from it, changes sent to it.

One primary is asked for a whole transaction, so a `Sitting` is taken from the zone and used to its end. The
next primary has its turn only when the one before did not answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import dns.message
import dns.tsig

from failover_dns.core.errors import FailoverDnsError, ReadError, SilentError, UnsentError
from failover_dns.core.model import Change, Key, RRset, Type
from failover_dns.core.outcome import Answer, Said
from failover_dns.wire.answer import judge
from failover_dns.wire.query import ask, read
from failover_dns.wire.sign import sign
from failover_dns.wire.soa import Soa, ask_soa, read_soa
from failover_dns.wire.update import build, prove, prove_grant

T = TypeVar("T")


class Server(Protocol):
    """A primary: exchanges a message for its answer (`effects.primary`)."""

    async def exchange(self, wire: bytes, *, deadline_s: float) -> bytes:
        """Return the answer; UnsentError or SilentError if there is none within `deadline_s`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Sitting:
    """A zone at one of its primaries, for the length of a transaction."""

    zone: str
    primary: Server
    key: dns.tsig.Key
    deadline_s: float

    async def read(self, keys: Iterable[Key]) -> dict[Key, RRset]:
        """Return the RRsets of `keys` and any CNAME in their place; ReadError if one could not be read."""
        answers = await asyncio.gather(*map(self._read, keys), return_exceptions=True)
        found: dict[Key, RRset] = {}
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
            found.update((rrset.key, rrset) for rrset in answer)
        return found

    async def without_wildcards(self, found: dict[Key, RRset]) -> dict[Key, RRset]:
        """Return what was read without what a wildcard only makes up (RFC 4592).

        An answer does not tell a made-up record from a real one; a prerequisite matches real ones only.
        """
        filled = tuple(rrset for rrset in found.values() if rrset.values)
        if not filled or (await self.prove(filled)).said is not Said.LOST_RACE:
            return found
        empty = [RRset(key=rrset.key) for rrset in filled]
        made_up = [rrset for rrset in empty if (await self.prove((rrset,))).said is Said.DONE]
        return found | {rrset.key: rrset for rrset in made_up}

    async def soa(self) -> Soa:
        """Return the zone's SOA; ReadError if it could not be read."""
        query = ask_soa(self.zone)
        answer = await self.primary.exchange(sign(query, self.key), deadline_s=self.deadline_s)
        soa = read_soa(query, answer, self.key)
        if soa.zone != self.zone:
            what = f"{self.primary} serves {soa.zone} and not {self.zone}"
            raise ReadError(what, "check the zone's name and its primaries")
        return soa

    async def name_servers(self) -> tuple[str, ...]:
        """Return the zone's NS set, sorted; ReadError if it could not be read."""
        key = Key(self.zone, Type.NS)
        return tuple(sorted(str(value) for value in (await self.read([key]))[key].values))

    async def send(self, change: Change) -> Answer:
        """Send the change and return what its answer says; never raises for what a network can do."""
        return await self._update(build(change))

    async def prove(self, rrsets: tuple[RRset, ...]) -> Answer:
        """Ask for an update that changes nothing: whether the key is accepted and the records are so."""
        return await self._update(prove(self.zone, rrsets))

    async def prove_grant(self, rrset: RRset) -> Answer:
        """Ask to remove from `rrset` a value that it has not: whether the key may change it."""
        return await self._update(prove_grant(self.zone, rrset))

    async def _update(self, message: dns.message.Message) -> Answer:
        wire = sign(message, self.key)
        try:
            answer = await self.primary.exchange(wire, deadline_s=self.deadline_s)
        except UnsentError as error:
            return Answer(said=Said.UNSENT, what=error.what, cure=error.cure)
        except SilentError as error:
            return Answer(said=Said.SILENT, what=error.what, cure=error.cure)
        return judge(message, answer, self.key, self.zone)

    async def _read(self, key: Key) -> tuple[RRset, ...]:
        query = ask(key)
        answer = await self.primary.exchange(sign(query, self.key), deadline_s=self.deadline_s)
        return read(key, query, answer, self.key, self.zone)


SERIAL_S = 1.0
"""How long a serial that one pair asked for serves the others: an audit asks once a zone, not once a pair."""


class Zone:
    """A zone, its primaries in the order of preference, and the one that answered last."""

    def __init__(
        self,
        name: str,
        primaries: Sequence[Server],
        key: dns.tsig.Key,
        *,
        deadline_s: float,
        serial_s: float = SERIAL_S,
    ) -> None:
        self.name = name
        self.key = key
        self._sittings = [Sitting(name, primary, key, deadline_s) for primary in primaries]
        self._first = 0
        self._serial_s = serial_s
        self._serials: dict[Sitting, tuple[float, asyncio.Task[Soa]]] = {}

    @property
    def sitting(self) -> Sitting:
        """The zone at the primary that answered last."""
        return self._sittings[self._first]

    @property
    def sittings(self) -> tuple[Sitting, ...]:
        """The zone at each of its primaries, in the order of preference."""
        return tuple(self._sittings)

    async def serial(self, sitting: Sitting) -> int:
        """Return the serial at `sitting`, asked for lately; raises what reading raises."""
        now_s = asyncio.get_running_loop().time()
        asked_s, task = self._serials.get(sitting, (now_s, None))
        if task is None or now_s - asked_s >= self._serial_s or task.cancelled():
            task = asyncio.create_task(sitting.soa())
            self._serials[sitting] = (now_s, task)
        return (await asyncio.shield(task)).serial

    async def read(self, keys: Iterable[Key]) -> tuple[Sitting, dict[Key, RRset]]:
        """Return the RRsets and where they were read: the first primary to answer, from the last good one on.

        Raises ReadError when none answers, or when the one that does gives no proof.
        """
        keys = tuple(keys)
        return await self._at_first(lambda sitting: sitting.read(keys))

    async def survey(self, keys: Iterable[Key]) -> tuple[Sitting, int, dict[Key, RRset]]:
        """Return what `read` does, with the serial as it was before: what changes meanwhile shows later."""
        keys = tuple(keys)

        async def look(sitting: Sitting) -> tuple[int, dict[Key, RRset]]:
            soa = await sitting.soa()
            return soa.serial, await sitting.without_wildcards(await sitting.read(keys))

        sitting, (serial, found) = await self._at_first(look)
        return sitting, serial, found

    async def _at_first(self, call: Callable[[Sitting], Awaitable[T]]) -> tuple[Sitting, T]:
        problems: list[FailoverDnsError] = []
        for turn in range(len(self._sittings)):
            index = (self._first + turn) % len(self._sittings)
            try:
                found = await call(self._sittings[index])
            except (UnsentError, SilentError) as error:
                problems.append(error)
                continue
            self._first = index
            return self._sittings[index], found
        what = "; ".join(problem.what for problem in problems)
        raise ReadError(f"zone {self.name}: no primary answers: {what}", problems[0].cure)
