"""HTTP on one side, `api` on the other: requests are checked and parsed, answers and refusals become JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from pydantic import ValidationError

from failover_dns.core.errors import FailoverDnsError
from failover_dns.core.events import EVENTS
from failover_dns.edge.control import bodies, shapes
from failover_dns.edge.control.api import Api
from failover_dns.edge.control.gate import Gate, RefusedError
from failover_dns.edge.control.pages import Wanted
from failover_dns.edge.control.routes import MAX_LIMIT
from failover_dns.edge.logs import Logger

B = TypeVar("B", bound=bodies.Body)

MAX_BODY = 1024 * 1024
"""Room for the names of all pairs of the largest configuration."""
BODY_S = 5.0
"""For a client to send its body."""
ANSWER_S = 20.0
"""For a client to take what it asked for, or the next line of it."""
METRICS = "text/plain; version=0.0.4; charset=utf-8"
LINES = "application/x-ndjson"

_SEE = "see docs/control.md"


class Handlers:
    """What serves each route, by the route's name."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def health(self, _: web.Request) -> web.StreamResponse:
        """Answer at all."""
        return _json(shapes.Health(status="alive"))

    async def ready(self, _: web.Request) -> web.StreamResponse:
        """Answer if the daemon is ready."""
        return _json(await self._api.ready())

    async def metrics(self, _: web.Request) -> web.StreamResponse:
        """Answer what is counted."""
        return web.Response(body=await self._api.metrics(), headers={"Content-Type": METRICS})

    async def status(self, _: web.Request) -> web.StreamResponse:
        """Answer how everything is."""
        return _encoded(await self._api.status())

    async def pair(self, request: web.Request) -> web.StreamResponse:
        """Answer how a pair is."""
        return _json(self._api.pair(request.match_info["name"]))

    async def changes(self, request: web.Request) -> web.StreamResponse:
        """Answer a page of the change log."""
        return _encoded(await self._api.changes(_wanted(request.query)))

    async def resync(self, request: web.Request) -> web.StreamResponse:
        """Have pairs looked at and answer a line for each as it ends."""
        walks = self._api.resync(await _body(request, bodies.ResyncOrder))
        response = web.StreamResponse(headers={"Content-Type": LINES})
        await response.prepare(request)
        async for walk in walks:
            async with asyncio.timeout(ANSWER_S):
                await response.write(json.dumps(walk).encode() + b"\n")
        return response

    async def freeze(self, request: web.Request) -> web.StreamResponse:
        """Freeze pairs."""
        return _json(await self._api.freeze(await _body(request, bodies.FreezeOrder)))

    async def thaw(self, request: web.Request) -> web.StreamResponse:
        """Thaw pairs."""
        return _json(await self._api.thaw(await _body(request, bodies.ThawOrder)))

    async def release(self, request: web.Request) -> web.StreamResponse:
        """End the damping of pairs."""
        return _json(await self._api.release(await _body(request, bodies.ReleaseOrder)))

    async def reload(self, request: web.Request) -> web.StreamResponse:
        """Read the configuration anew."""
        await _body(request, bodies.ReloadOrder)
        return _json(await self._api.reload())


def guarded(gate: Gate, log: Logger) -> Middleware:
    """Return what stands before every handler: who may ask, how refusals look, how long an answer may take."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            gate.check(request.headers.items(), order=request.method == "POST")
            response = await handler(request)
        except TimeoutError:
            response = _refused(HTTPStatus.SERVICE_UNAVAILABLE, "not answered in time", "ask again")
        except (web.HTTPException, FailoverDnsError) as error:
            response = _said(error)
        except ConnectionError:
            raise
        except Exception:
            log.exception("control_failed", path=request.path, cure="this is a defect: report it")
            response = _refused(HTTPStatus.INTERNAL_SERVER_ERROR, "a defect of the daemon", "see its log")
        await _send(request, response)
        return response

    return guard


async def _send(request: web.Request, response: web.StreamResponse) -> None:
    """Send an answer whole, or cut off a client that does not take it."""
    response.force_close()
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    try:
        async with asyncio.timeout(ANSWER_S):
            await response.prepare(request)
            await response.write_eof()
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()


async def _body(request: web.Request, model: type[B]) -> B:
    if request.content_type != "application/json":
        raise RefusedError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body is not application/json", "send JSON, and say so"
        )
    try:
        async with asyncio.timeout(BODY_S):
            content = await request.read()
    except TimeoutError:
        what = f"the body did not come within {BODY_S:g} s"
        raise RefusedError(HTTPStatus.REQUEST_TIMEOUT, what, "send it at once") from None
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the body"
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"{place}: {first['msg']}", _SEE) from None


def _wanted(query: Mapping[str, str]) -> Wanted:
    event = query.get("event")
    if event is not None and event not in EVENTS:
        raise _wrong("event", f"one of {', '.join(EVENTS)}")
    limit = _number(query, "limit") or 100
    if limit > MAX_LIMIT:
        raise _wrong("limit", f"a number from 1 to {MAX_LIMIT}")
    return Wanted(
        before=_number(query, "before"),
        pair=query.get("pair"),
        event=event,
        since=_moment(query.get("since")),
        limit=limit,
    )


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 20 and 1 <= int(text) <= 2**63):  # noqa: PLR2004 - digits
        raise _wrong(name, "a whole number from 1 on")
    return int(text)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _wrong("since", "a time such as 2026-03-01T09:30:00Z")
    return moment


def _wrong(name: str, right: str) -> RefusedError:
    return RefusedError(HTTPStatus.BAD_REQUEST, f"{name} is not {right}", _SEE)


def _said(error: web.HTTPException | FailoverDnsError) -> web.Response:
    if isinstance(error, web.HTTPException):
        kept = {name: error.headers[name] for name in ("Allow",) if name in error.headers}
        return _refused(HTTPStatus(error.status), error.reason, _SEE, kept)
    if isinstance(error, RefusedError):
        return _refused(error.status, error.what, error.cure, error.headers)
    return _refused(HTTPStatus.SERVICE_UNAVAILABLE, error.what, error.cure)


def _refused(
    status: HTTPStatus, what: str, cure: str, headers: Mapping[str, str] | None = None
) -> web.Response:
    return _json(shapes.Trouble(what=what, cure=cure), status, headers)


def _json(
    value: Any, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> web.Response:
    return _encoded(shapes.encoded(value), status, headers)


def _encoded(
    content: bytes, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> web.Response:
    return web.Response(
        body=content, status=status, headers={"Content-Type": "application/json", **(headers or {})}
    )
