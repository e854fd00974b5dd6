"""What endpoints answer: only a recognised word or status is a role, and counts never attract a move."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover_dns.core.health import (
    MAX_ALTERNATIVES,
    MAX_CHARS_MATCHED,
    MAX_CHARS_PATTERN,
    PRESETS,
    Counts,
    HttpAnswer,
    HttpSource,
    Rules,
    Tls,
    aged,
    compile_pattern,
    count,
    judge,
    not_counted,
    observe_http,
)
from failover_dns.core.model import Instant, Role
from failover_dns.core.roles import Reading, fold
from failover_dns.core.sources import MAX_BYTES

MAIN, BACKUP = "dma-main.example.test.", "dma-backup.example.test."
NAMES = {"main": MAIN, "backup": BACKUP}
URL = "https://10.10.10.1:8443/role"
NOW = Instant(mono_s=1000.0, wall_s=1_700_000_000.0)
ONLINE, OFFLINE, SWITCHING, UNKNOWN = Role.ONLINE, Role.OFFLINE, Role.SWITCHING, Role.UNKNOWN

BODY = Rules(pointer="/role", since_pointer="/since")
REGEX = Rules(pattern=compile_pattern(r"(?i)^role: (?P<role>\w+)"))
STATUS = Rules(status={200: ONLINE, 503: OFFLINE, 429: SWITCHING})
ALL_WAYS = Rules(status={200: ONLINE, 503: OFFLINE}, pointer="/role", pattern=compile_pattern(r'"x":"(\w+)"'))


def own(rules: Rules = Rules(), **others: Any) -> HttpSource:  # noqa: B008 - it is frozen
    return HttpSource(url=URL, agent=MAIN, rules=rules, **others)


def read(rules: Rules, status: int, body: str | bytes | Mapping[str, Any], encoding: str = "") -> Reading:
    raw = json.dumps(body).encode() if isinstance(body, Mapping) else body
    raw = raw.encode() if isinstance(raw, str) else raw
    return judge(own(rules), HttpAnswer(status=status, body=raw, encoding=encoding))[MAIN]


@pytest.mark.parametrize(
    ("rules", "status", "body", "role"),
    [
        (Rules(), 200, "ONLINE\n", ONLINE),
        (Rules(), 200, "backup", OFFLINE),
        (Rules(), 200, "", UNKNOWN),
        (Rules(), 200, "It works!", UNKNOWN),
        (Rules(), 204, "ONLINE", UNKNOWN),
        (Rules(expect_status=203), 203, "ONLINE", ONLINE),
        (Rules(words={"mine": ONLINE}), 200, "Mine", ONLINE),
        (Rules(words={"mine": ONLINE}), 200, "online", UNKNOWN),
        (BODY, 200, {"role": "online"}, ONLINE),
        (BODY, 200, {"role": "nonsense"}, UNKNOWN),
        (BODY, 200, {"state": "online"}, UNKNOWN),
        (BODY, 200, {"role": True}, UNKNOWN),
        (BODY, 200, '{"role": "online"', UNKNOWN),
        (BODY, 200, '{"role": "online", "role": "offline"}', UNKNOWN),
        (BODY, 500, {"role": "online"}, UNKNOWN),
        (STATUS, 200, "whatever", ONLINE),
        (STATUS, 503, b"\xff\xfe\xff", OFFLINE),
        (STATUS, 429, "", SWITCHING),
        (STATUS, 404, "", UNKNOWN),
        (STATUS, 302, "", UNKNOWN),
        (REGEX, 200, "Role: Online", ONLINE),
        (REGEX, 200, "the Role: Online", UNKNOWN),
        (REGEX, 200, "Role: nonsense", UNKNOWN),
        (REGEX, 200, b"\xff", UNKNOWN),
        (REGEX, 503, "Role: Online", UNKNOWN),
        (Rules(pattern=compile_pattern(r"vrrp (\w+)")), 200, "vrrp MASTER, vrrp master", ONLINE),
        (Rules(pattern=compile_pattern(r"vrrp (\w+)")), 200, "vrrp MASTER, vrrp BACKUP", UNKNOWN),
        (Rules(pattern=compile_pattern(r"role|(x)")), 200, "role", UNKNOWN),
        (ALL_WAYS, 200, '{"role":"online","x":"online"}', ONLINE),
        (ALL_WAYS, 503, '{"role":"offline","x":"offline"}', OFFLINE),
        (ALL_WAYS, 503, '{"role":"online","x":"online"}', UNKNOWN),
        (ALL_WAYS, 200, '{"role":"online","x":"offline"}', UNKNOWN),
        (ALL_WAYS, 200, '{"role":"online","y":"online"}', UNKNOWN),
        (Rules(status={200: ONLINE}, require={"/ok": "Yes"}), 200, {"ok": " yes "}, ONLINE),
        (Rules(status={200: ONLINE}, require={"/ok": "yes"}), 200, {"ok": "no"}, UNKNOWN),
        (Rules(status={200: ONLINE}, require={"/ok": "yes"}), 200, {}, UNKNOWN),
    ],
)
def test_only_what_every_configured_way_recognises_is_a_role(
    rules: Rules, status: int, body: str | bytes | dict[str, Any], role: Role
) -> None:
    assert read(rules, status, body).role is role


@pytest.mark.parametrize(
    ("rules", "status", "body", "words"),
    [
        (Rules(), 301, "online", ["status is 301, not 200", "redirects are not followed"]),
        (STATUS, 404, "", ["status is 404, not 200 or 429 or 503"]),
        (ALL_WAYS, 503, '{"role":"online","x":"online"}', ["contradicts itself", "503", "'online'"]),
        (REGEX, 200, "hello", ["matches regex", "give nothing back"]),
        (PRESETS["patroni"], 200, {"state": "starting", "role": "primary"}, ["'starting'", "'running'"]),
    ],
)
def test_a_reason_says_what_was_found_and_what_was_wanted(
    rules: Rules, status: int, body: str | dict[str, Any], words: list[str]
) -> None:
    reason = read(rules, status, body).reason
    assert all(word in reason for word in words), reason


def test_a_body_up_to_64_kib_is_read_and_a_larger_one_never() -> None:
    padded = b"online" + b" " * (MAX_BYTES - 6)
    assert read(Rules(), 200, padded).role is ONLINE
    assert read(Rules(), 200, padded + b" ").role is UNKNOWN
    assert read(STATUS, 200, padded + b" ").role is UNKNOWN


def test_a_regex_reads_no_more_than_its_share() -> None:
    padded = "role: online" + " " * (MAX_CHARS_MATCHED - 12)
    assert read(REGEX, 200, padded).role is ONLINE
    assert read(REGEX, 200, padded + " ").role is UNKNOWN


def test_a_compressed_body_is_not_read() -> None:
    assert read(Rules(), 200, "online", "gzip").role is UNKNOWN
    assert read(Rules(), 200, "online", "identity").role is ONLINE
    assert read(STATUS, 200, "", "gzip").role is ONLINE


def test_a_problem_is_unknown_with_its_words() -> None:
    reading = judge(own(STATUS), HttpAnswer(problem="it is on fire; put it out"))[MAIN]
    assert reading == Reading(role=UNKNOWN, reason="it is on fire; put it out")


def test_since_is_the_bodys_own_word() -> None:
    assert read(BODY, 200, {"role": "online", "since": 1_700_000_000}).since_s == 1_700_000_000.0
    assert read(BODY, 200, {"role": "online", "since": "later"}).since_s is None


@pytest.mark.parametrize(
    ("rules", "body", "roles"),
    [
        (Rules(), "main", (ONLINE, OFFLINE)),
        (Rules(), "BACKUP", (OFFLINE, ONLINE)),
        (Rules(), "neither", (UNKNOWN, UNKNOWN)),
        (Rules(), "online", (UNKNOWN, UNKNOWN)),
        (BODY, '{"role": "main"}', (ONLINE, OFFLINE)),
        (BODY, "{}", (UNKNOWN, UNKNOWN)),
        (
            Rules(pointer="/a", pattern=compile_pattern(r'"b":"(\w+)"')),
            '{"a":"main","b":"main"}',
            (ONLINE, OFFLINE),
        ),
        (
            Rules(pointer="/a", pattern=compile_pattern(r'"b":"(\w+)"')),
            '{"a":"main","b":"backup"}',
            (UNKNOWN,) * 2,
        ),
    ],
)
def test_the_pairs_endpoint_names_one_agent_and_the_other_is_offline(
    rules: Rules, body: str, roles: tuple[Role, Role]
) -> None:
    source = HttpSource(url=URL, names=NAMES, rules=rules)
    readings = judge(source, HttpAnswer(status=200, body=body.encode()))
    assert (readings[MAIN].role, readings[BACKUP].role) == roles


def test_the_pairs_endpoint_with_another_status_says_nothing_of_either() -> None:
    readings = judge(HttpSource(url=URL, names=NAMES), HttpAnswer(status=500, body=b"main"))
    assert [readings[agent].role for agent in (MAIN, BACKUP)] == [UNKNOWN, UNKNOWN]


def patroni(state: str, role: str) -> dict[str, Any]:
    return {
        "state": state,
        "role": role,
        "patroni": {"version": "4.0.0", "scope": "demo", "name": "patroni1"},
    }


@pytest.mark.parametrize(
    ("status", "state", "role", "roles"),
    [
        (200, "running", "primary", (ONLINE, ONLINE, ONLINE)),
        (200, "running", "master", (ONLINE, ONLINE, ONLINE)),
        (503, "running", "replica", (OFFLINE, OFFLINE, OFFLINE)),
        (503, "running", "standby_leader", (OFFLINE, OFFLINE, OFFLINE)),
        (503, "running", "primary", (UNKNOWN, OFFLINE, ONLINE)),  # it lost the leader lock a moment ago
        (200, "running", "replica", (UNKNOWN, ONLINE, OFFLINE)),  # it has the lock and is being promoted
        (503, "starting", "replica", (UNKNOWN, OFFLINE, UNKNOWN)),
        (503, "stopped", "uninitialized", (UNKNOWN, OFFLINE, UNKNOWN)),
        (200, "crashed", "primary", (UNKNOWN, ONLINE, UNKNOWN)),
        (500, "running", "primary", (UNKNOWN, UNKNOWN, ONLINE)),
    ],
)
def test_patroni_is_read_by_its_lock_by_its_role_or_by_both(
    status: int, state: str, role: str, roles: tuple[Role, Role, Role]
) -> None:
    strict, by_status, by_role = roles
    body = patroni(state, role)
    assert read(PRESETS["patroni"], status, body).role is strict
    assert read(PRESETS["patroni-status"], status, body).role is by_status
    assert read(PRESETS["patroni-role"], 200, body).role is by_role  # GET /patroni is 200 always


@pytest.mark.parametrize(
    ("preset", "text", "role"),
    [
        ("dataminer", "Online", ONLINE),
        ("dataminer", "Preparing to go online", SWITCHING),
        ("dataminer", "Running", UNKNOWN),
        ("dataminer", "Unreachable", UNKNOWN),
        ("dataminer", "primary", UNKNOWN),
        ("keepalived", "MASTER", ONLINE),
        ("keepalived", "FAULT", OFFLINE),
        ("keepalived", "online", UNKNOWN),
    ],
)
def test_a_preset_knows_its_products_words_and_no_others(preset: str, text: str, role: Role) -> None:
    assert read(PRESETS[preset], 200, text).role is role


every_rules = st.sampled_from([Rules(), BODY, REGEX, STATUS, ALL_WAYS, *PRESETS.values()])
likely_bodies = st.binary(max_size=80) | st.sampled_from(
    [
        b"online",
        b"main",
        b'{"role":"primary","state":"running"}',
        b'{"role":"online","x":"online"}',
        b"[",
        b"Role: x",
    ]
)


@given(
    rules=every_rules, status=st.integers(0, 999), body=likely_bodies, encoding=st.sampled_from(["", "gzip"])
)
def test_no_answer_crashes_and_only_a_recognised_word_or_status_is_online(
    rules: Rules, status: int, body: bytes, encoding: str
) -> None:
    reading = judge(own(rules), HttpAnswer(status=status, body=body, encoding=encoding))[MAIN]
    assert reading.reason
    if reading.role is ONLINE:
        said = [fold(word) for word in re.findall(r"\w+", body.decode("utf-8", "ignore"))]
        by_word = any(rules.words.get(word) is ONLINE for word in said)
        assert by_word or rules.status.get(status) is ONLINE
        assert status in (rules.status or {rules.expect_status})


@given(body=likely_bodies, status=st.sampled_from([200, 200, 503]))
def test_the_pairs_endpoint_never_says_that_both_are_online(body: bytes, status: int) -> None:
    readings = judge(HttpSource(url=URL, names=NAMES), HttpAnswer(status=status, body=body))
    assert {reading.role for reading in readings.values()} in ({UNKNOWN}, {ONLINE, OFFLINE})


def test_one_look_is_one_observation_for_each_agent_without_counts() -> None:
    source = HttpSource(url="http://10.10.10.9/who?token=secret#x", names=NAMES, rise=5)
    seen = observe_http(source, HttpAnswer(status=200, body=b"main"), now=NOW)
    assert [(o.agent, o.role, o.read, o.source) for o in seen] == [
        (MAIN, ONLINE, NOW, "http http://10.10.10.9/who"),
        (BACKUP, OFFLINE, NOW, "http http://10.10.10.9/who"),
    ]


# How often a role must be said


def after(said: Iterable[Role], source: HttpSource) -> Counts:
    """Return the counts after one look a second."""
    counts = not_counted(NOW)
    for second, role in enumerate(said):
        now = Instant(mono_s=NOW.mono_s + second, wall_s=NOW.wall_s + second)
        counts = count(counts, Reading(role=role, reason=f"said {role}"), source, now=now)
    return counts


@pytest.mark.parametrize(
    ("rise", "fall", "said", "shown"),
    [
        (1, 3, [], (UNKNOWN, False)),
        (1, 3, [ONLINE], (ONLINE, True)),
        (1, 3, [OFFLINE], (OFFLINE, True)),
        (1, 3, [UNKNOWN], (UNKNOWN, False)),
        (1, 3, [UNKNOWN] * 3, (UNKNOWN, True)),
        (1, 3, [UNKNOWN] * 4, (UNKNOWN, True)),
        (2, 3, [ONLINE], (UNKNOWN, False)),
        (2, 3, [ONLINE, ONLINE], (ONLINE, True)),
        (2, 3, [ONLINE, UNKNOWN, ONLINE], (UNKNOWN, False)),
        (2, 3, [OFFLINE, ONLINE], (UNKNOWN, False)),
        (2, 3, [OFFLINE, ONLINE, OFFLINE], (OFFLINE, True)),
        (2, 3, [OFFLINE, ONLINE, ONLINE], (ONLINE, True)),
        (2, 3, [SWITCHING, ONLINE], (SWITCHING, False)),
        (2, 3, [SWITCHING, ONLINE, ONLINE], (ONLINE, True)),
        (1, 3, [ONLINE, OFFLINE], (UNKNOWN, False)),
        (1, 3, [ONLINE, OFFLINE, OFFLINE], (UNKNOWN, False)),
        (1, 3, [ONLINE, OFFLINE, OFFLINE, OFFLINE], (OFFLINE, True)),
        (1, 3, [ONLINE, OFFLINE, ONLINE], (ONLINE, True)),
        (2, 3, [ONLINE, ONLINE, OFFLINE, ONLINE], (UNKNOWN, False)),
        (1, 3, [ONLINE, SWITCHING], (SWITCHING, True)),
        (1, 3, [SWITCHING, OFFLINE], (OFFLINE, True)),
        (1, 3, [ONLINE, UNKNOWN], (ONLINE, False)),
        (1, 3, [ONLINE, UNKNOWN, UNKNOWN], (ONLINE, False)),
        (1, 3, [ONLINE, UNKNOWN, UNKNOWN, UNKNOWN], (UNKNOWN, True)),
        (2, 3, [ONLINE, ONLINE, UNKNOWN, ONLINE], (ONLINE, True)),
        (1, 3, [ONLINE, OFFLINE, UNKNOWN], (UNKNOWN, False)),
        (1, 3, [ONLINE, UNKNOWN, OFFLINE], (UNKNOWN, False)),
        (1, 3, [OFFLINE, UNKNOWN], (OFFLINE, False)),
        (1, 1, [ONLINE, UNKNOWN], (UNKNOWN, True)),
        (1, 1, [ONLINE, OFFLINE], (OFFLINE, True)),
    ],
)
def test_a_role_counts_once_it_was_said_often_enough(
    rise: int, fall: int, said: list[Role], shown: tuple[Role, bool]
) -> None:
    counts = after(said, own(rise=rise, fall=fall))
    assert (counts.shows.role, counts.settled) == shown


def test_a_role_that_is_kept_up_says_so_and_keeps_its_time() -> None:
    counts = after([ONLINE, UNKNOWN, UNKNOWN], own(fall=3))
    assert counts.read == NOW
    assert counts.shows.reason == "said ONLINE, 2.0 s ago; since then (2 of 3 times): said UNKNOWN"


def test_a_role_that_waits_for_its_count_says_so() -> None:
    counts = after([ONLINE], own(rise=2))
    assert counts.shows.reason == "said ONLINE; what counts is 2 times in a row, this is time 1"


def test_a_role_said_too_long_ago_is_unknown() -> None:
    said = Reading(role=ONLINE, reason="said so", since_s=5.0)
    assert aged(said, 17.0, own()) == said
    assert aged(said, 17.1, own()).role is UNKNOWN
    assert aged(said, 17.1, own()).since_s is None
    silent = Reading(role=UNKNOWN, reason="silent")
    assert aged(silent, 99.0, own()) == silent


looks = st.lists(st.sampled_from([ONLINE, OFFLINE, SWITCHING, UNKNOWN]), min_size=1, max_size=30)


@given(said=looks, rise=st.integers(1, 4), fall=st.integers(1, 4))
def test_online_is_shown_only_if_it_was_the_last_role_said_and_often_enough(
    said: list[Role], rise: int, fall: int
) -> None:
    counts = after(said, own(rise=rise, fall=fall))
    if counts.shows.role is ONLINE:
        spoken = [role for role in said if role is not UNKNOWN]
        assert spoken[-1] is ONLINE
        silent = next(index for index, role in enumerate(reversed(said)) if role is not UNKNOWN)
        assert silent < fall
        assert counts.read.mono_s == NOW.mono_s + len(said) - 1 - silent
        assert any(said[index : index + rise] == [ONLINE] * rise for index in range(len(said)))


@given(said=looks, rise=st.integers(1, 4), fall=st.integers(1, 4))
def test_a_switch_that_is_said_is_shown_at_once(said: list[Role], rise: int, fall: int) -> None:
    assert after([*said, SWITCHING], own(rise=rise, fall=fall)).shows.role is SWITCHING


@given(said=looks, last=st.sampled_from([ONLINE, OFFLINE, SWITCHING, UNKNOWN]))
def test_what_is_said_long_enough_is_shown(said: list[Role], last: Role) -> None:
    counts = after([*said, *[last] * 4], own(rise=4, fall=4))
    assert (counts.shows.role, counts.settled) == (last, True)


# Configuration


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"url": "ftp://10.10.10.1/"}, "http://"),
        ({"url": "https:///role"}, "http://"),
        ({"url": "HTTPS://10.10.10.1/"}, "http://"),
        ({"url": "https://10.10.10.1:0/"}, "http://"),
        ({"url": "https://10.10.10.1:x/"}, "Port"),
        ({"url": "https://me:secret@10.10.10.1/"}, "header_files"),
        ({"url": "http://10.10.10.1/", "tls": Tls(ca_file="/ca.pem")}, "https://"),
        ({"agent": None}, "one agent's own"),
        ({"names": NAMES}, "one agent's own"),
        ({"agent": None, "names": NAMES, "rules": STATUS}, "cannot name an agent"),
        ({"interval_s": 0}, "more than 0"),
        ({"timeout_s": -1}, "more than 0"),
        ({"rise": 0}, "at least 1"),
        ({"fall": 0}, "at least 1"),
        ({"max_age_s": 7.9}, "max_age_s"),
    ],
)
def test_a_source_that_cannot_work_does_not_construct(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        HttpSource(**{"url": URL, "agent": MAIN, **wrong})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Rules(status={99: ONLINE}), "99 is not an HTTP status"),
        (lambda: Rules(expect_status=600), "600 is not an HTTP status"),
        (lambda: Rules(pointer="role"), "not a JSON pointer"),
        (lambda: Rules(require={"state": "running"}), "not a JSON pointer"),
        (lambda: Rules(since_pointer="/since"), "needs a pointer"),
        (lambda: Tls(key_file="/key.pem"), "needs cert_file"),
        (lambda: Tls(insecure=True, ca_file="/ca.pem"), "checks nothing"),
        (lambda: Tls(insecure=True, server_name="a.test"), "checks nothing"),
    ],
)
def test_rules_and_certificates_that_contradict_themselves_do_not_construct(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_the_age_limit_follows_the_interval_unless_it_is_given() -> None:
    assert own(interval_s=10).stale_after_s == 32
    assert own(max_age_s=60).stale_after_s == 60


def test_what_may_be_secret_is_in_no_text() -> None:
    source = own(headers={"Authorization": "Bearer secret"})
    assert "secret" not in repr(source)


def test_what_weakens_the_proof_is_warned_of() -> None:
    plain = HttpSource(url="http://10.10.10.1/", agent=MAIN, headers={"X-Token": "secret"})
    assert own().warnings == ()
    assert [warning.split(":")[0] for warning in own(tls=Tls(insecure=True)).warnings] == ["insecure = true"]
    assert [warning.split()[0] for warning in plain.warnings] == ["header_files"]


# Regular expressions


@pytest.mark.parametrize(
    "text",
    [
        r"^Role:\s*(\w+)\s*$",
        r'INSTANCE "[^"]*" (MASTER|BACKUP|FAULT)',
        r"(?i)role=(?P<role>[a-z]{3,9})",
        r"(?:role|state)\s?=\s{0,3}(\w{4,}+)",
        r"([]a]+)",
        r"(\{x{2})",
        "x{,}(a)",
    ],
)
def test_a_regex_that_repeats_single_characters_is_taken(text: str) -> None:
    assert compile_pattern(text).groups == 1


@pytest.mark.parametrize(
    "text",
    [
        r"(a+)+",
        r"(a|b)*",
        r"(a){2}",
        r"(a*?)",
        r"(?!x)(a)",
        r"(?<!x)(a)",
        r"(?=x)(a)",
        r"(?#x)(a)",
        r"(?>x)(a)",
        r"(?x)(a )*",
        r"(?i:a)(b)",
        r"(a)(?(1)b)",
        r"([[a])",
        r"(a)\1",
        r"(?P<role>a)(?P=role)",
        r"x**(a)",
        r"^*(a)",
        r"a|*(b)",
        r"(",
        r"(a)[",
        "\\",
        r"(a{99999999999})",
        "no group",
        "(a)" + "b" * MAX_CHARS_PATTERN,
        "(a)" + "|" * (MAX_ALTERNATIVES + 1),
    ],
)
def test_a_regex_that_could_search_for_long_or_finds_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="regex"):
        compile_pattern(text)


def test_a_repetition_gives_nothing_back() -> None:
    assert compile_pattern(r"<b>(.*)</b>").search("<b>online</b>") is None
    assert compile_pattern(r"<b>([^<]*)</b>").search("<b>online</b>") is not None


def test_a_body_made_to_keep_a_regex_busy_does_not() -> None:
    # Each repetition could take any part of it: with backtracking this would outlast the sun.
    rules = Rules(pattern=compile_pattern(r"(?P<role>a*)a*a*a*a*a*a*a*b"))
    assert read(rules, 200, "a" * MAX_CHARS_MATCHED).role is UNKNOWN


@given(text=st.text(alphabet="ab()[]{}|*+?\\^$.,<>P:=!#1", max_size=24))
def test_any_text_is_refused_or_searches_quickly(text: str) -> None:
    with suppress(ValueError):
        compile_pattern(text).findall("ab" * 2000)
