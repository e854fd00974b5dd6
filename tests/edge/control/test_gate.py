from __future__ import annotations

import asyncio
import stat
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from failover_dns.edge.control.gate import Gate, RefusedError
from failover_dns.edge.control.handlers import BODY_S, MAX_BODY
from failover_dns.edge.control.server import HEAD_S, MAX_OPEN
from failover_dns.edge.settings.loaded import Control
from tests.edge.commands import Site
from tests.edge.control.channel import LONG_S, Channel, opened, parsed
from tests.edge.control.tls import certificate

FREEZE = {"pairs": ["dma"], "reason": "patching"}


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:80", "127.0.0.1:9153", "[::1]:9153", "10.0.0.1", "ops-1.example.test:1"]
)
def test_this_host_s_own_names_and_addresses_are_answered(host: str) -> None:
    Gate(token="t", names=frozenset({"ops-1.example.test"})).check([("Host", host)], order=False)


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        [""],
        ["evil.test"],
        ["localhost.evil.test"],
        ["127.0.0.1.evil.test"],
        ["[", "localhost"],
        ["a", "b"],
    ],
)
def test_whoever_asks_by_another_name_is_refused(hosts: list[str]) -> None:
    with pytest.raises(RefusedError) as refused:
        Gate(token="t").check([("Host", host) for host in hosts], order=False)
    assert refused.value.status == 421


@pytest.mark.parametrize(
    "header",
    [
        ("Origin", "http://localhost:9153"),
        ("Origin", "null"),
        ("origin", ""),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ],
)
def test_a_web_page_is_refused_whatever_it_has(header: tuple[str, str]) -> None:
    with pytest.raises(RefusedError) as refused:
        Gate(token="t").check([("Host", "localhost"), ("Authorization", "Bearer t"), header], order=False)
    assert refused.value.status == 403


@pytest.mark.parametrize(
    "said",
    [
        [],
        ["Bearer"],
        ["Bearer "],
        ["Bearer wrong"],
        ["t"],
        ["Basic t"],
        ["Bearer t", "Bearer t"],
        ["Bearer ü"],
    ],
)
def test_an_order_needs_the_token(said: list[str]) -> None:
    headers = [("Host", "localhost"), *(("Authorization", value) for value in said)]
    with pytest.raises(RefusedError) as refused:
        Gate(token="t").check(headers, order=True)
    assert (refused.value.status, refused.value.headers) == (401, {"WWW-Authenticate": "Bearer"})
    Gate(token="t").check(headers, order=False)
    with pytest.raises(RefusedError):
        Gate(token="t", always=True).check(headers, order=False)


def test_the_token_lets_an_order_in() -> None:
    Gate(token="t").check([("host", "localhost"), ("authorization", "bearer t")], order=True)


async def test_the_refusals_come_over_the_wire_as_json(channel: Channel) -> None:
    wrong_host = await channel.ask("GET", "/v1/status", host="evil.test")
    page = await channel.ask("POST", "/v1/freeze", FREEZE, headers={"Origin": channel.url})
    nobody = await channel.ask("POST", "/v1/freeze", FREEZE, token="")
    wrong = await channel.ask("POST", "/v1/freeze", FREEZE, token=channel.token[:-1])
    assert [answer.status for answer in (wrong_host, page, nobody, wrong)] == [421, 403, 401, 401]
    for answer in (wrong_host, page, nobody, wrong):
        assert set(answer.document) == {"what", "cure"}
        assert answer.headers["content-type"] == "application/json"
    assert not (channel.directory / "orders.json").exists()


async def test_the_token_is_new_at_each_start_and_the_owner_s_alone(here: Site) -> None:
    tokens = set()
    for _ in range(2):
        async with opened(here) as channel:
            tokens.add(channel.token)
            assert stat.S_IMODE((channel.directory / "control.token").stat().st_mode) == 0o600
    assert len(tokens) == 2
    assert min(map(len, tokens)) >= 43


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"x" * (MAX_BODY + 1), 413),
        (b"{", 400),
        (b"[]", 400),
        (b'{"pairs": ["dma"]}', 400),
        (b'{"pairs": ["dma"], "reason": "r", "more": 1}', 400),
        (b'{"pairs": ["dma"], "reason": "r", "for_s": -1}', 400),
        (b'{"pairs": ["dmx"], "reason": "r"}', 404),
    ],
)
async def test_a_body_that_is_no_order_says_so_and_orders_nothing(
    channel: Channel, content: bytes, status: int
) -> None:
    answer = await channel.ask("POST", "/v1/freeze", content)
    assert (answer.status, set(answer.document)) == (status, {"what", "cure"})
    assert not (channel.directory / "orders.json").exists()


async def test_a_body_that_does_not_say_it_is_json_is_refused(channel: Channel) -> None:
    answer = await channel.ask("POST", "/v1/freeze", FREEZE, headers={"Content-Type": "text/plain"})
    assert answer.status == 415


async def test_a_client_that_sends_half_a_head_or_nothing_is_cut_off(channel: Channel) -> None:
    async with asyncio.timeout(LONG_S + HEAD_S):
        for half in (b"", b"GET /v1/status HTTP/1.1\r\nHost: local"):
            assert await channel.raw(half, ends=False) == b""


async def test_a_client_that_sends_half_a_body_is_told_and_cut_off(channel: Channel) -> None:
    head = (
        f"POST /v1/freeze HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {channel.token}\r\nContent-Length: 100\r\n\r\n{{"
    )
    async with asyncio.timeout(LONG_S + BODY_S):
        assert parsed(await channel.raw(head.encode(), ends=False)).status == 408


async def test_a_connection_too_many_is_closed_unheard(channel: Channel) -> None:
    open_ones = [await asyncio.open_connection(channel.host, channel.port) for _ in range(MAX_OPEN)]
    try:
        assert await channel.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", ends=False) == b""
    finally:
        for _, writer in open_ones:
            writer.close()


async def test_beyond_loopback_reading_needs_the_token_and_tls(here: Site, tmp_path: Path) -> None:
    files = certificate(tmp_path)
    async with opened(here, Control(listen=(IPv4Address("0.0.0.0"), 0), tls=files)) as channel:
        assert channel.url.startswith("https://127.0.0.1:")
        plain = await channel.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", ends=False)
        assert not plain.startswith(b"HTTP/1.1 200")
        done = await asyncio.to_thread(here.run, "status")
        assert (done.returncode, done.stderr) == (0, "")
        (channel.directory / "control.token").write_text("wrong\n")
        refused = await asyncio.to_thread(here.run, "status")
    assert "no daemon answers" in refused.stderr


async def test_a_tls_key_that_others_can_read_is_not_used(
    here: Site, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    files = certificate(tmp_path)
    files[1].chmod(0o644)
    with pytest.raises(FileNotFoundError):
        async with opened(here, Control(listen=(IPv4Address("127.0.0.1"), 0), tls=files)):
            pass
    assert "can be read or changed by its group or others" in capfd.readouterr().err
