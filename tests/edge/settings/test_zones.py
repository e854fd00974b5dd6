"""Zones and what concerns all of them: classless ones, secondaries, NOTIFY, discovery, drift."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address
from pathlib import Path
from typing import Any

import pytest

from failover_dns.edge.settings.loaded import Drift, Notify
from failover_dns.edge.settings.values import Server
from tests.edge.settings.test_load import GONE, problems, put, read, tables

CLASSLESS = {"name": "0-63.20.10.10.in-addr.arpa.", "key": "failover-key", "primaries": ["127.0.0.1"]}


def classless(folder: Path, *virtual_ips: str, reverse_of: str = "10.10.20.0/26") -> dict[str, Any]:
    found = put(tables(folder), "zones.2", {**CLASSLESS, "reverse_of": reverse_of})
    return put(found, "pairs.0.virtual_ips", list(virtual_ips))


def test_a_virtual_ip_in_a_classless_zone_has_its_pointer_there(tmp_path: Path) -> None:
    pair = read(classless(tmp_path, "10.10.20.5", "10.10.10.5")).pairs[0]
    assert pair.pointers == {ip_address("10.10.20.5"): "5.0-63.20.10.10.in-addr.arpa."}
    assert pair.pointer(ip_address("10.10.20.5")) == "5.0-63.20.10.10.in-addr.arpa."
    assert pair.pointer(ip_address("10.10.10.5")) == "5.10.10.10.in-addr.arpa."


def test_an_address_beyond_the_classless_zone_lies_in_none(tmp_path: Path) -> None:
    (problem,) = problems(classless(tmp_path, "10.10.20.64"))
    assert "virtual_ips[0]: 64.20.10.10.in-addr.arpa. lies in none of the zones" in problem


def test_a_zone_has_secondaries_and_asks_the_servers_of_its_ns_set(tmp_path: Path) -> None:
    found = put(tables(tmp_path), "zones.0.secondaries", ["ns2.example.test", "10.0.0.54:5353"])
    first, second = read(put(found, "zones.1.watch_ns", value=False)).zones
    assert first.secondaries == (
        Server(host="ns2.example.test"),
        Server(host=IPv4Address("10.0.0.54"), port=5353),
    )
    assert (first.watch_ns, second.watch_ns, second.secondaries) == (True, False, ())


def test_a_zone_without_primaries_has_them_looked_up(tmp_path: Path) -> None:
    found = put(tables(tmp_path), "zones.0.primaries", GONE)
    loaded = read(found | {"resolvers": ["10.0.0.1", "[2001:db8::1]:5353"]})
    assert loaded.zones[0].primaries == ()
    assert loaded.resolvers == (
        Server(host=IPv4Address("10.0.0.1")),
        Server(host=IPv6Address("2001:db8::1"), port=5353),
    )


def test_with_a_discovery_names_may_lie_in_no_configured_zone(tmp_path: Path) -> None:
    found = tables(tmp_path) | {"discovery": {"key": "failover-key"}}
    found = put(found, "pairs.0.virtual_ips", ["192.0.2.5"])
    loaded = read(found)
    assert loaded.discovery is not None
    assert loaded.discovery.name == "failover-key."
    assert read(put(found, "zones", GONE)).zones == ()


def test_what_is_not_configured_is_as_the_reference_says(tmp_path: Path) -> None:
    loaded = read(tables(tmp_path))
    assert (loaded.notify, loaded.discovery, loaded.resolvers) == (None, None, ())
    assert loaded.timings.converge_s == 60.0
    assert loaded.drift == Drift(limit=5, window_s=3600.0)


def test_notify_is_listened_for_where_it_is_said_and_taken_from_whom(tmp_path: Path) -> None:
    notify = {"listen": "[2001:db8::9]:5353", "from": ["10.0.0.53", "10.0.1.0/24"]}
    loaded = read(
        tables(tmp_path) | {"notify": notify, "converge_s": 5, "drift_limit": 2, "drift_window_s": 60}
    )
    assert loaded.notify == Notify(
        listen=(IPv6Address("2001:db8::9"), 5353),
        allowed=(IPv4Address("10.0.0.53"), IPv4Network("10.0.1.0/24")),
    )
    assert loaded.timings.converge_s == 5.0
    assert loaded.drift == Drift(limit=2, window_s=60.0)


@pytest.mark.parametrize("listen", ["0.0.0.0", "[::]"])
def test_notify_may_be_listened_for_everywhere(tmp_path: Path, listen: str) -> None:
    loaded = read(tables(tmp_path) | {"notify": {"listen": listen}})
    assert loaded.notify == Notify(listen=(ip_address(listen.strip("[]")), 53), allowed=())


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (
            "zones.0.reverse_of",
            "10.10.20.1/26",
            '"10.10.20.1/26" is not the first address of a network; write "1',
        ),
        (
            "zones.0.reverse_of",
            "10.10.20.0/24",
            '"10.10.20.0/24" is not a part of an IPv4 network of 256 address',
        ),
        (
            "zones.0.reverse_of",
            "2001:db8::/64",
            '"2001:db8::/64" is not a part of an IPv4 network of 256 address',
        ),
        ("zones.0.reverse_of", "10.10.20.0", '"10.10.20.0" is not a network; write a network such as'),
        ("zones.0.reverse_of", "half", '"half" is not a network; write a network such as "10.10.20.0/26"'),
        ("zones.0.reverse_of", 5, "5 is not a network; write a network such as"),
        ("zones.0.secondaries", ["10.0.0.300"], '"10.0.0.300" looks like an address and is no name'),
        ("zones.0.watch_ns", 1, "zones[0].watch_ns: 1 is not true or false; write watch_ns = true"),
        ("zones.0.primaries", [], "zones[0].primaries: has 0 entries; give at least 1"),
        (
            "resolvers",
            ["ns1.example.test"],
            'resolvers[0]: "ns1.example.test" is not an address, and a resolver',
        ),
        ("converge_s", 0, "converge_s: 0 is out of range; give a number from 1 to 3600"),
        ("drift_limit", 0, "drift_limit: 0 is out of range; give a number from 1 to 1000"),
        ("drift_window_s", 1, "drift_window_s: 1 is out of range; give a number from 60 to 604800"),
        ("notify", {}, 'notify.listen: is missing; add listen = "10.0.0.10:53"'),
        (
            "notify",
            {"listen": "ns1:53"},
            'notify.listen: "ns1:53" is not an address to listen at; write an add',
        ),
        ("notify", {"listen": "10.0.0.1:0"}, 'notify.listen: "10.0.0.1:0" has no port from 1 to 65535'),
        ("notify", {"listen": 53}, "notify.listen: 53 is not an address to listen at"),
        (
            "notify",
            {"listen": "10.0.0.1", "from": ["10.0.0.1/24"]},
            'notify.from[0]: "10.0.0.1/24" is not the first address of a network; write "10.0.0.0/24"',
        ),
        (
            "notify",
            {"listen": "10.0.0.1", "from": ["ns1"]},
            'notify.from[0]: "ns1" is not an address; write an',
        ),
        ("notify", {"listen": "10.0.0.1", "form": []}, "notify.form: is not a known key; did you mean from?"),
        ("discovery", {}, 'discovery.key: is missing; add key = "failover-key"'),
        (
            "discovery",
            {"key": "other"},
            'discovery.key: "other." is not defined; add [keys.other] with its se',
        ),
    ],
)
def test_one_mistake_is_one_problem_with_its_place_and_cure(
    tmp_path: Path, place: str, value: object, said: str
) -> None:
    (problem,) = problems(put(tables(tmp_path), place, value))
    assert said in problem


def test_two_zones_that_hold_the_same_pointers_are_refused(tmp_path: Path) -> None:
    other = {**CLASSLESS, "name": "32-63.20.10.10.in-addr.arpa.", "reverse_of": "10.10.20.32/27"}
    (problem,) = problems(put(classless(tmp_path, "10.10.20.5"), "zones.3", other))
    assert (
        "zones[3].reverse_of: 10.10.20.32/27 overlaps zones[2].reverse_of, which is 10.10.20.0/26" in problem
    )
