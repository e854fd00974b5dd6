"""What is watched for progress: every pair's walks, and every endpoint that is asked in the background."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from failover_dns.conduct.combine import Combined
from failover_dns.conduct.poll import FromHttp
from failover_dns.core.model import Instant
from failover_dns.edge.generation import BESIDES_S, _polls

AT = Instant(mono_s=5.0, wall_s=1_772_323_205.0)


def endpoint(label: str, last: Instant | None) -> Any:
    source = FromHttp.__new__(FromHttp)
    source.source = SimpleNamespace(label=label, interval_s=5.0, doubtful_s=1.0, timeout_s=2.0)  # type: ignore[assignment]
    source.polling = None if last is None else SimpleNamespace(last_poll=last)  # type: ignore[assignment]
    return source


def test_an_endpoint_that_is_polled_is_to_be_polled_again_in_time() -> None:
    combined = Combined.__new__(Combined)
    combined.sources = (endpoint("two", AT), endpoint("not yet", None))
    found = list(_polls([endpoint("one", AT), combined]))
    assert [(sign.what, sign.last) for sign in found] == [("polling one", AT), ("polling two", AT)]
    assert all(BESIDES_S < sign.allowed_s < BESIDES_S + 10 for sign in found)
