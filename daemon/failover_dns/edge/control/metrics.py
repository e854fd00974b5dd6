"""What Prometheus is told: counts and times as they come, and how each pair is at the moment it asks."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from failover_dns.conduct.walk import Wake, Walk
from failover_dns.core.changelog import Cause, Converged, Entry, Held, Intent, Peer, Result
from failover_dns.core.decide import Hold, Reason
from failover_dns.core.model import Role
from failover_dns.core.outcome import Verdict
from failover_dns.edge.control.picture import Facts, picture
from failover_dns.edge.control.shapes import PairStatus

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""From a local primary's few milliseconds to a secondary that polls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """How everything is at one moment: each pair, and the lengths of queues by their names."""

    pairs: tuple[Facts, ...]
    queues: Mapping[str, int]
    ready: bool


class Metrics:
    """Counts what walks and the change log tell; `moment` says how things are when it is asked."""

    def __init__(self, version: str) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._registry)
        self._version = version
        self._told: dict[str, Reason | None] = {}
        self._counted: dict[str, str] = {}
        self._walks = self._counter("walks", "Looks at a pair, by what woke them.", "pair", "why")
        self._switches = self._counter(
            "switches", "Switches that DNS followed, in at least one zone.", "pair"
        )
        self._repairs = self._counter("drift_repairs", "Zones repaired though nobody switched.", "pair")
        self._outcomes = self._counter("outcomes", "What became of updates.", "pair", "verdict", "rcode")
        self._holds = self._counter("holds", "Holds that began, by their reason.", "pair", "reason")
        self._damped = self._counter("damped", "Moves that flap damping held.", "pair")
        self._peers = self._counter("peer_decisions", "Decisions of other daemons that were seen.", "pair")
        self._late = self._counter("late_secondaries", "Servers that did not show a change in time.", "zone")
        self._verified = self._histogram(
            "event_to_verified_seconds", "From the event to the change read back from the primary.", "cause"
        )
        self._shown = self._histogram(
            "event_to_last_secondary_seconds", "From the event until the last server of the zone showed it."
        )

    def __call__(self, walk: Walk, wake: Wake) -> None:
        """Take in a walk."""
        self._walks.labels(walk.pair, wake.why).inc()
        reason = walk.decision.reason if isinstance(walk.decision, Hold) else None
        if reason is not None and self._told.get(walk.pair) is not reason:
            self._holds.labels(walk.pair, reason).inc()
        self._told[walk.pair] = reason

    def heard(self, entry: Entry, intent: Intent | None) -> None:
        """Take in a line of the change log."""
        match entry:
            case Result():
                self._outcome(entry, intent)
            case Converged(zone=zone, servers=servers):
                late = sum(server.delay_ms is None for server in servers)
                if late:
                    self._late.labels(zone).inc(late)
                elif servers:
                    self._shown.observe(max(server.delay_ms or 0.0 for server in servers) / 1000)
            case Peer(pair=pair):
                self._peers.labels(pair).inc()
            case Held(pair=pair, reason=Reason.DAMPED):
                self._damped.labels(pair).inc()

    def text(self, moment: Moment) -> bytes:
        """Return everything in Prometheus' text format; may be called beside the loop."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_At(self._version, moment))
        return generate_latest(self._registry) + generate_latest(registry)

    def _outcome(self, result: Result, intent: Intent | None) -> None:
        self._outcomes.labels(result.pair, result.verdict, result.rcode or "none").inc()
        if result.verdict is not Verdict.APPLIED or intent is None:
            return
        if result.took_ms is not None:
            self._verified.labels(intent.cause).observe(result.took_ms / 1000)
        if intent.cause is Cause.DRIFT:
            self._repairs.labels(result.pair).inc()
        elif intent.cause is Cause.SWITCH and self._counted.get(result.pair) != result.transaction:
            self._counted[result.pair] = result.transaction
            self._switches.labels(result.pair).inc()

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(name, what, labels, namespace="failover_dns", registry=self._registry)

    def _histogram(self, name: str, what: str, *labels: str) -> Histogram:
        return Histogram(
            name, what, labels, namespace="failover_dns", registry=self._registry, buckets=BUCKETS_S
        )


Sample = tuple[tuple[str, ...], float]
"""The values of a series' labels, and its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gauge:
    """A gauge of pairs: its name, what it says, its labels, and how it is read off a pair."""

    name: str
    what: str
    labels: tuple[str, ...]
    of: Callable[[PairStatus], Iterable[Sample]]


GAUGES = (
    _Gauge(
        name="online",
        what="1 for the agent that was decided for, 0 for the other.",
        labels=("pair", "agent"),
        of=lambda pair: [((pair.pair, seen.agent), float(seen.agent == pair.online)) for seen in pair.agents],
    ),
    _Gauge(
        name="agent_role",
        what="1 for the role that an agent's source says, 0 for the others.",
        labels=("pair", "agent", "role"),
        of=lambda pair: [
            ((pair.pair, seen.agent, role), float(seen.role == role)) for seen in pair.agents for role in Role
        ],
    ),
    _Gauge(
        name="source_age_seconds",
        what="How long ago an agent's source was read.",
        labels=("pair", "agent"),
        of=lambda pair: [((pair.pair, seen.agent), seen.age_s) for seen in pair.agents],
    ),
    _Gauge(
        name="held",
        what="1 while a pair is held, by the reason.",
        labels=("pair", "reason"),
        of=lambda pair: [((pair.pair, str(pair.reason)), 1.0)] if pair.decision == "hold" else [],
    ),
    _Gauge(
        name="in_order",
        what="Whether DNS is as decided.",
        labels=("pair",),
        of=lambda pair: [((pair.pair,), float(pair.in_order))],
    ),
    _Gauge(
        name="troubles",
        what="How many things are wrong with a pair; /v1/status says which.",
        labels=("pair",),
        of=lambda pair: [((pair.pair,), float(len(pair.wrong)))],
    ),
    _Gauge(
        name="frozen",
        what="Whether an operator froze a pair.",
        labels=("pair",),
        of=lambda pair: [((pair.pair,), float(pair.frozen is not None))],
    ),
    _Gauge(
        name="penalty",
        what="What a pair's switches count by now, for flap damping.",
        labels=("pair",),
        of=lambda pair: [((pair.pair,), pair.penalty)],
    ),
    _Gauge(
        name="looked_seconds",
        what="How long ago a pair was looked at.",
        labels=("pair",),
        of=lambda pair: [] if pair.looked_s is None else [((pair.pair,), pair.looked_s)],
    ),
    _Gauge(
        name="updates_in_flight",
        what="Updates whose outcome is not there yet.",
        labels=("pair",),
        of=lambda pair: [((pair.pair,), float(pair.in_flight))],
    ),
)


class _At(Collector):
    """How things are at one moment, as Prometheus has it."""

    def __init__(self, version: str, moment: Moment) -> None:
        self._version = version
        self._moment = moment

    def collect(self) -> Iterator[Metric]:
        """Yield each family of series."""
        build = InfoMetricFamily("failover_dns_build", "The version of failover-dns and of Python.")
        build.add_metric([], {"version": self._version, "python": platform.python_version()})
        yield build
        ready = GaugeMetricFamily("failover_dns_ready", "Whether every pair was looked at once.")
        ready.add_metric([], float(self._moment.ready))
        yield ready
        queues = GaugeMetricFamily("failover_dns_queue_length", "How much waits, by where.", labels=["queue"])
        for queue, length in self._moment.queues.items():
            queues.add_metric([queue], length)
        yield queues
        pairs = [picture(facts) for facts in self._moment.pairs]
        for gauge in GAUGES:
            family = GaugeMetricFamily(f"failover_dns_{gauge.name}", gauge.what, labels=gauge.labels)
            for pair in pairs:
                for labels, value in gauge.of(pair):
                    family.add_metric(labels, value)
            yield family
