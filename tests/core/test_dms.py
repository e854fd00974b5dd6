"""DMS.xml as it is, as it may be spelt elsewhere, half written, and as an enemy would write it."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failover_dns.core.dms import (
    MAX_BYTES,
    MAX_ELEMENTS,
    Broken,
    DmsSource,
    Facts,
    Good,
    local_time_s,
    observe_dms,
    read_dms,
    read_dms_facts,
    read_state,
)
from failover_dns.core.model import Instant, Role
from failover_dns.core.roles import Reading
from failover_dns.core.sources import Glance

SECRET = "c29tZSBwYXNzd29yZA"
ONLINE = """<?xml version="1.0" encoding="utf-8"?>
<DMS xmlns="http://www.skyline.be/config/dms" errorTime="30000">
  <Redirects><Redirect to="10.1.1.1" user="admin" pwd="c29tZSBwYXNzd29yZA" /></Redirects>
  <Failover configVersion="2" active="true" type="manual" lastConfigChange="2021-09-20 05:33:08">
    <State state="online" stateBeforeShutdown="offline" lastStateChange="2023-05-30 15:23:04"></State>
    <VirtualIPs>
      <VirtualIP address="10.10.10.5" mask="255.255.255.0" nic="1"></VirtualIP>
      <VirtualIP address="" mask="" nic="2"></VirtualIP>
    </VirtualIPs>
  </Failover>
</DMS>
"""
CUT = ONLINE[:-30].encode()
SOURCE = DmsSource(path=r"C:\Skyline DataMiner\DMS.xml", agent="main", zone=UTC, keep_good_s=30.0)


def at(mono_s: float) -> Instant:
    return Instant(mono_s=mono_s, wall_s=1_700_000_000.0 + mono_s)


def dms(failover: str) -> bytes:
    return f"<DMS>{failover}</DMS>".encode()


def state(content: bytes) -> Reading:
    found = read_dms(content, UTC)
    assert isinstance(found, Reading)
    return found


def test_the_sample_says_online_since_its_last_state_change() -> None:
    assert state(ONLINE.encode()) == Reading(
        role=Role.ONLINE,
        reason="it says 'online'",
        since_s=datetime(2023, 5, 30, 15, 23, 4, tzinfo=UTC).timestamp(),
    )


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("Offline", Role.OFFLINE),
        ("ONLINE", Role.ONLINE),
        ("Going Online", Role.SWITCHING),
        ("Preparing to go online", Role.SWITCHING),
        ("Acquiring Virtual IP Address 10.10.10.5", Role.SWITCHING),
        ("Releasing virtual IP addresses", Role.SWITCHING),
        ("Switching", Role.SWITCHING),
        ("Running", Role.UNKNOWN),
        ("Starting", Role.UNKNOWN),
        ("not online", Role.UNKNOWN),
        ("Acquiring virtual IP addressing", Role.UNKNOWN),
        ("", Role.UNKNOWN),
    ],
)
def test_a_state_text_is_known_or_unknown(text: str, role: Role) -> None:
    assert read_state(text).role is role
    assert state(dms(f'<Failover active="true"><State state="{text}"/></Failover>')).role is role


@pytest.mark.parametrize(
    "content",
    [
        b'<dms><FAILOVER Active="TRUE"><STATE State="Online"/></FAILOVER></dms>',
        (
            b'<d:DMS xmlns:d="http://www.skyline.be/config/dms">'
            b'<d:Failover><d:State state="online"/></d:Failover></d:DMS>'
        ),
        (
            b'<DMS><New a="1"><State state="offline"/></New><Failover FailoverType="VirtualIP">'
            b'<State state="online"/><More/></Failover></DMS>'
        ),
        b'<DMS><Failover><FailoverType>Virtual IP</FailoverType><State state="online"/></Failover></DMS>',
        ONLINE.encode("utf-8-sig"),
        ONLINE.encode("utf-16"),
        ONLINE.replace("utf-8", "utf-16").encode("utf-16"),
        b"\xfe\xff" + ONLINE.encode("utf-16-be"),
        ONLINE.replace("utf-8", "iso-8859-1").replace("admin", "adminé").encode("iso-8859-1"),
    ],
)
def test_spelling_namespace_encoding_and_unknown_content_make_no_difference(content: bytes) -> None:
    assert state(content).role is Role.ONLINE


@pytest.mark.parametrize(
    ("failover", "reason"),
    [
        ("", "it has no Failover"),
        ('<Failover><State state="online"/></Failover><Failover/>', "it has more than one Failover"),
        ("<Failover/>", "its Failover has no State"),
        (
            '<Failover><State state="online"/><State state="online"/></Failover>',
            "its Failover has two States",
        ),
        ("<Failover><State/></Failover>", "its State says no state"),
        ('<Failover active="False"><State state="online"/></Failover>', "not active"),
        ('<Failover active="maybe"><State state="online"/></Failover>', "neither true nor false"),
        (
            '<Failover active="true" Active="false"><State state="online"/></Failover>',
            "neither true nor false",
        ),
        ('<Failover FailoverType="HostName"><State state="online"/></Failover>', "shares a host name"),
        (
            '<Failover><FailoverType>Hostname</FailoverType><State state="online"/></Failover>',
            "shares a host name",
        ),
        ('<Failover failovertype="Other"><State state="online"/></Failover>', "'Other', which is not known"),
        ('<Failover><State state="online" State="offline"/></Failover>', "which is not a known word"),
        ('<Failover xmlns="urn:other"><State state="online"/></Failover>', "it has no Failover"),
        ('<Deep><Failover><State state="online"/></Failover></Deep>', "it has no Failover"),
        ('<Failover><Deep><State state="online"/></Deep></Failover>', "its Failover has no State"),
    ],
)
def test_what_is_not_an_active_pair_with_one_state_is_unknown_and_says_why(
    failover: str, reason: str
) -> None:
    reading = state(dms(failover))
    assert reading.role is Role.UNKNOWN
    assert reason in reading.reason


@pytest.mark.parametrize(
    ("content", "reason", "half"),
    [
        (b"", "it is empty", True),
        (b"\0\0\0\0", "it is empty", True),
        (CUT, "it is not complete XML", True),
        (ONLINE.encode("utf-16")[:-31], "it is not complete XML", True),
        (b"online", "it is not complete XML", True),
        (b"<DMS></DMS><DMS/>", "it is not complete XML", True),
        (
            b'<?xml version="1.0" encoding="ebcdic-unheard-of"?><DMS>\xe9</DMS>',
            "it is not complete XML",
            True,
        ),
        (b"<DMS>" + b" " * MAX_BYTES + b"</DMS>", "it is larger than 1024 KiB", False),
        (b"<!DOCTYPE DMS><DMS/>", "it has a document type", False),
        (b'<!DOCTYPE d SYSTEM "file:///etc/passwd"><DMS/>', "it has a document type", False),
        (
            b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;">]><DMS>&b;</DMS>',
            "it has a document type",
            False,
        ),
        (b"<DMS>" * 100_000, "more elements, or deeper ones", False),
        (b"<DMS>" + b"<a/>" * MAX_ELEMENTS + b"</DMS>", "more elements, or deeper ones", False),
    ],
)
def test_what_cannot_be_read_is_told_from_what_is_half_written(
    content: bytes, reason: str, half: object
) -> None:
    for found in (read_dms(content, UTC), read_dms_facts(content)):
        assert isinstance(found, Broken)
        assert reason in found.reason
        assert found.half is half


def test_huge_attributes_are_read_over_and_not_repeated() -> None:
    huge = "x" * 500_000
    reading = state(dms(f'<Failover active="true" note="{huge}"><State state="{huge}"/></Failover>'))
    assert reading.role is Role.UNKNOWN
    assert len(reading.reason) < 200


def test_a_half_written_file_leaves_the_last_good_reading_with_its_own_time() -> None:
    first, good = observe_dms(SOURCE, Glance(content=ONLINE.encode()), None, now=at(0))
    then, good = observe_dms(SOURCE, Glance(content=CUT), good, now=at(30))
    assert (first.role, first.read, first.source) == (
        Role.ONLINE,
        at(0),
        r"DMS.xml C:\Skyline DataMiner\DMS.xml",
    )
    assert (then.role, then.read, then.since_s) == (Role.ONLINE, at(0), first.since_s)
    assert then.reason == "it says 'online', 30 s ago; now it is not complete XML"


def test_a_file_that_stays_half_written_is_unknown_once_keep_good_s_has_passed() -> None:
    _, good = observe_dms(SOURCE, Glance(content=ONLINE.encode()), None, now=at(0))
    late, good = observe_dms(SOURCE, Glance(content=CUT), good, now=at(30.1))
    assert late.role is Role.UNKNOWN
    assert late.reason == "it is not complete XML, for longer than keep_good_s = 30"
    whole, _ = observe_dms(SOURCE, Glance(content=ONLINE.encode()), good, now=at(31))
    assert whole.role is Role.ONLINE


@pytest.mark.parametrize(
    "glance", [Glance(problem="there is no file there"), Glance(content=b"<!DOCTYPE DMS><DMS/>"), Glance()]
)
def test_without_a_good_reading_or_a_file_the_role_is_unknown_at_once(glance: Glance) -> None:
    good = (
        Good(reading=Reading(role=Role.ONLINE, reason=""), read=at(0))
        if glance.content or glance.problem
        else None
    )
    observation, kept = observe_dms(SOURCE, glance, good, now=at(1))
    assert observation.role is Role.UNKNOWN
    assert kept is None


@pytest.mark.parametrize(
    ("text", "zone", "seconds"),
    [
        ("2023-05-30 15:23:04", UTC, 1_685_460_184.0),
        ("2023/12/22 14:49:56.886", UTC, 1_703_256_596.886),
        ("2023-05-30 15:23:04", ZoneInfo("Europe/Brussels"), 1_685_452_984.0),
        ("2023-05-30T15:23:04+01:00", UTC, 1_685_456_584.0),
        ("2023-10-29 02:30:00", ZoneInfo("Europe/Brussels"), None),
        ("2023-03-26 02:30:00", ZoneInfo("Europe/Brussels"), None),
        ("1969-01-01 00:00:00", UTC, None),
        ("2300-01-01 00:00:00", UTC, None),
        ("0001-01-01 00:00:00", ZoneInfo("Asia/Tokyo"), None),
        ("yesterday", UTC, None),
        ("", UTC, None),
    ],
)
def test_a_local_time_is_a_moment_unless_the_clocks_repeat_or_skip_it(
    text: str, zone: ZoneInfo, seconds: float | None
) -> None:
    assert local_time_s(text, zone) == seconds


def test_without_a_zone_times_are_this_hosts() -> None:
    here = datetime(2023, 6, 15, 12, 0, 0).timestamp()  # noqa: DTZ001 - local time is what is tested
    assert local_time_s("2023-06-15 12:00:00", None) == here


def test_facts_are_the_virtual_ips_that_are_given_the_type_and_the_agents_that_are_named() -> None:
    content = dms(
        '<Failover FailoverType="VirtualIP"><Agents>'
        '<Agent hostname=" " Name="DMA-MAIN"/><DMA host="dma-backup"/>'
        '<Agent name="a" Name="b"/><Agent id="3"/></Agents><VirtualIPs><VirtualIP address=" 10.10.10.5 "/>'
        '<VirtualIP address=""/><VirtualIP Address="2001:db8::5"/><VirtualIP address="10.10.10.5"/>'
        "<VirtualIP/>"
        "</VirtualIPs></Failover>"
    )
    assert read_dms_facts(content) == Facts(
        configured=True,
        kind="VirtualIP",
        virtual_ips=(ip_address("10.10.10.5"), ip_address("2001:db8::5")),
        agents=("DMA-MAIN", "dma-backup"),
    )


def test_facts_tell_a_pair_by_host_name_and_an_agent_without_a_pair() -> None:
    by_name = read_dms_facts(dms('<Failover FailoverType="HostName" Hostname="dms.example.test"/>'))
    alone = read_dms_facts(dms("<Other/>"))
    assert isinstance(by_name, Facts)
    assert by_name.by_host_name
    assert alone == Facts(configured=False)


@pytest.mark.parametrize("content", [ONLINE, ONLINE[:-9], ONLINE.replace("online", SECRET[:3]), ONLINE * 2])
def test_no_reason_and_no_repr_shows_a_password(content: str) -> None:
    found = [read_dms(content.encode(), UTC), read_dms_facts(content.encode())]
    observed = observe_dms(SOURCE, Glance(content=content.encode()), None, now=at(0))
    assert SECRET not in repr((found, observed))


@given(content=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_no_content_crashes_or_is_online_by_chance(content: bytes) -> None:
    found = read_dms(content, UTC)
    assert isinstance(found, Broken) or found.role is not Role.ONLINE
    read_dms_facts(content)


@given(text=st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='<&"')))
def test_only_a_known_word_is_online(text: str) -> None:
    found = state(dms(f'<Failover><State state="{text}"/></Failover>'))
    assert (found.role is Role.ONLINE) == (
        " ".join(text.casefold().split()) in {"online", "master", "primary"}
    )


@given(cut=st.integers(0, len(ONLINE) - 2))
def test_a_file_cut_anywhere_is_never_online(cut: int) -> None:
    found = read_dms(ONLINE[:cut].encode(), UTC)
    assert isinstance(found, Broken)
    assert found.half
