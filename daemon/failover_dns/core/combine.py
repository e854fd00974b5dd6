"""Several sources of one agent become one observation.

`all`: every source must say the same, else UNKNOWN with who says what. `first`: the first in the order of
preference that is not UNKNOWN. Either way ONLINE needs a source that claims it: evidence (`core.holding`)
only confirms or vetoes. What is not held vetoes ONLINE under `all`; other roles stand there without evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from failover_dns.core.model import Instant, Observation, Role

OLD_S = 1.0
"""A reading older than this is said to be so."""


class How(StrEnum):
    """How several sources of one agent are combined."""

    ALL = "all"
    FIRST = "first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one source says; `evidence` if it cannot claim a role by itself."""

    observation: Observation
    evidence: bool = False

    @property
    def role(self) -> Role:
        """The role that it says."""
        return self.observation.role

    @property
    def claims(self) -> bool:
        """Whether it may decide: it knows a role, and is not mere evidence of ONLINE."""
        return self.role is not Role.UNKNOWN and not (self.evidence and self.role is Role.ONLINE)


def combine(agent: str, how: How, parts: Sequence[Part], *, now: Instant) -> Observation:
    """Return the one observation of `agent` that its sources, in the order of preference, amount to."""
    match how:
        case How.ALL:
            return _all(agent, parts, now)
        case How.FIRST:
            return _first(agent, parts, now)
        case _:
            assert_never(how)


def _all(agent: str, parts: Sequence[Part], now: Instant) -> Observation:
    claims = [part for part in parts if not part.evidence]
    roles = {part.role for part in claims}
    if len(roles) != 1 or Role.UNKNOWN in roles:
        return _unknown(agent, parts, now)
    (role,) = roles
    used = parts if role is Role.ONLINE else claims
    if any(part.role is not role for part in used):
        return _unknown(agent, parts, now)
    return _known(agent, used, now)


def _first(agent: str, parts: Sequence[Part], now: Instant) -> Observation:
    for part in parts:
        if part.claims:
            return _known(agent, [part], now)
    return _unknown(agent, parts, now)


def _known(agent: str, used: Sequence[Part], now: Instant) -> Observation:
    sinces = [part.observation.since_s for part in used if not part.evidence]
    return Observation(
        agent=agent,
        role=used[0].role,
        read=_oldest(used, now),
        source=_sources(used),
        reason=_reasons(used, now),
        since_s=next((since_s for since_s in sinces if since_s is not None), None),
    )


def _unknown(agent: str, parts: Sequence[Part], now: Instant) -> Observation:
    return Observation(
        agent=agent,
        role=Role.UNKNOWN,
        read=_oldest(parts, now),
        source=_sources(parts),
        reason=_reasons(parts, now),
    )


def _oldest(parts: Sequence[Part], now: Instant) -> Instant:
    return min((part.observation.read for part in parts), key=lambda read: read.mono_s, default=now)


def _sources(parts: Sequence[Part]) -> str:
    return " and ".join(part.observation.source for part in parts) or "no source"


def _reasons(parts: Sequence[Part], now: Instant) -> str:
    return "; ".join(_said(part, now) for part in parts) or "there is no source"


def _said(part: Part, now: Instant) -> str:
    observation = part.observation
    age_s = now.mono_s - observation.read.mono_s
    old = f", read {age_s:.0f} s ago" if age_s > OLD_S else ""
    return f"{observation.source}: {observation.role} ({observation.reason}{old})"
