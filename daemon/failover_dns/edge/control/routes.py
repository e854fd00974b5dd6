"""The control channel's paths: what each asks for and answers. `server` serves them, `openapi` describes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal

from failover_dns.core.events import EVENTS
from failover_dns.edge.control import bodies, shapes

MAX_LIMIT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of a path or a query, by its name."""

    name: str
    what: str
    schema: dict[str, Any]
    place: Literal["path", "query"] = "query"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One path: what it is for, what it takes, what it answers, and what else than that may be answered.

    `kind` is the answer's media type; a type that ends in `ndjson` is a document a line.
    """

    name: str
    path: str
    what: str
    answers: tuple[Any, ...]
    body: type[bodies.Body] | None = None
    parameters: tuple[Parameter, ...] = ()
    kind: str = "application/json"
    refusals: tuple[HTTPStatus, ...] = field(default=())

    @property
    def method(self) -> str:
        """An order is a POST, a question a GET."""
        return "GET" if self.body is None else "POST"


_LOCK = (HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE)

ROUTES = (
    Route(
        name="health",
        path="/healthz",
        what="Say that the process and its loop are alive.",
        answers=(shapes.Health,),
    ),
    Route(
        name="ready",
        path="/readyz",
        what="Say that the first look at every pair is done and the change log can be written.",
        answers=(shapes.Health,),
        refusals=(HTTPStatus.SERVICE_UNAVAILABLE,),
    ),
    Route(
        name="metrics",
        path="/metrics",
        what="Return what is counted, for Prometheus.",
        answers=(str,),
        kind="text/plain",
    ),
    Route(
        name="status",
        path="/v1/status",
        what="Return how the daemon and all pairs are.",
        answers=(shapes.Status,),
    ),
    Route(
        name="pair",
        path="/v1/pairs/{name}",
        what="Return how one pair is.",
        answers=(shapes.PairStatus,),
        parameters=(
            Parameter(
                name="name",
                what="The pair's name in the configuration.",
                schema={"type": "string", "pattern": "^[A-Za-z0-9_-]{1,63}$"},
                place="path",
            ),
        ),
        refusals=(HTTPStatus.NOT_FOUND,),
    ),
    Route(
        name="changes",
        path="/v1/changes",
        what="Return a page of the change log, newest lines first.",
        answers=(shapes.Changes,),
        parameters=(
            Parameter(name="pair", what="Only lines of this pair.", schema={"type": "string"}),
            Parameter(
                name="event", what="Only lines of this event.", schema={"type": "string", "enum": [*EVENTS]}
            ),
            Parameter(
                name="since",
                what="Only lines since a time (RFC 3339).",
                schema={"type": "string", "format": "date-time"},
            ),
            Parameter(
                name="before",
                what="Only lines of a smaller sequence number: `next` of the page before.",
                schema={"type": "integer", "minimum": 1, "maximum": 2**63},
            ),
            Parameter(
                name="limit",
                what="How many lines at most.",
                schema={"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 100},
            ),
        ),
        refusals=(HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE),
    ),
    Route(
        name="resync",
        path="/v1/resync",
        what="Look at sources and DNS now and put DNS right; a line for each pair as it ends.",
        answers=(shapes.Walked, shapes.Unfinished),
        body=bodies.ResyncOrder,
        kind="application/x-ndjson",
        refusals=(HTTPStatus.NOT_FOUND,),
    ),
    Route(
        name="freeze",
        path="/v1/freeze",
        what="Leave the DNS of pairs as it is.",
        answers=(shapes.OrderedPairs,),
        body=bodies.FreezeOrder,
        refusals=_LOCK,
    ),
    Route(
        name="thaw",
        path="/v1/thaw",
        what="Let the DNS of frozen pairs be changed again.",
        answers=(shapes.OrderedPairs,),
        body=bodies.ThawOrder,
        refusals=_LOCK,
    ),
    Route(
        name="release",
        path="/v1/release",
        what="End the damping of pairs that switched too often.",
        answers=(shapes.OrderedPairs,),
        body=bodies.ReleaseOrder,
        refusals=_LOCK,
    ),
    Route(
        name="reload",
        path="/v1/reload",
        what="Read the configuration anew; if it is wrong nothing changes.",
        answers=(shapes.Reloaded,),
        body=bodies.ReloadOrder,
        refusals=(HTTPStatus.CONFLICT,),
    ),
)
