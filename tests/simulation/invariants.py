"""What must hold whatever happens: judged at every line of a change log and at every change of a zone.

Everything is held against the simulated world's own truth, and never against what a daemon believes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from failover_dns.core.changelog import Entry, Intent, Result, Verified, verify
from failover_dns.core.model import Layout
from failover_dns.core.outcome import Verdict
from tests.simulation.minds import Mind
from tests.simulation.notes import Noted, Notes
from tests.simulation.order import Order
from tests.simulation.primaries import Applied, Primary
from tests.simulation.scenario import Scenario
from tests.simulation.story import Story
from tests.simulation.truth import Rr, as_read, changed, fence_owner, has, physical, rr, shown, table, values

FAMILIES = frozenset({"A", "AAAA"})


@dataclass(slots=True)
class Judge:
    """Holds every event against the invariants; what is wrong is in `violations`."""

    scenario: Scenario
    story: Story
    primaries: Mapping[str, Primary]
    violations: list[str] = field(default_factory=list)
    changes: int = 0
    order: Order = field(init=False)
    notes: Notes = field(init=False)

    def __post_init__(self) -> None:
        self.order = Order(self.scenario.pair)
        self.notes = Notes({zone: self.primaries[at] for zone, at in self.scenario.zones.items()})

    def blame(self, what: str) -> None:
        self.violations.append(what)
        self.story.tell(f"VIOLATION: {what}")

    def written(self, daemon: str, mind: Mind, seq: int, entry: Entry) -> None:
        """Judge a line that is on a daemon's disk."""
        match entry:
            case Intent():
                self.story.tell(f"{daemon} intends #{seq} {_intent(entry)}")
                said = {agent: mind.says(agent) for agent in self.scenario.agents}
                began_s = mind.began_s(entry.online)
                self.notes.noted[daemon, seq] = Noted(
                    entry, self.story.now_s(), mind.changed_s, began_s, said
                )
                for what in mind.unfounded(entry, self.story.now_s()):
                    self.blame(f"{daemon} #{seq} {what}")
            case Result():
                came = f"{entry.verdict} ({entry.said}) {entry.what}".rstrip()
                self.story.tell(f"{daemon} outcome of #{entry.intent}: {came}")
                self._close(daemon, entry)
            case _:
                self.story.tell(f"{daemon} writes #{seq}: {type(entry).__name__}")

    def applied(self, daemon: str, durable: int, update: Applied) -> None:
        """Judge an update of `daemon` that changed a zone; it was sent with `durable` lines on its disk."""
        removed, added = changed(update.before, update.after)
        self.changes += 1
        self.story.tell(f"{update.primary} {update.zone} changed by {daemon}: {shown(removed, added)}")
        noted = self.notes.of(daemon, durable, update)
        if not noted:
            self.blame(f"{daemon} changed {update.zone} without an intent on its disk")
            return
        for what in self._wrong(daemon, noted, update):
            self.blame(f"{daemon} {what}")

    def unsettled(self, online: str) -> Iterator[str]:
        """Return what is not yet as it should be once all is quiet, `online` being the one agent that is."""
        want = table(self.scenario.pair, online)
        zones = [self.primaries[at].nodes(zone) for zone, at in self.scenario.zones.items()]
        for one in sorted(want.present):
            if not any(has(nodes, one) for nodes in zones):
                yield f"{' '.join(one)} is missing"
        for one in sorted(want.absent):
            if any(has(nodes, one) for nodes in zones):
                yield f"{' '.join(one)} is still there"
        for (daemon, seq), noted in self.notes.noted.items():
            if not noted.closed:
                yield f"{daemon} #{seq} has no outcome"

    def verify(self, daemon: str, lines: Iterable[bytes]) -> None:
        found = verify(lines)
        if not isinstance(found, Verified):
            self.blame(f"{daemon}'s change log is broken at line {found.position}: {found.why}")

    def _close(self, daemon: str, result: Result) -> None:
        noted = self.notes.noted.get((daemon, result.intent))
        if noted is None or noted.closed:
            self.blame(f"{daemon} gives an outcome of #{result.intent}, which is no open intent")
            return
        noted.closed = True
        if result.verdict is Verdict.APPLIED and not self.notes.came_true(noted):
            self.blame(f"{daemon} says that #{result.intent} was applied, and it never was")

    def _wrong(self, daemon: str, noted: list[Noted], update: Applied) -> Iterator[str]:
        """Return what is wrong with an update that has these intents, the last of which it stands for."""
        if not any(as_read(update.before, one.intent.change) for one in noted):
            yield f"changed records of {update.zone} that were not as it had read them"
        last = noted[-1]
        removed, added = changed(update.before, update.after)
        yield from self._foreign(last.intent, removed, added)
        yield from self._homeless(update, removed)
        yield from self._orphaned(daemon, last.intent, removed)
        if self.scenario.fence:
            yield from self.order.broken(daemon, update, last)

    def _foreign(self, intent: Intent, removed: Iterable[Rr], added: Iterable[Rr]) -> Iterator[str]:
        want = table(self.scenario.pair, intent.online)
        fence = (fence_owner(self.scenario.pair, intent.zone), "TXT")
        own = physical(self.scenario.pair)
        for one in sorted(removed):
            if one not in want.absent and one[:2] != fence:
                whose = "a host's own address" if one in own else "a foreign record"
                yield f"removed {whose}: {' '.join(one)}"
        for one in sorted(added):
            if one not in want.present and one[:2] != fence:
                yield f"added what {intent.online} is not to have: {' '.join(one)}"

    def _homeless(self, update: Applied, removed: Iterable[Rr]) -> Iterator[str]:
        """Return which agents' names lost their last address."""
        for name, kind, _ in sorted(removed):
            [other] = FAMILIES - {kind} if kind in FAMILIES else [""]
            if not other or name not in self.scenario.agents:
                continue
            left = any(values(update.after, name, family) for family in FAMILIES)
            if not left:
                yield f"left {name} without any address"

    def _orphaned(self, daemon: str, intent: Intent, removed: Iterable[Rr]) -> Iterator[str]:
        """Return which address was taken from one name before the same transaction had added it at the other."""
        if self.scenario.pair.layout is not Layout.AGENT_NAME:
            return
        for name, kind, value in sorted(one for one in removed if one[1] in FAMILIES):
            for noted in self.notes.siblings(daemon, intent):
                added = {rr(record) for record in noted.intent.change.adds if rr(record)[1:] == (kind, value)}
                if added and not self.notes.came_true(noted):
                    yield f"took {value} from {name} before {' '.join(min(added))} was there"


def _intent(intent: Intent) -> str:
    change = shown(map(rr, intent.change.removes), map(rr, intent.change.adds))
    why = f"{intent.cause}, {intent.reason}, woken by {intent.wake}"
    return f"{intent.zone} online {intent.online}: {change} ({why})"
