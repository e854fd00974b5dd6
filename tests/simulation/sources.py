"""The agents' status files, as the daemons see them: whole or half written, fresh or frozen, true or lied about.

Whoever writes a file here writes down, too, what it means: that is held against what a daemon makes of it.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from failover_dns.core.model import Role
from failover_dns.core.sources import Glance
from tests.simulation.scenario import JSON, Scenario

WORDS = {
    Role.ONLINE: ("online", "MASTER", "Online\r\n"),
    Role.OFFLINE: ("offline", "BACKUP", "Offline\n"),
    Role.SWITCHING: ("going online", "Preparing to go online"),
    Role.UNKNOWN: ("not online", "starting", "unknown"),
}

HUNG_S = 2.0
MISSING = "there is no file there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A file's content and its meaning; `frozen_s` is when it was last touched, None while it is again and again."""

    content: bytes = b""
    role: Role = Role.UNKNOWN
    since_s: float | None = None
    frozen_s: float | None = None
    problem: str | None = None
    hangs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What one look at a file showed, by the file's own truth."""

    at_s: float
    role: Role
    since_s: float | None


class Reader(Protocol):
    """Who looks: a daemon in one of its lives."""

    @property
    def name(self) -> str: ...

    def wall(self) -> float: ...

    def saw(self, agent: str, sighting: Sighting) -> None: ...


@dataclass(slots=True)
class Files:
    """All status files, and what single daemons are shown instead."""

    scenario: Scenario
    rng: random.Random
    now_s: Callable[[], float]
    wall_s: Callable[[], float]
    written: dict[str, Written] = field(default_factory=dict)
    instead: dict[tuple[str, str], Written] = field(default_factory=dict)

    def write(self, agent: str, role: Role) -> None:
        """Write an agent's file anew."""
        self.written[agent] = self.made(role)

    def made(self, role: Role) -> Written:
        word = self.rng.choice(WORDS[role])
        if self.scenario.form is not JSON:
            return Written(content=word.encode(), role=role)
        since_s = round(self.wall_s(), 1)
        text = json.dumps({"state": word.strip(), "since": since_s})
        return Written(content=text.encode(), role=role, since_s=since_s)

    def halve(self, agent: str) -> None:
        """Leave a file as it stands in the middle of being written."""
        whole = self.written[agent]
        content = whole.content[: self.rng.choice((0, 1, 3))]
        self.written[agent] = replace(whole, content=content, role=Role.UNKNOWN, since_s=None)

    def freeze(self, agent: str) -> None:
        """Let a crashed agent's file say for ever what it says."""
        self.written[agent] = replace(self.written[agent], frozen_s=self.wall_s())

    def shown(self, daemon: str, agent: str) -> Written:
        return self.instead.get((daemon, agent), self.written[agent])


@dataclass(frozen=True, slots=True)
class Sight:
    """One agent's file, as one daemon reads it (`conduct.observe.File`)."""

    files: Files
    reader: Reader
    agent: str

    async def glance(self) -> Glance:
        await asyncio.sleep(0)
        shown = self.files.shown(self.reader.name, self.agent)
        if shown.hangs:
            await asyncio.sleep(HUNG_S)
        unseen = self.agent not in self.files.scenario.sees[self.reader.name]
        problem = MISSING if unseen else "no answer within 2 s" if shown.hangs else shown.problem
        modified_s = self.files.wall_s() if shown.frozen_s is None else shown.frozen_s
        self.reader.saw(self.agent, self._sighting(shown, problem, modified_s))
        return Glance(content=b"" if problem else shown.content, modified_s=modified_s, problem=problem)

    def _sighting(self, shown: Written, problem: str | None, modified_s: float) -> Sighting:
        most_s = self.files.scenario.max_age_s
        stale = most_s is not None and self.reader.wall() - modified_s > most_s
        role = Role.UNKNOWN if problem or stale else shown.role
        since_s = None if role is Role.UNKNOWN else shown.since_s
        return Sighting(at_s=self.files.now_s(), role=role, since_s=since_s)
