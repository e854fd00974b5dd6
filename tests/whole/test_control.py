"""The control channel of a daemon that runs, asked by the installed commands and over HTTP."""

from __future__ import annotations

import asyncio
import json
import stat
from typing import Any

import aiohttp
import pytest

from failover_dns.core.changelog import Frozen, Thawed, decode
from failover_dns.effects.changelog import read_lines
from tests.servers.client import DnsServer
from tests.whole.daemon import BACKUP, FORWARD, MAIN, REVERSE, Site, command, running
from tests.whole.proxy import Hold, proxy_to


def place(site: Site) -> str:
    return str(json.loads((site.state / "control.json").read_text())["url"])


async def get(site: Site, path: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.get(place(site) + path) as answer:
        return answer.status, await answer.json()


async def test_its_files_are_the_owner_s_alone_and_go_with_the_daemon(site: Site) -> None:
    files = [site.state / "control.json", site.state / "control.token"]
    async with running(site) as daemon:
        listening = await daemon.event("control_listening")
        assert listening["url"] == place(site)
        assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600]
        assert await daemon.stop() == 0
    assert [file.exists() for file in files] == [False, False]


async def test_status_shows_who_is_online_and_dns_as_it_is(site: Site) -> None:
    async with running(site) as daemon:
        await daemon.event("ready")
        site.online(BACKUP)
        await daemon.event("vip_moved")
        code, shown, complaint = await command(site, "status")
        assert (code, complaint) == (0, "")
        assert "dma-backup.example.test." in shown.splitlines()[2]
        assert "as decided" in shown
        assert "    dma-backup.example.test. A 10.10.10.5" in shown.splitlines()
        assert "\x1b" not in shown
        code, found, _ = await command(site, "status", "--json")
        pair = json.loads(found)
        assert (code, pair["online"], pair["in_order"]) == (0, "dma-backup.example.test.", True)
        assert pair["last_change"]["cause"] == "switch"
        assert set(pair["last_change"]["zones"]) == {FORWARD, REVERSE}


async def test_status_says_what_is_wrong_and_what_to_do(site: Site) -> None:
    (site.folder / "online").write_text("nobody that is known\n")
    async with running(site) as daemon:
        await daemon.event("ready")
        code, shown, _ = await command(site, "status")
    assert code == 1
    assert "WRONG: held (nobody_online" in shown
    assert "see what each source says" in shown


async def test_readiness_waits_for_the_first_look(site: Site, bind: DnsServer) -> None:
    async with proxy_to(bind.host, bind.port) as proxy:
        site.configure(proxy.port)
        proxy.hold(Hold.READ)
        async with running(site) as daemon:
            await daemon.event("control_listening")
            assert (await get(site, "/healthz")) == (200, {"status": "alive"})
            status, said = await get(site, "/readyz")
            assert (status, said["what"]) == (503, "not looked at yet: dma")
            proxy.release()
            await daemon.event("ready")
            assert (await get(site, "/readyz")) == (200, {"status": "ready"})


async def test_a_resync_is_walked_by_the_daemon_and_told_as_without_one(site: Site) -> None:
    without = await command(site, "resync")
    async with running(site) as daemon:
        await daemon.event("ready")
        with_one = await command(site, "resync")
        code, found, _ = await command(site, "resync", "--json")
        changes = await get(site, "/v1/changes?event=intent")
    assert with_one[0] == without[0] == 0
    assert with_one[1].splitlines()[:3] == without[1].splitlines()[:3]
    assert "  DNS says so already" in with_one[1]
    assert (code, json.loads(found)["in_order"]) == (0, True)
    assert all(line["writer"] != "" for line in changes[1]["lines"])


async def test_a_freeze_acts_at_once_and_a_thaw_carries_out_what_was_held(site: Site) -> None:
    async with running(site) as daemon:
        await daemon.event("ready")
        code, said, _ = await command(site, "freeze", "dma", "--reason", "patching", "--by", "ana")
        assert (code, "the daemon has taken this up" in said) == (0, True)
        await daemon.event("pair_frozen")
        site.online(BACKUP)
        await daemon.event("change_not_carried_out")
        assert site.shows(MAIN)
        code, shown, _ = await command(site, "status")
        assert (code, "WRONG: frozen by ana: patching" in shown) == (1, True)
        await command(site, "thaw", "dma", "--by", "ben")
        await daemon.event("vip_moved")
        assert site.shows(BACKUP)
    kinds = [type(decode(line).entry) for line in read_lines(site.state)]
    assert kinds.index(Frozen) < kinds.index(Thawed)


async def test_a_release_says_what_the_switches_counted(site: Site) -> None:
    async with running(site) as daemon:
        await daemon.event("ready")
        site.online(BACKUP)
        await daemon.event("vip_moved")
        code, said, _ = await command(site, "release", "dma")
        assert (code, "(they counted 1.0)" in said or "(they counted 0.9)" in said) == (0, True)
        status, pair = await get(site, "/v1/pairs/dma")
        assert status == 200
        assert pair["last_change"]["cause"] == "switch"


async def test_a_reload_of_a_wrong_configuration_is_refused_with_the_reason(site: Site) -> None:
    async with running(site) as daemon:
        await daemon.event("ready")
        assert (await command(site, "reload"))[:2] == (0, "reloaded\n")
        right = site.config.read_text()
        site.config.write_text(right.replace("look_s = 60", "look_s = 0"))
        code, _, complaint = await command(site, "reload")
        site.config.write_text(right)
    assert (code, "look_s: 0 is out of range" in complaint) == (1, True)


async def test_metrics_count_the_switch_and_time_it(site: Site) -> None:
    async with running(site) as daemon:
        await daemon.event("ready")
        site.online(BACKUP)
        await daemon.event("vip_moved")
        async with aiohttp.ClientSession() as session, session.get(place(site) + "/metrics") as answer:
            text = await answer.text()
    lines = text.splitlines()
    assert 'failover_dns_switches_total{pair="dma"} 1.0' in lines
    assert 'failover_dns_event_to_verified_seconds_count{cause="switch"} 2.0' in lines
    assert 'failover_dns_online{agent="dma-backup.example.test.",pair="dma"} 1.0' in lines
    assert any(line.startswith("failover_dns_build_info{") for line in lines)


async def test_a_pair_that_nobody_knows_is_an_error_with_the_names_of_those_that_are(site: Site) -> None:
    async with running(site) as daemon:
        await daemon.event("ready")
        for words in (["status"], ["resync"], ["thaw"]):
            code, _, complaint = await command(site, *words, "dmx")
            assert (code, "no pair is called dmx; the pairs are: dma" in complaint) == (78, True)


@pytest.mark.parametrize("words", [["reload"], ["status", "--watch"]])
async def test_without_a_daemon_a_command_says_so_and_what_works(site: Site, words: list[str]) -> None:
    code, _, complaint = await command(site, *words)
    assert code == 1
    assert f"no daemon answers for {site.state}" in complaint


async def test_what_a_killed_daemon_leaves_behind_leads_nowhere(site: Site) -> None:
    async with running(site) as daemon:
        await daemon.event("ready")
        await daemon.kill()
    assert (site.state / "control.json").exists()
    code, said, _ = await command(site, "resync")
    assert (code, "dma-main.example.test. is online" in said) == (0, True)


async def test_a_port_that_is_taken_leaves_the_daemon_without_a_channel(site: Site) -> None:
    taken = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    site.config.write_text(f'{site.config.read_text()}\n[control]\nlisten = "127.0.0.1:{port}"\n')
    async with taken, running(site) as daemon:
        assert "in use" in (await daemon.event("control_unavailable"))["why"]
        await daemon.event("ready")
        assert await daemon.stop() == 0
    assert not (site.state / "control.json").exists()
