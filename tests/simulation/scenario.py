"""What one seed's world is made of: a pair, its zones and primaries, and who sees which agent."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address

from failover_dns.core.damping import Damping
from failover_dns.core.model import Address, Agent, BothOnline, Layout, Pair
from failover_dns.core.roles import Format

MAIN_ZONE = "example.test."
OTHER_ZONE = "other.test."
REVERSE = "10.10.10.in-addr.arpa."
REVERSE6 = "0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."

IP4, IP6 = ip_address("10.10.10.5"), ip_address("2001:db8::5")
NAMES = ("alpha", "beta", "gamma")

SHORT = Damping(half_life_s=20.0, limit=4.0, reuse=1.5, max_hold_s=120.0)
JSON = Format(pointer="/state", since_pointer="/since")
WORD = Format()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One world, as its seed has it."""

    pair: Pair
    fence: bool
    damping: Damping | None
    primaries: Mapping[str, Sequence[str]]
    sees: Mapping[str, Sequence[str]]
    form: Format
    max_age_s: float | None
    secondary_lag_s: float | None
    online_at_first: str

    @property
    def zones(self) -> Mapping[str, str]:
        """Return which primary each zone is at."""
        return {zone: primary for primary, zones in self.primaries.items() for zone in zones}

    @property
    def agents(self) -> tuple[str, str]:
        first, second = self.pair.agents
        return first.name, second.name

    def other(self, agent: str) -> str:
        return self.pair.other(agent).name

    def __str__(self) -> str:
        pair = self.pair
        ips = " ".join(map(str, pair.virtual_ips)) or "-"
        at = "; ".join(f"{primary}: {' '.join(zones)}" for primary, zones in self.primaries.items())
        sees = "; ".join(f"{daemon} sees {' '.join(agents)}" for daemon, agents in self.sees.items())
        options = (
            f"keep_physical={pair.keep_physical} both_online={pair.both_online} settle_s={pair.settle_s:g}"
        )
        aged = "" if self.max_age_s is None else f" max_age_s={self.max_age_s:g}"
        options += f" fence={self.fence} damping={self.damping is not None}"
        return f"{pair.layout}, virtual IPs {ips}, {options}{aged}, fence={self.fence}\n{at}\n{sees}"


def chance(seed: str) -> random.Random:
    """Return chance that can be repeated."""
    return random.Random(seed)  # noqa: S311 - nothing is kept secret by it


def draw(rng: random.Random, *, fence: bool = False) -> Scenario:
    """Return a world."""
    layout = rng.choice((Layout.AGENT_NAME, Layout.AGENT_NAME, Layout.VIRTUAL_NAME, Layout.SERVICE_NAME))
    second_zone = rng.choice((MAIN_ZONE, MAIN_ZONE, OTHER_ZONE))
    ips: tuple[Address, ...] = rng.choice(((IP4,), (IP4,), (IP4,), (IP4,), (IP4, IP6), (IP6,)))
    pair = _pair(layout, second_zone, () if layout is Layout.SERVICE_NAME else ips, rng)
    return Scenario(
        pair=replace(pair, fence=True) if fence else pair,
        fence=fence,
        damping=rng.choice((None,) * 4 + (SHORT,)),
        primaries=_primaries(pair, second_zone, rng),
        sees=_sees([agent.name for agent in pair.agents], rng),
        form=rng.choice((WORD, JSON)),
        max_age_s=rng.choice((None, None, 90.0)),
        secondary_lag_s=rng.uniform(0.0, 1.5) if rng.random() < 0.04 else None,
        online_at_first=rng.choice(pair.agents).name,
    )


def _pair(layout: Layout, second_zone: str, ips: tuple[Address, ...], rng: random.Random) -> Pair:
    own6 = rng.random() < 0.3
    return Pair(
        name="dma",
        agents=(
            Agent(name=f"main.{MAIN_ZONE}", addresses=_own(1, own6=own6)),
            Agent(name=f"backup.{second_zone}", addresses=_own(2, own6=own6)),
        ),
        layout=layout,
        virtual_ips=ips,
        published_as=None if layout is Layout.AGENT_NAME else f"published.{MAIN_ZONE}",
        keep_physical=rng.random() < 0.3,
        settle_s=rng.choice((0.0, 0.0, 0.0, 3.0)),
        both_online=rng.choice((BothOnline.NEWER,) * 5 + (BothOnline.HOLD,)),
    )


def _own(number: int, *, own6: bool) -> tuple[Address, ...]:
    return (ip_address(f"10.10.10.{number}"), *((ip_address(f"2001:db8::{number}"),) if own6 else ()))


def _primaries(pair: Pair, second_zone: str, rng: random.Random) -> Mapping[str, Sequence[str]]:
    forward = tuple(dict.fromkeys((MAIN_ZONE, second_zone)))
    reverse = tuple(REVERSE if ip.version == 4 else REVERSE6 for ip in pair.virtual_ips)
    if rng.random() < 0.5:
        return {"ns1": (*forward, *reverse)}
    return {"ns1": forward[:1], "ns2": (*forward[1:], *reverse)}


def _sees(agents: Sequence[str], rng: random.Random) -> Mapping[str, Sequence[str]]:
    """Let most daemons see both agents, and at least one of them."""
    daemons = NAMES[: rng.choice((2, 2, 2, 2, 3))]
    sees = {daemon: agents if rng.random() < 0.8 else (rng.choice(agents),) for daemon in daemons}
    return {**sees, daemons[0]: agents} if all(len(seen) == 1 for seen in sees.values()) else sees
