"""A daemon that runs takes in another configuration, or refuses it and goes on; real BIND, the command and SIGHUP."""

from __future__ import annotations

import asyncio
import base64
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from failover_dns.core.changelog import Intent, decode
from failover_dns.effects.changelog import read_lines
from tests.servers.client import DnsServer
from tests.whole.daemon import BACKUP, FORWARD, LONG_S, MAIN, REVERSE, Daemon, Site, command, running, until
from tests.whole.proxy import Hold, proxy_to
from tests.whole.test_control import place
from tests.whole.test_restart import say
from tests.whole.test_sources import configure

WEB = """
[[pairs]]
name = "web"
virtual_ips = ["10.10.10.7"]

  [[pairs.sources]]
  type = "file"
  path = "{folder}/web"

  [[pairs.agents]]
  name = "web-main.example.test."
  addresses = ["10.10.10.11"]

  [[pairs.agents]]
  name = "web-backup.example.test."
  addresses = ["10.10.10.12"]
"""


def rewrite(site: Site, old: str, new: str) -> None:
    text = site.config.read_text()
    assert old in text
    site.config.write_text(text.replace(old, new))


def add_web(site: Site) -> str:
    """Add a second pair, whose main agent is online, and return the configuration before that."""
    before = site.config.read_text()
    (site.folder / "web").write_text("web-main")
    site.config.write_text(before + WEB.format(folder=site.folder))
    return before


def of_web(server: DnsServer) -> set[str]:
    """Return the records of the second pair, its fences among them."""
    records = server.records(FORWARD) | server.records(REVERSE)
    return {record for record in records if "web" in record or record.startswith("7.")}


def pairs_changed(site: Site) -> list[str]:
    entries = [decode(line).entry for line in read_lines(site.state)]
    return [entry.pair for entry in entries if isinstance(entry, Intent)]


async def reload(site: Site) -> None:
    assert await command(site, "reload") == (0, "reloaded\n", "")


async def generations(daemon: Daemon, count: int) -> None:
    """Return once the daemon has looked at every pair under its `count`th configuration."""
    async with asyncio.timeout(LONG_S):
        while len(daemon._named("ready", {})) < count:
            async with daemon._news:
                await daemon._news.wait()


@contextmanager
def manager(folder: Path) -> Iterator[socket.socket]:
    """Listen where the service manager would."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(folder / "notify"))
        listening.setblocking(False)
        yield listening


async def hears(listening: socket.socket, word: bytes) -> None:
    async with asyncio.timeout(LONG_S):
        while not (await asyncio.get_running_loop().sock_recv(listening, 4096)).startswith(word):
            pass


@pytest.fixture
def claimed(site: Site) -> Site:
    """A site with a status file for each agent, MAIN online."""
    configure(site, *(f'type = "file", path = "{site.folder}/{agent}"' for agent in (MAIN, BACKUP)))
    say(site, main="ONLINE", backup="OFFLINE")
    return site


async def test_a_pair_that_is_added_is_looked_after(site: Site, bind: DnsServer) -> None:
    async with running(site) as daemon:
        await daemon.event("ready")
        add_web(site)
        await reload(site)
        await daemon.last("dns_brought_in_order", {"pair": "web"}, {"online": "web-main.example.test."})
        (site.folder / "web").write_text("web-backup")
        await daemon.last("vip_moved", {"pair": "web"}, {"online": "web-backup.example.test."})
        assert await daemon.stop() == 0
    assert "web-backup.example.test. 60 A 10.10.10.7" in of_web(bind)
    assert set(pairs_changed(site)) == {"web"}
    assert site.shows(MAIN)


async def test_a_pair_that_is_removed_is_let_go_and_its_records_stay(site: Site, bind: DnsServer) -> None:
    without = add_web(site)
    async with running(site) as daemon:
        await daemon.event("ready")
        before = of_web(bind)
        assert len(before) == 4
        site.config.write_text(without)
        await reload(site)
        (site.folder / "web").write_text("web-backup")
        site.online(BACKUP)
        await daemon.event("vip_moved")
        code, shown, _ = await command(site, "status", "--json")
        assert await daemon.stop() == 0
    assert of_web(bind) == before
    assert pairs_changed(site) == ["web", "web", "dma", "dma"]
    assert (code, '"pair": "web"' in shown, '"pair": "dma"' in shown) == (0, False, True)


async def test_an_unchanged_pair_goes_on_and_a_crashed_agents_file_does_not_win(claimed: Site) -> None:
    async with running(claimed) as daemon:
        await daemon.event("ready")
        say(claimed, backup="ONLINE")
        await daemon.event("vip_moved")
        add_web(claimed)
        await reload(claimed)
        await generations(daemon, 2)
        assert pairs_changed(claimed) == ["dma", "dma", "web", "web"]
        assert claimed.shows(BACKUP)
        assert await daemon.stop() == 0


@pytest.mark.parametrize("refused", [False, True])
async def test_the_order_of_claims_that_no_log_has_outlasts_a_reload(claimed: Site, *, refused: bool) -> None:
    with taken_port() as port:
        async with running(claimed) as daemon:
            await daemon.event("ready")
            await command(claimed, "freeze", "dma", "--reason", "patch day")
            say(claimed, backup="ONLINE")
            await daemon.event("change_not_carried_out")
            if refused:  # the pair is another one in what cannot be taken in
                rewrite(claimed, 'name = "dma"\n', 'name = "dma"\nttl_s = 90\n')
                rewrite(claimed, "look_s", f'notify = {{ listen = "127.0.0.1:{port}", from = [] }}\nlook_s')
                assert (await command(claimed, "reload"))[0] == 1
            else:
                await reload(claimed)
            await generations(daemon, 2)
            await command(claimed, "thaw", "dma")
            await daemon.event("vip_moved")
            assert await daemon.stop() == 0
    assert {intent.reason for intent in claimed.intents().values()} == {"newer_claim"}
    claimed.require_agreement(BACKUP)


async def test_a_transaction_in_hand_ends_with_its_outcome_before_the_new_configuration_works(
    site: Site, bind: DnsServer
) -> None:
    async with proxy_to(bind.host, bind.port) as proxy:
        site.configure(proxy.port)
        with manager(site.folder) as listening:
            async with running(site, NOTIFY_SOCKET=str(site.folder / "notify")) as daemon:
                await daemon.event("ready")
                proxy.hold(Hold.UPDATE)
                site.online(BACKUP)
                await proxy.wait_held(2)
                add_web(site)
                daemon.send(signal.SIGHUP)
                await hears(listening, b"RELOADING=1")
                assert (await command(site, "status"))[0] == 0  # it answers meanwhile
                proxy.release()
                await daemon.last("dns_brought_in_order", {"pair": "web"}, {})
                assert await daemon.stop() == 0
    told = [event["event"] for event in daemon._events]
    assert told.index("vip_moved") < [at for at, name in enumerate(told) if name == "started"][1]
    assert [result.recovered for result in site.results()] == [False] * 4
    assert pairs_changed(site) == ["dma", "dma", "web", "web"]


async def test_a_resync_that_comes_during_a_reload_is_answered_after_it(site: Site, bind: DnsServer) -> None:
    async with proxy_to(bind.host, bind.port) as proxy:
        site.configure(proxy.port)
        with manager(site.folder) as listening:
            async with running(site, NOTIFY_SOCKET=str(site.folder / "notify")) as daemon:
                await daemon.event("ready")
                proxy.hold(Hold.UPDATE)
                site.online(BACKUP)
                await proxy.wait_held(2)
                daemon.send(signal.SIGHUP)
                await hears(listening, b"RELOADING=1")
                await command(site, "status")  # by then no walk is begun any more
                token = (site.state / "control.token").read_text().strip()
                asked = f"{place(site)}/v1/resync"
                async with (
                    asyncio.timeout(LONG_S),
                    aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
                    session.post(asked, json={"pairs": ["dma"]}) as answer,
                ):
                    proxy.release()
                    [walk] = [line async for line in answer.content]
                assert b'"in_order": true' in walk
                assert await daemon.stop() == 0
    site.require_agreement(BACKUP)


async def test_a_key_file_is_read_anew(site: Site) -> None:
    secret = site.folder / "secret"
    right = secret.read_text()
    async with running(site) as daemon:
        await daemon.event("ready")
        secret.write_text(base64.b64encode(bytes(32)).decode())
        await reload(site)
        await generations(daemon, 2)
        code, shown, _ = await command(site, "status")
        assert (code, "BADSIG" in shown) == (1, True)
        site.online(BACKUP)
        secret.write_text(right)
        await reload(site)
        await daemon.event("vip_moved")
        assert await daemon.stop() == 0
    site.require_agreement(BACKUP)


async def test_what_the_server_knows_by_two_keys_is_signed_with_the_new_one(
    site: Site, bind: DnsServer
) -> None:
    async with proxy_to(bind.host, bind.port) as proxy:
        site.configure(proxy.port)
        async with running(site) as daemon:
            await daemon.event("ready")
            assert proxy.signers == {"hmac-sha256.key."}
            rewrite(site, "hmac-sha256", "hmac-sha512")
            (site.folder / "secret").write_text(base64.b64encode(bind.keys["hmac-sha512"].secret).decode())
            await reload(site)
            await generations(daemon, 2)
            proxy.signers.clear()
            site.online(BACKUP)
            await daemon.event("vip_moved")
            assert await daemon.stop() == 0
    assert proxy.signers == {"hmac-sha512.key."}
    site.require_agreement(BACKUP)


@contextmanager
def taken_port() -> Iterator[int]:
    """Yield a port on loopback that another socket has."""
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("look_s = 60", "look_s = 0", "look_s: 0 is out of range"),
        ("look_s = 60", "look_s = ", "is not TOML"),
        ("/state", "/other", "state_dir cannot change while the daemon runs"),
        ("look_s = 60", 'notify = {{ listen = "127.0.0.1:{port}", from = [] }}', "127.0.0.1#{port}"),
    ],
)
async def test_what_cannot_be_taken_in_is_refused_with_the_reason_and_the_daemon_goes_on_switching(
    site: Site, old: str, new: str, why: str
) -> None:
    with taken_port() as port:
        async with running(site) as daemon:
            await daemon.event("ready")
            rewrite(site, old, new.format(port=port))
            daemon.send(signal.SIGHUP)
            refused = await daemon.event("reload_refused")
            assert why.format(port=port) in refused["why"]
            site.online(BACKUP)
            await daemon.event("vip_moved")
            assert await daemon.stop() == 0
    assert pairs_changed(site) == ["dma", "dma"]
    assert not (site.folder / "other").exists()


async def test_a_configuration_that_is_mended_is_taken_in(site: Site) -> None:
    async with running(site) as daemon:
        await daemon.event("ready")
        rewrite(site, "look_s = 60", "look_s = 0")
        assert (await command(site, "reload"))[0] == 1
        rewrite(site, "look_s = 0", "look_s = 0.1")
        await reload(site)
        site.online(BACKUP)
        await until(lambda: site.shows(BACKUP))
        assert await daemon.stop() == 0
