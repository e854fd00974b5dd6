"""One zone as its primaries serve it: RRsets read from it, changes sent to it.

One primary is asked for a whole transaction, so a `Sitting` is taken from the zone and used to its end. The
next primary has its turn only when the one before did not answer. Where none is configured the zone's SOA says
which one it is (RFC 1035 3.3.13, RFC 2136 4.3), and is asked for anew when that one is of no use.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import dns.message
import dns.tsig

from failover_dns.conduct.signing import Server, Signer
from failover_dns.core.errors import FailoverDnsError, ReadError, SilentError, UnsentError
from failover_dns.core.model import Change, Key, RRset, Type
from failover_dns.core.outcome import Answer, Said
from failover_dns.wire.answer import judge
from failover_dns.wire.query import ask, read
from failover_dns.wire.sign import lost, sign
from failover_dns.wire.soa import Soa, ask_soa, read_soa
from failover_dns.wire.update import build, prove, prove_creation, prove_grant

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Located:
    """A primary that was found: the name that the SOA gives, and the server."""

    name: str
    server: Server


class Locator(Protocol):
    """Finds the primaries of zones (`conduct.discover`)."""

    async def locate(self, zone: str) -> Located:
        """Return the primary of `zone`; ReadError if it is not found. The same server is the same object."""
        ...

    def forget(self, zone: str) -> None:
        """Ask anew next time."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Sitting:
    """A zone at one of its primaries, for the length of a transaction."""

    zone: str
    primary: Server
    signer: Signer
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
        query, answer, key = await self._exchange(lambda: ask_soa(self.zone))
        soa = read_soa(query, answer, key)
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
        return await self._update(lambda: build(change))

    async def prove(self, rrsets: tuple[RRset, ...]) -> Answer:
        """Ask for an update that changes nothing: whether the key is accepted and the records are so."""
        return await self._update(lambda: prove(self.zone, rrsets))

    async def prove_grant(self, rrset: RRset) -> Answer:
        """Ask to remove from `rrset` a value that it has not: whether the key may change it."""
        return await self._update(lambda: prove_grant(self.zone, rrset))

    async def prove_creation(self, rrset: RRset) -> Answer:
        """Ask for a value to come and go where `rrset` is empty: whether the key may create the name."""
        return await self._update(lambda: prove_creation(self.zone, rrset))

    async def _update(self, make: Callable[[], dns.message.Message]) -> Answer:
        try:
            message, answer, key = await self._exchange(make)
        except (UnsentError, ReadError) as error:  # it was not sent, or the server's name could not be read
            return Answer(said=Said.UNSENT, what=error.what, cure=error.cure)
        except SilentError as error:
            return Answer(said=Said.SILENT, what=error.what, cure=error.cure)
        return judge(message, answer, key, self.zone)

    async def _read(self, key: Key) -> tuple[RRset, ...]:
        query, answer, signing = await self._exchange(lambda: ask(key))
        return read(key, query, answer, signing, self.zone)

    async def _exchange(
        self, make: Callable[[], dns.message.Message]
    ) -> tuple[dns.message.Message, bytes, dns.tsig.Key]:
        """Send what `make` makes, signed; once more, made anew, with another key if the server has lost this one."""
        message, answer, key = await self._once(make)
        if lost(message, answer, key) and self.signer.discard(key):
            return await self._once(make)
        return message, answer, key

    async def _once(
        self, make: Callable[[], dns.message.Message]
    ) -> tuple[dns.message.Message, bytes, dns.tsig.Key]:
        key = await self.signer.key(self.primary, self.zone, deadline_s=self.deadline_s)
        message = make()
        answer = await self.primary.exchange(sign(message, key), deadline_s=self.deadline_s)
        return message, answer, key


SERIAL_S = 1.0
"""How long a serial that one pair asked for serves the others: an audit asks once a zone, not once a pair."""


class Zone:
    """A zone, its primaries in the order of preference, and the one that answered last.

    Without `primaries` there is one, which `locator` finds when it is first needed.
    """

    def __init__(  # noqa: PLR0913 - what an operator says of a zone
        self,
        name: str,
        primaries: Sequence[Server],
        signer: Signer,
        *,
        deadline_s: float,
        serial_s: float = SERIAL_S,
        locator: Locator | None = None,
    ) -> None:
        if not primaries and locator is None:
            raise ValueError(f"zone {name} has no primaries and nobody to find them")
        self.name = name
        self.signer = signer
        self._deadline_s = deadline_s
        self._sittings = [Sitting(name, primary, signer, deadline_s) for primary in primaries]
        self._locator = None if primaries else locator
        self._first = 0
        self._serial_s = serial_s
        self._serials: dict[Sitting, tuple[float, asyncio.Task[Soa]]] = {}

    @property
    def sitting(self) -> Sitting:
        """The zone at the primary that answered last."""
        return self._sittings[self._first]

    @property
    def sittings(self) -> tuple[Sitting, ...]:
        """The zone at each of its primaries, in the order of preference, as far as they are known."""
        return tuple(self._sittings)

    async def located(self) -> tuple[Sitting, ...]:
        """Return `sittings` once the primary is found; ReadError if it is not. Asks nothing within its life."""
        if self._locator is not None:
            await self._locate(self._locator)
        return self.sittings

    def forget(self) -> None:
        """Ask anew, next time, which server the primary is; one that is configured stays."""
        if self._locator is not None:
            self._locator.forget(self.name)

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

    async def survey(self, keys: Iterable[Key]) -> tuple[Sitting, Soa, dict[Key, RRset]]:
        """Return what `read` does, with the SOA as it was before: what changes meanwhile shows later."""
        keys = tuple(keys)

        async def look(sitting: Sitting) -> tuple[Soa, dict[Key, RRset]]:
            soa = await sitting.soa()
            return soa, await sitting.without_wildcards(await sitting.read(keys))

        sitting, (soa, found) = await self._at_first(look)
        return sitting, soa, found

    async def _at_first(self, call: Callable[[Sitting], Awaitable[T]]) -> tuple[Sitting, T]:
        if self._locator is not None:
            return await self._at_located(self._locator, call)
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

    async def _at_located(
        self, locator: Locator, call: Callable[[Sitting], Awaitable[T]]
    ) -> tuple[Sitting, T]:
        """Call at the primary that was found; if it is of no use, at the one that is found now, if another."""
        name, sitting = await self._locate(locator)
        try:
            return sitting, await call(sitting)
        except (ReadError, UnsentError, SilentError) as error:
            locator.forget(self.name)
            name_now, now = await self._locate(locator)
            if now is sitting:
                raise self._useless(name, error) from error
        try:
            return now, await call(now)
        except (ReadError, UnsentError, SilentError) as error:
            locator.forget(self.name)
            raise self._useless(name_now, error) from error

    async def _locate(self, locator: Locator) -> tuple[str, Sitting]:
        located = await locator.locate(self.name)
        if not self._sittings or self.sitting.primary is not located.server:
            self._sittings = [Sitting(self.name, located.server, self.signer, self._deadline_s)]
            self._serials.clear()
        return located.name, self.sitting

    def _useless(self, primary: str, error: FailoverDnsError) -> ReadError:
        what = f"zone {self.name}: its SOA names {primary} as its primary: {error.what}"
        own = "" if isinstance(error, UnsentError | SilentError) else f"{error.cure}; "
        elsewhere = 'if updates go elsewhere (a hidden primary), write primaries = ["..."] into its [[zones]]'
        return ReadError(what, own + elsewhere)
