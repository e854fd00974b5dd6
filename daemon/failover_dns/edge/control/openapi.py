"""The control channel's description, `docs/openapi.json`, made from its routes and the types that they name."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from failover_dns.edge.control.routes import ROUTES, Parameter, Route
from failover_dns.edge.control.shapes import Trouble

REF = "#/components/schemas/{model}"
ALWAYS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.MISDIRECTED_REQUEST)
WITH_BODY = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)
"""What may be answered to whatever carries a body."""

DESCRIPTION = """\
The local HTTP API of a running daemon. Its address is in control.json, and the token for orders in control.token, \
both in the state directory. Requests of web pages are refused, and so is whoever asks by a name that is not this \
host's. Where anything but loopback is listened at there is TLS, and the token is needed for reading too."""


def openapi() -> dict[str, Any]:
    """Return the description, in OpenAPI 3.1."""
    shapes = {shape for route in ROUTES for shape in route.answers if shape is not str} | {Trouble}
    inputs: list[Any] = [
        (shape, "serialization", TypeAdapter(shape))
        for shape in sorted(shapes, key=lambda shape: shape.__name__)
    ]
    found, schemas = TypeAdapter.json_schemas(inputs, ref_template=REF)
    named = {shape.__name__: found[shape, mode] for shape, mode, _ in inputs}
    _, models = models_json_schema(
        [(route.body, "validation") for route in ROUTES if route.body is not None], ref_template=REF
    )
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, named)
    return {
        "openapi": "3.1.0",
        "info": {"title": "failover-dns", "version": "1", "description": DESCRIPTION},
        "paths": paths,
        "components": {
            "schemas": {**models["$defs"], **schemas.get("$defs", {})},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route, named: dict[str, Any]) -> dict[str, Any]:
    answer = (
        {"type": "string"} if route.answers == (str,) else _any([named[s.__name__] for s in route.answers])
    )
    refusals = {*ALWAYS, *route.refusals, *(WITH_BODY if route.body else ())}
    found: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.what,
        "parameters": [_parameter(parameter) for parameter in route.parameters],
        "responses": {
            "200": {"description": "Done.", "content": {route.kind: {"schema": answer}}},
            **{str(status.value): _refusal(status, named) for status in sorted(refusals)},
        },
    }
    if route.body is not None:
        schema = {"$ref": REF.format(model=route.body.__name__)}
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
        found["security"] = [{"token": []}]
    return found


def _any(schemas: list[Any]) -> Any:
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _refusal(status: HTTPStatus, named: dict[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": named[Trouble.__name__]}}
    return {"description": f"{status.phrase}.", "content": content}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.place == "path",
        "description": parameter.what,
        "schema": parameter.schema,
    }
