"""The way between a daemon and a primary: messages are lost, late, doubled and overtaken, and so are answers.

What was sent arrives whether its sender still lives or not.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from failover_dns.core.errors import SilentError, UnsentError
from tests.simulation.primaries import Applied, Primary

QUICK_S = 0.002
LATEST_S = 60.0
"""How much later a doubled message may come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """What happens to messages on one way; shares are of messages."""

    cut: bool = False
    closed: bool = False
    lost: float = 0.0
    answers_lost: float = 0.0
    broken: float = 0.0
    slow_s: float = QUICK_S
    doubled: float = 0.0


FAIR = Weather()


class Sender(Protocol):
    """Who sends: a daemon in one of its lives."""

    @property
    def name(self) -> str: ...

    @property
    def alive(self) -> bool: ...

    def sending(self) -> Callable[[Applied], None]:
        """Return who is told if the message that is sent now changes something."""
        ...


@dataclass(slots=True)
class Network:
    """All ways; `lose_answers` counts, for each daemon, the next answers to be lost."""

    rng: random.Random
    weather: dict[tuple[str, str], Weather] = field(default_factory=dict)
    lose_answers: dict[str, int] = field(default_factory=dict)
    sent: int = 0

    def between(self, daemon: str, primary: str) -> Weather:
        return self.weather.get((daemon, primary), FAIR)

    def loses_answer(self, daemon: str, weather: Weather) -> bool:
        if self.lose_answers.get(daemon):
            self.lose_answers[daemon] -= 1
            return True
        return self.rng.random() < weather.answers_lost


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """One primary as one daemon reaches it (`conduct.zone.Server`)."""

    network: Network
    sender: Sender
    primary: Primary

    def __str__(self) -> str:
        return f"{self.primary.name}#53"

    async def exchange(self, wire: bytes, *, deadline_s: float) -> bytes:
        if not self.sender.alive:
            raise asyncio.CancelledError
        weather = self.network.between(self.sender.name, self.primary.name)
        if weather.cut or weather.closed or not self.primary.up:
            await asyncio.sleep(deadline_s if weather.cut else QUICK_S)
            raise UnsentError(f"{self} cannot be reached", "is the server running there?")
        answer = self._send(wire, weather)
        try:
            async with asyncio.timeout(deadline_s):
                found = await answer
        except TimeoutError:
            raise SilentError(f"{self} gave no answer in time", "its log says whether it got one") from None
        if found is None:
            raise SilentError(f"{self} broke the connection", "its log says why")
        return found

    def _send(self, wire: bytes, weather: Weather) -> asyncio.Future[bytes | None]:
        loop, rng = asyncio.get_running_loop(), self.network.rng
        answer: asyncio.Future[bytes | None] = loop.create_future()
        told = self.sender.sending()
        self.network.sent += 1
        if rng.random() >= weather.lost:
            loop.call_later(rng.expovariate(1 / weather.slow_s), self._arrive, wire, told, weather, answer)
        if rng.random() < weather.doubled:
            loop.call_later(rng.uniform(0.0, LATEST_S), self._again, wire, told)
        return answer

    def _arrive(
        self,
        wire: bytes,
        told: Callable[[Applied], None],
        weather: Weather,
        answer: asyncio.Future[bytes | None],
    ) -> None:
        if not self.primary.up:
            return
        found = self.primary.answer(wire, told)
        if found is None or self.network.loses_answer(self.sender.name, weather):
            return
        rng = self.network.rng
        broken = rng.random() < weather.broken
        late_s = rng.expovariate(1 / weather.slow_s)
        asyncio.get_running_loop().call_later(late_s, _settle, answer, None if broken else found)

    def _again(self, wire: bytes, told: Callable[[Applied], None]) -> None:
        if self.primary.up:
            self.primary.answer(wire, told)


def _settle(answer: asyncio.Future[bytes | None], found: bytes | None) -> None:
    if not answer.done():
        answer.set_result(found)
