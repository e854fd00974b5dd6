"""The description is held against the server: schemathesis makes up requests from it and judges the answers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from failover_dns.edge.control.openapi import openapi
from failover_dns.edge.control.routes import ROUTES, Route
from tests.edge.control.channel import Channel

DESCRIPTION = Path(__file__).parents[3] / "docs/openapi.json"


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
async def test_whatever_is_asked_is_answered_as_described(channel: Channel, route: Route) -> None:
    schema = schemathesis.openapi.from_path(DESCRIPTION)
    operation = schema[route.path][route.method]

    @given(case=operation.as_strategy())
    @settings(max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def explore(case: schemathesis.Case[Any]) -> None:
        token = {"Authorization": f"Bearer {channel.token}"}
        case.call_and_validate(base_url=channel.url, headers=token)

    await asyncio.to_thread(explore)


def test_every_path_is_described_and_an_order_asks_for_the_token() -> None:
    paths = openapi()["paths"]
    assert set(paths) == {route.path for route in ROUTES}
    assert {path for path, item in paths.items() if "security" in item.get("post", {})} == {
        "/v1/resync",
        "/v1/freeze",
        "/v1/thaw",
        "/v1/release",
        "/v1/reload",
    }


def test_what_is_asked_and_what_is_answered_have_names_of_their_own() -> None:
    asked = {route.body.__name__ for route in ROUTES if route.body is not None}
    schemas = openapi()["components"]["schemas"]
    assert {name for name, schema in schemas.items() if schema.get("additionalProperties") is False} == asked
