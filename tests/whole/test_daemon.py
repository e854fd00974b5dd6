"""The daemon as its own process before a real BIND: switches, signals, and commands beside it."""

from __future__ import annotations

import asyncio
import json
import signal

import pytest

from failover_dns.core.changelog import Verified, verify
from failover_dns.effects.changelog import read_lines
from tests.servers.client import DnsServer
from tests.whole.daemon import BACKUP, FENCE, FORWARD, MAIN, REVERSE, Site, command, running, until
from tests.whole.proxy import Hold, proxy_to


async def test_a_new_status_file_moves_the_virtual_ip(site: Site) -> None:
    async with running(site) as daemon:
        await daemon.event("ready")
        site.online(BACKUP)
        moved = await daemon.event("vip_moved")
        assert moved["zones"] == {FORWARD: "applied", REVERSE: "applied"}
        assert moved["online"] == "dma-backup.example.test."
        site.require_agreement(BACKUP)
        assert await daemon.stop() == 0
        assert (await daemon.event("stopped"))["finished"] is True


async def test_what_is_wrong_at_the_start_is_brought_in_order(site: Site) -> None:
    site.online(BACKUP)
    async with running(site) as daemon:
        await daemon.event("dns_brought_in_order")
        await daemon.event("ready")
        site.require_agreement(BACKUP)


async def test_a_start_gives_zones_that_have_no_fence_the_same_one(site: Site, bind: DnsServer) -> None:
    for zone in (FORWARD, REVERSE):
        update = bind.update(zone)
        update.delete(FENCE)
        assert bind.rcode(update) == "NOERROR"
    async with running(site) as daemon:
        await daemon.event("dns_brought_in_order")
        assert await daemon.stop() == 0
    site.require_agreement(MAIN)
    assert site.fences()[FORWARD].epoch == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_finishes_the_transaction_in_hand(
    site: Site, bind: DnsServer, number: signal.Signals
) -> None:
    async with proxy_to(bind.host, bind.port) as proxy:
        site.configure(proxy.port)
        async with running(site) as daemon:
            await daemon.event("ready")
            proxy.hold(Hold.UPDATE)
            site.online(BACKUP)
            await proxy.wait_held(2)
            daemon.send(number)
            assert (await daemon.event("stopping"))["signal"] == number.name
            proxy.release()
            assert await daemon.end() == 0
    site.require_agreement(BACKUP)
    assert [result.recovered for result in site.results()] == [False, False]


async def test_resyncs_beside_a_daemon_that_switches_do_not_race_with_it(site: Site) -> None:
    async with running(site) as daemon:
        await daemon.event("ready")
        site.online(BACKUP)
        resyncs = [asyncio.create_task(command(site, "resync")) for _ in range(2)]
        await until(lambda: site.shows(BACKUP))
        site.online(MAIN)
        for resync in resyncs:
            code, output, complaint = await resync
            assert (code, complaint) == (0, ""), output
        await until(lambda: site.shows(MAIN))
        assert await daemon.stop() == 0
    site.require_agreement(MAIN)


async def test_a_resync_puts_right_what_no_daemon_looks_after(site: Site) -> None:
    site.online(BACKUP)
    code, output, complaint = await command(site, "resync", "--json")
    assert (code, complaint) == (0, "")
    [changes] = [json.loads(line)["changes"] for line in output.splitlines()]
    assert [change["verdict"]["verdict"] for change in changes] == ["applied", "applied"]
    site.require_agreement(BACKUP)


async def test_plan_exits_with_0_when_nothing_would_change(site: Site) -> None:
    code, output, complaint = await command(site, "plan")
    assert (code, complaint) == (0, "")
    assert "DNS says so already" in output


async def test_plan_exits_with_2_when_something_would_and_changes_nothing(site: Site) -> None:
    site.online(BACKUP)
    code, output, complaint = await command(site, "plan")
    assert (code, complaint) == (2, "")
    assert "+dma-backup.example.test. A 10.10.10.5" in output
    assert site.shows(MAIN)
    assert not site.state.exists()


async def test_plan_exits_with_1_when_dns_cannot_be_read(site: Site, bind: DnsServer) -> None:
    async with proxy_to(bind.host, bind.port) as proxy:
        gone = proxy.port
    site.configure(gone)
    code, output, complaint = await command(site, "plan")
    assert (code, complaint) == (1, "")
    assert f"127.0.0.1#{gone} cannot be reached" in output


@pytest.mark.parametrize("word", ["run", "plan", "resync"])
async def test_a_wrong_configuration_exits_with_78_and_touches_nothing(site: Site, word: str) -> None:
    site.config.write_text(site.config.read_text() + 'virtual_ip = "10.10.10.5"\n')
    code, output, complaint = await command(site, word)
    assert (code, output) == (78, "")
    assert "virtual_ip" in complaint
    assert "Traceback" not in complaint
    assert not site.state.exists()


async def test_no_secret_is_in_the_log_or_the_change_log(site: Site) -> None:
    secret = (site.folder / "secret").read_text()
    site.online(BACKUP)
    async with running(site) as daemon:
        await daemon.event("ready")
        await daemon.stop()
        assert secret not in json.dumps(daemon._events)
    lines = list(read_lines(site.state))
    assert isinstance(verify(lines), Verified)
    assert secret not in b"\n".join(lines).decode()
