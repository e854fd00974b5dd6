"""What is watched for progress beside the pairs' walks: every endpoint that is asked in the background."""

from __future__ import annotations

from contextlib import AsyncExitStack

from failover_dns.conduct.combine import Combined
from failover_dns.core.combine import How
from failover_dns.edge.generation import BESIDES_S, polls
from tests.conduct.test_poll import MAIN, ONLINE, Clock, Endpoint, polled


async def test_an_endpoint_that_was_polled_is_to_be_polled_again_in_time() -> None:
    clock, endpoint, unasked = Clock(), Endpoint(), Endpoint()
    source = polled(endpoint, clock)
    combined = Combined(MAIN, [source, polled(unasked, clock)], How.FIRST, clock=clock)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(combined.watched(lambda: None))
        endpoint.answer(ONLINE)
        await endpoint.polled(2)
        [sign] = polls([combined])
        assert (sign.what, sign.last) == (f"polling {source.source.label}", clock())
        assert sign.allowed_s == source.pace_s + BESIDES_S
