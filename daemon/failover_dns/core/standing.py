"""How each zone of each pair stands, as the change log tells it: done, refused since when, or not known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from failover_dns.core.changelog import Converged, Intent, Line, Result, Shown
from failover_dns.core.outcome import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One zone of one pair: what its last change was to show, what became of it, and since when.

    `since` and `last` are the log's own times (RFC 3339): the first and the last outcome of an unbroken row of
    the same verdict. `tries` counts that row. An intent without an outcome has no verdict.
    """

    pair: str
    zone: str
    online: str
    verdict: Verdict | None
    since: str
    last: str
    tries: int = 1
    what: str = ""
    cure: str = ""
    intent: int = 0
    servers: tuple[Shown, ...] = ()

    @property
    def done(self) -> bool:
        """Whether the last change was made."""
        return self.verdict is Verdict.APPLIED


def standings(lines: Iterable[Line]) -> tuple[Standing, ...]:
    """Return how every zone of every pair stands after `lines`, sorted by pair and zone."""
    found: dict[tuple[str, str], Standing] = {}
    intents: dict[int, tuple[Intent, str]] = {}
    for line in lines:
        at = str(line.raw["time"])
        match line.entry:
            case Intent() as intent:
                intents[line.seq] = (intent, at)
            case Result() as result:
                closed = intents.pop(result.intent, None)
                of = (result.pair, result.zone)
                found[of] = _after(found.get(of), result, closed and closed[0], at)
            case Converged(pair=pair, zone=zone, intent=seq, servers=servers):
                known = found.get((pair, zone))
                if known is not None and known.intent == seq:
                    found[pair, zone] = replace(known, servers=servers)
            case _:
                continue
    for seq, (intent, at) in intents.items():
        found[intent.pair, intent.zone] = Standing(
            pair=intent.pair,
            zone=intent.zone,
            online=intent.online,
            verdict=None,
            since=at,
            last=at,
            intent=seq,
        )
    return tuple(found[of] for of in sorted(found))


def behind(found: Iterable[Standing]) -> frozenset[tuple[str, str]]:
    """Return the pair and zone of those that still show another agent than the pair's latest change does."""
    found = tuple(found)
    latest: dict[str, Standing] = {}
    for one in found:
        latest[one.pair] = max(latest.get(one.pair, one), one, key=lambda each: each.intent)
    return frozenset((one.pair, one.zone) for one in found if one.online != latest[one.pair].online)


def _after(before: Standing | None, result: Result, intent: Intent | None, at: str) -> Standing:
    online = intent.online if intent else before.online if before else ""
    again = before is not None and (before.verdict, before.online) == (result.verdict, online)
    return Standing(
        pair=result.pair,
        zone=result.zone,
        online=online,
        verdict=result.verdict,
        since=before.since if before and again else at,
        last=at,
        tries=before.tries + 1 if before and again else 1,
        what=result.what,
        cure=result.cure,
        intent=result.intent,
    )
