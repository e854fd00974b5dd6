"""Words become roles; what is not recognised is UNKNOWN, whatever the bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover_dns.core.model import Role
from failover_dns.core.roles import (
    MAX_CHARS_SHOWN,
    WORDS,
    Format,
    decode,
    fold,
    read_online_name,
    read_text,
    read_word,
    resolve,
    shown,
)

JSON_ROLE = Format(pointer="/role", since_pointer="/since")

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["online", "offline"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("online", Role.ONLINE),
        ("Online\r\n", Role.ONLINE),
        ("  MASTER  ", Role.ONLINE),
        ("primary", Role.ONLINE),
        ("offline", Role.OFFLINE),
        ("BACKUP", Role.OFFLINE),
        ("FAULT", Role.OFFLINE),
        ("STOP", Role.OFFLINE),
        ("replica", Role.OFFLINE),
        ("standby", Role.OFFLINE),
        ("standby_leader", Role.OFFLINE),
        ("switching", Role.SWITCHING),
        ("Going  Online", Role.SWITCHING),
        ("going offline", Role.SWITCHING),
        ("Preparing to go online", Role.SWITCHING),
        ("preparing\tto go\noffline", Role.SWITCHING),
        ("unknown", Role.UNKNOWN),
        ("", Role.UNKNOWN),
        (" \n", Role.UNKNOWN),
        ("not online", Role.UNKNOWN),
        ("online offline", Role.UNKNOWN),
        ("online\noffline", Role.UNKNOWN),
        ("online!", Role.UNKNOWN),
        ("online\x00", Role.UNKNOWN),
        ("on line", Role.UNKNOWN),
        ("onlin", Role.UNKNOWN),
        ('"online"', Role.UNKNOWN),
        ("running", Role.UNKNOWN),
        ("<State>online</State>", Role.UNKNOWN),
    ],
)
def test_only_a_whole_known_word_is_a_role(text: str, role: Role) -> None:
    assert read_word(text).role is role


@given(
    text=st.text()
    | st.sampled_from(sorted(WORDS)).flatmap(lambda word: st.just(word) | st.text().map(word.__add__))
)
def test_no_text_gives_online_but_a_word_of_the_table(text: str) -> None:
    assert (read_word(text).role is Role.ONLINE) == (fold(text) in {"online", "master", "primary"})


@given(content=st.binary(), form=st.sampled_from([Format(), JSON_ROLE, Format(pointer="")]))
def test_arbitrary_bytes_are_read_without_a_crash_and_as_one_line(content: bytes, form: Format) -> None:
    reading = read_text(content, form)
    assert "\n" not in reading.reason
    assert reading.reason


@given(document=json_values, pointer=st.text("/~01ab-", max_size=5).map("/".__add__))
def test_arbitrary_json_is_read_without_a_crash(document: Any, pointer: str) -> None:
    form = Format(pointer=pointer, since_pointer=pointer)
    reading = read_text(json.dumps(document).encode(), form)
    assert (reading.role is Role.ONLINE) <= (_found(document, pointer) == "online")


def _found(document: Any, pointer: str) -> Any:
    try:
        return resolve(document, pointer)
    except LookupError:
        return None


@given(
    document=st.fixed_dictionaries(
        {"role": st.just("online")}, optional={"since": json_values, "x": json_values}
    ),
    share=st.floats(min_value=0, max_value=1, exclude_max=True),
)
def test_a_file_cut_short_never_says_online(document: dict[str, Any], share: float) -> None:
    content = json.dumps(document).encode()
    assert read_text(content, JSON_ROLE).role is Role.ONLINE
    assert read_text(content[: int(len(content) * share)], JSON_ROLE).role is Role.UNKNOWN


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"\xef\xbb\xbf", "it is empty"),
        (b"{", "it is not complete JSON"),
        (b"online", "it is not complete JSON"),
        (b'{"role": "online"}{}', "it is not complete JSON"),
        (b'{"role": ' + b"9" * 5000 + b"}", "it is not complete JSON"),
        (b"[" * 60000, "it is not complete JSON"),
        (b"{}", "it has nothing at /role"),
        (b"[]", "it has nothing at /role"),
        (b"null", "it has nothing at /role"),
        (b'{"role": true}', "what it has at /role is not a string"),
        (b'{"role": ["online"]}', "what it has at /role is not a string"),
        (b'{"role": "offline", "role": "online"}', "it says 'role' twice, so that neither counts"),
        (b'{"role": "online", "x": {"y": 1, "y": 2}}', "it says 'y' twice, so that neither counts"),
        (b"\xff", "it is not text in UTF-8 or UTF-16"),
        (b"\xff\xfeo", "it is not text in UTF-8 or UTF-16"),
        (b'{"role": "Starting"}', "it says 'Starting', which is not a known word"),
    ],
)
def test_what_is_no_role_is_unknown_with_the_reason(content: bytes, reason: str) -> None:
    reading = read_text(content, JSON_ROLE)
    assert (reading.role, reading.reason) == (Role.UNKNOWN, reason)


@pytest.mark.parametrize(
    "content",
    [
        b"online",
        b"\xef\xbb\xbfonline\r\n",
        "online\r\n".encode("utf-16"),
        b"\xff\xfe" + "online\r\n".encode("utf-16-le"),
        b"\xfe\xff" + "online\r\n".encode("utf-16-be"),
    ],
)
def test_text_is_read_as_powershell_and_others_write_it(content: bytes) -> None:
    assert read_text(content, Format()).role is Role.ONLINE


@given(text=st.text())
def test_utf_8_and_utf_16_with_a_mark_decode_to_the_same_text(text: str) -> None:
    assert decode(b"\xef\xbb\xbf" + text.encode()) == text
    assert decode(b"\xff\xfe" + text.encode("utf-16-le")) == text
    assert decode(b"\xfe\xff" + text.encode("utf-16-be")) == text


@pytest.mark.parametrize(
    ("since", "since_s"),
    [
        (1_700_000_000, 1_700_000_000.0),
        (1_700_000_000.25, 1_700_000_000.25),
        (0, 0.0),
        ("2023-11-14T22:13:20Z", 1_700_000_000.0),
        ("2023-11-14T22:13:20+00:00", 1_700_000_000.0),
        ("2023-11-15 00:13:20.5+02:00", 1_700_000_000.5),
        (1_700_000_000_000, None),
        (-1, None),
        ("1969-12-31T23:59:59Z", None),
        ("9999-12-31T23:59:59Z", None),
        ("0001-01-01T00:00:00", None),
        (True, None),
        (None, None),
        ("yesterday", None),
        ("", None),
        ([], None),
        (float("nan"), None),
        (float("inf"), None),
    ],
)
def test_since_is_read_from_numbers_and_iso_8601_and_is_unsaid_otherwise(
    since: Any, since_s: float | None
) -> None:
    reading = read_text(json.dumps({"role": "online", "since": since}).encode(), JSON_ROLE)
    assert (reading.role, reading.since_s) == (Role.ONLINE, since_s)


def test_a_since_without_a_zone_is_local_time() -> None:
    with_zone = read_text(b'{"role": "online", "since": "2023-05-30 15:23:04Z"}', JSON_ROLE).since_s
    without = read_text(b'{"role": "online", "since": "2023-05-30 15:23:04"}', JSON_ROLE).since_s
    assert with_zone is not None
    assert without is not None
    assert abs(with_zone - without) <= 15 * 3600


@pytest.mark.parametrize("form", [Format(pointer="/role"), Format(pointer="/role", since_pointer="/since")])
def test_a_since_that_nobody_points_to_or_that_is_missing_is_unsaid(form: Format) -> None:
    assert read_text(b'{"role": "online", "Since": 1700000000}', form).since_s is None


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("/members/1/role", "replica"),
        ("/a~1b", 1),
        ("/m~0n", 2),
        ("/~01", 3),
        ("/", 4),
    ],
)
def test_a_json_pointer_leads_where_rfc_6901_says(pointer: str, found: Any) -> None:
    document = {"members": [{"role": "primary"}, {"role": "replica"}], "a/b": 1, "m~n": 2, "~1": 3, "": 4}
    assert resolve(document, pointer) == found
    assert resolve(document, "") is document


@pytest.mark.parametrize(
    "pointer", ["/members/2", "/members/-", "/members/-1", "/members/x", "/members/0/role/x", "/x"]
)
def test_a_json_pointer_to_nothing_is_a_lookup_error(pointer: str) -> None:
    with pytest.raises(LookupError):
        resolve({"members": [{"role": "primary"}, {"role": "replica"}]}, pointer)


@pytest.mark.parametrize("form", [{"pointer": "state/role"}, {"pointer": "/role", "since_pointer": "since"}])
def test_what_is_no_json_pointer_is_refused(form: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match="is not a JSON pointer: it must begin with /"):
        Format(**form)


def test_an_operators_own_words_stand_in_place_of_the_tables() -> None:
    form = Format(words={"aktiv": Role.ONLINE, "passiv": Role.OFFLINE})
    assert read_text(b"AKTIV\n", form).role is Role.ONLINE
    assert read_text(b"online\n", form).role is Role.UNKNOWN


@pytest.mark.parametrize(
    ("content", "roles"),
    [
        (b"DMA-MAIN\r\n", (Role.ONLINE, Role.OFFLINE)),
        (b"dma-main.example.test.", (Role.ONLINE, Role.OFFLINE)),
        (b"dma-backup", (Role.OFFLINE, Role.ONLINE)),
        (b"dma-third", (Role.UNKNOWN, Role.UNKNOWN)),
        (b"online", (Role.UNKNOWN, Role.UNKNOWN)),
        (b"dma-main dma-backup", (Role.UNKNOWN, Role.UNKNOWN)),
        (b"", (Role.UNKNOWN, Role.UNKNOWN)),
        (b"\xff", (Role.UNKNOWN, Role.UNKNOWN)),
    ],
)
def test_a_file_that_names_the_online_agent_speaks_of_both(content: bytes, roles: tuple[Role, Role]) -> None:
    names = {"dma-main": "m", "dma-main.example.test.": "m", "dma-backup": "b"}
    readings = read_online_name(content, Format(), names)
    assert (readings["m"].role, readings["b"].role) == roles
    assert len(readings) == 2


def test_a_named_agent_keeps_the_since_of_its_document() -> None:
    form = Format(pointer="/online", since_pointer="/since")
    readings = read_online_name(b'{"online": "M", "since": 5}', form, {"m": "main", "b": "backup"})
    assert {agent: reading.since_s for agent, reading in readings.items()} == {"main": 5.0, "backup": 5.0}
    assert readings["main"].reason == "it names 'M'"


@given(text=st.text())
def test_what_a_reason_shows_is_one_printable_line_of_bounded_length(text: str) -> None:
    assert shown(text).isprintable()
    assert len(shown(text)) <= 10 * (MAX_CHARS_SHOWN + 1) + 2


def test_a_long_word_is_shown_in_part() -> None:
    assert shown("x" * 61) == repr("x" * 60 + "…")
    assert shown("x" * 60) == repr("x" * 60)
