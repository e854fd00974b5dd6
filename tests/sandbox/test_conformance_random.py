"""Random updates leave the embedded primary and BIND with the same rcodes, zones and serials."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import dns.update
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.servers.bind import running_bind
from tests.servers.client import DnsServer
from tests.servers.embedded import running_embedded

ZONE = "example.test."
TEXT = """
@ 60 IN SOA ns hostmaster 1 3600 600 86400 30
@ 60 IN NS ns
ns 60 IN A 10.0.0.1
a 60 IN A 10.0.0.1
a 60 IN A 10.0.0.2
b 60 IN CNAME a
"""

Step = Callable[[dns.update.UpdateMessage], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One call of an update message's builder, so that the same message is built for each server."""

    verb: str
    arguments: tuple[str | int, ...]

    def __call__(self, message: dns.update.UpdateMessage) -> None:
        getattr(message, self.verb)(*self.arguments)


ADDED = [
    ("A", "10.0.0.1"),
    ("A", "10.0.0.2"),
    ("AAAA", "2001:db8::1"),
    ("TXT", "text"),
    ("TXT", "Text"),
    ("CNAME", "a"),
    ("CNAME", "b"),
    ("PTR", "a"),
]
# Upper case is only ever asked for: to BIND adding it is a change of its own (see sandbox/update.py).
ASKED = [*ADDED, ("CNAME", "A"), ("PTR", "A")]
NAMES = [("@",), ("ns",), ("a",), ("b",), ("c.a",), ("elsewhere.test.",)]

Part = st.SearchStrategy[tuple[str, ...]] | st.SearchStrategy[tuple[int, ...]]


def told(verb: str, *parts: Part) -> st.SearchStrategy[Told]:
    return st.tuples(*parts).map(lambda each: Told(verb=verb, arguments=tuple(itertools.chain(*each))))


added, asked = st.sampled_from(ADDED), st.sampled_from(ASKED)
types = asked.map(lambda value: value[:1])
owner, any_owner = st.sampled_from(NAMES), st.sampled_from([*NAMES, ("A",)])
apex = st.just(("@",))
servers = st.sampled_from([("NS", "ns"), ("NS", "a"), ("NS", "ns.elsewhere.test.")])
ttl = st.sampled_from([(60,), (300,)])
prerequisites = st.one_of(
    told("present", any_owner),
    told("present", any_owner, types),
    told("present", any_owner, asked),
    told("absent", any_owner),
    told("absent", any_owner, types),
)
changes = st.one_of(
    told("add", owner, ttl, added),
    told("add", owner, ttl, added),
    told("delete", any_owner, asked),
    told("delete", any_owner, types),
    told("delete", any_owner),
    told("add", apex, ttl, servers),
    told("delete", apex, servers),
)
messages = st.tuples(st.lists(prerequisites, max_size=2), st.lists(changes, max_size=4)).map(
    lambda parts: [*parts[0], *parts[1]]
)


@pytest.mark.needs("named")
def test_random_updates_leave_both_primaries_alike() -> None:
    with running_embedded({ZONE: TEXT}) as embedded, running_bind({ZONE: TEXT}) as bind:

        @settings(max_examples=100, derandomize=True, deadline=None)
        @given(st.lists(messages, min_size=1, max_size=4))
        def agree(script: Sequence[Sequence[Step]]) -> None:
            for server in (embedded, bind):
                restore(server)
            for steps in script:
                assert told_result(embedded, steps) == told_result(bind, steps)

        agree()


def told_result(server: DnsServer, steps: Sequence[Step]) -> tuple[str, int, set[str]]:
    """Send one message and return the rcode, the serial's step, and the records after it."""
    before = server.serial(ZONE)
    message = server.update(ZONE)
    for step in steps:
        step(message)
    rcode = server.rcode(message)
    return rcode, server.serial(ZONE) - before, server.records(ZONE)


def restore(server: DnsServer) -> None:
    """Bring the zone back to its text: all names away, the text's records in, other name servers away."""
    wanted = dns.zone.from_text(TEXT, ZONE, relativize=False)
    message = server.update(ZONE)
    present = server.transfer(ZONE)
    for name in present:
        message.delete(name)
    for name, ttl_s, rdata in wanted.iterate_rdatas():
        message.add(name, ttl_s, rdata)
    for rdata in present.find_rdataset("@", "NS"):
        if rdata not in wanted.find_rdataset("@", "NS"):
            message.delete("@", rdata)
    assert server.rcode(message) == "NOERROR"
