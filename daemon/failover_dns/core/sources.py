"""What a source showed becomes observations: the rules for each kind of source, without reading any.

This is the place for "stale", "too large" and "missing": an effect only brings what it found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from failover_dns.core.model import Instant, Observation
from failover_dns.core.roles import Format, Reading, read_online_name, read_text, unknown

MAX_BYTES = 64 * 1024
"""No role needs more; what is larger is not a status file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSource:
    """A status file: one agent's own, or the pair's, whose text names the online agent.

    `names` gives, for each folded word that the file may hold, the agent that it names; with `names` the file
    is the pair's, else it is `agent`'s own. `max_age_s` counts from the file's last modification.
    """

    path: str
    agent: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    form: Format = field(default_factory=Format)
    max_age_s: float | None = None

    @property
    def agents(self) -> tuple[str, ...]:
        """The agents that the file speaks of."""
        return (self.agent,) if self.agent is not None else tuple(dict.fromkeys(self.names.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """What reading a file brought: at most MAX_BYTES + 1 of it and when it was modified, or a problem."""

    content: bytes = b""
    modified_s: float = 0.0
    problem: str | None = None


def observe_file(source: FileSource, glance: Glance, *, now: Instant) -> tuple[Observation, ...]:
    """Return one observation for each agent that the file speaks of."""
    readings = _read(source, glance, now)
    return tuple(
        Observation(
            agent=agent,
            role=reading.role,
            read=now,
            source=f"file {source.path}",
            reason=reading.reason,
            since_s=reading.since_s,
        )
        for agent, reading in readings.items()
    )


def _read(source: FileSource, glance: Glance, now: Instant) -> Mapping[str, Reading]:
    problem = glance.problem or _unfit(source, glance, now)
    if problem is not None:
        return dict.fromkeys(source.agents, unknown(problem))
    if source.agent is not None:
        return {source.agent: read_text(glance.content, source.form)}
    return read_online_name(glance.content, source.form, source.names)


def _unfit(source: FileSource, glance: Glance, now: Instant) -> str | None:
    if len(glance.content) > MAX_BYTES:
        return f"it is larger than {MAX_BYTES // 1024} KiB"
    age_s = now.wall_s - glance.modified_s
    if source.max_age_s is not None and age_s > source.max_age_s:
        return f"it was last written {age_s:.0f} s ago, longer than max_age_s = {source.max_age_s:g}"
    return None
