"""The shipped unit under a real systemd: start, reload, watchdog, death and stop."""

from __future__ import annotations

from tests.systemd.host import Host
from tests.systemd.machine import UNIT, Machine
from tests.whole.daemon import BACKUP, MAIN, until
from tests.whole.proxy import Hold, proxy_to


async def switch(host: Host, to: str) -> None:
    """Switch, and return once DNS and the change log say so."""
    host.site.online(to)
    await until(lambda: host.site.shows(to) and bool(closed(host)) and not open_intents(host))


def closed(host: Host) -> list[str]:
    """Return the verdicts of the change log's outcomes."""
    return [line["verdict"] for line in host.log() if line["event"] == "outcome"]


def open_intents(host: Host) -> set[int]:
    outcomes = {line["intent"] for line in host.log() if line["event"] == "outcome"}
    return {line["seq"] for line in host.log() if line["event"] == "intent"} - outcomes


async def test_it_is_ready_once_every_pair_was_looked_at_and_not_before(host: Host) -> None:
    async with proxy_to(host.site.server.host, host.site.server.port) as proxy:
        host.configure(proxy.port)
        proxy.hold(Hold.READ)
        await host.machine.run("systemctl", "start", "--no-block", UNIT)
        await proxy.wait_held(1)
        assert await host.machine.show("ActiveState") == "activating"
        proxy.release()
        await host.machine.shows(ActiveState="active", SubState="running")


async def test_its_status_says_where_each_pair_is(host: Host) -> None:
    await host.start()
    said = "1 pair, none with problems; dma is at dma-{}.example.test."
    await host.machine.shows(StatusText=said.format("main"))
    await switch(host, BACKUP)
    await host.machine.shows(StatusText=said.format("backup"))


async def test_its_status_says_that_a_primary_cannot_be_reached(host: Host) -> None:
    host.configure(1)
    await host.start()
    said = "1 pair, 1 with problems; dma is at dma-main.example.test."
    await host.machine.shows(StatusText=said, ActiveState="active")


async def test_a_reload_is_announced_with_its_time_and_ends_ready(host: Host) -> None:
    await host.start()
    pid = await host.machine.show("MainPID")
    await host.machine.run("systemctl", "log-level", "debug")
    await host.machine.run("systemctl", "reload", UNIT)
    await host.machine.entry("EVENT=reloaded")
    await host.machine.shows(ActiveState="active", SubState="running", MainPID=pid)
    told = [
        entry["MESSAGE"].partition("(")[2]
        for entry in await host.machine.entries(f"UNIT={UNIT}", "_PID=1")
        if "Got notification message" in entry["MESSAGE"] and f"PID {pid} " in entry["MESSAGE"]
    ]
    assert [message[:11] for message in told if "WATCHDOG" not in message] == ["RELOADING=1", "READY=1)"]
    assert "MONOTONIC_USEC=" in told[0]


async def test_a_configuration_that_is_wrong_is_refused_at_reload_and_the_daemon_works_on(host: Host) -> None:
    await host.start()
    pid = await host.machine.show("MainPID")
    host.config.write_text("pairs = 5\n")
    await host.machine.run("systemctl", "reload", UNIT)
    refused = await host.machine.entry("EVENT=reload_refused")
    assert (refused["PRIORITY"], "failover-dns.toml: pairs: " in refused["WHY"]) == ("3", True)
    await host.machine.shows(ActiveState="active", SubState="running", MainPID=pid)
    await switch(host, BACKUP)


async def test_a_configuration_that_is_wrong_at_start_is_not_tried_again(host: Host) -> None:
    host.config.write_text("pairs = 5\n")
    await host.machine.run("systemctl", "start", UNIT, may_fail=True)
    await host.machine.shows(ActiveState="failed", ExecMainStatus="78", NRestarts="0")


async def test_a_daemon_at_work_gives_signs_of_life_and_is_left_alone(host: Host) -> None:
    await host.drop_in("[Service]\nWatchdogSec=2\n")
    await host.start()
    pid = await host.machine.show("MainPID")
    await host.machine.run("systemctl", "log-level", "debug")
    sign = f"MESSAGE={UNIT}: Got notification message from PID {pid} (WATCHDOG=1)"
    await host.machine.entry(sign, number=5)
    await host.machine.shows(NRestarts="0", MainPID=pid)


async def test_a_daemon_that_hangs_is_restarted_by_the_watchdog(host: Host) -> None:
    await host.drop_in("[Service]\nWatchdogSec=2\n")
    await host.start()
    await host.machine.run("systemctl", "kill", "--signal=STOP", "--kill-whom=main", UNIT)
    await host.machine.shows(NRestarts="1", ActiveState="active", SubState="running")
    entries = await host.machine.entries(f"UNIT={UNIT}", "_PID=1")
    assert [entry for entry in entries if "Watchdog timeout" in entry["MESSAGE"]]
    assert await host.machine.entry("MESSAGE=Fatal Python error: Aborted")  # and then where it hung
    await switch(host, BACKUP)


async def test_a_daemon_that_is_killed_is_restarted_and_keeps_its_change_log(host: Host) -> None:
    await host.start()
    await switch(host, BACKUP)
    before = host.log()
    await host.machine.run("systemctl", "kill", "--signal=KILL", "--kill-whom=main", UNIT)
    await host.machine.shows(NRestarts="1", ActiveState="active", SubState="running")
    await switch(host, MAIN)
    assert host.log()[: len(before)] == before
    assert {*closed(host)} == {"applied"}


async def test_a_stop_finishes_the_transaction_in_hand(host: Host) -> None:
    async with proxy_to(host.site.server.host, host.site.server.port) as proxy:
        host.configure(proxy.port)
        await host.start()
        proxy.hold(Hold.ANSWER)
        host.site.online(BACKUP)
        await proxy.wait_held(2)
        assert len(open_intents(host)) == 2
        await host.machine.run("systemctl", "stop", "--no-block", UNIT)
        await host.machine.entry("EVENT=stopping")
        assert await host.machine.show("ActiveState") == "deactivating"
        proxy.release()
        await host.machine.shows(ActiveState="inactive", Result="success", ExecMainStatus="0")
    assert (open_intents(host), {*closed(host)}) == (set(), {"applied"})
    assert host.site.shows(BACKUP)


async def test_what_it_logs_is_in_the_journal_with_priorities_and_fields(host: Host) -> None:
    await host.start()
    await switch(host, BACKUP)
    moved = await host.machine.entry("EVENT=vip_moved", "PAIR=dma")
    assert (moved["PRIORITY"], moved["ONLINE"], moved["WAKE"]) == ("6", "dma-backup.example.test.", "source")
    assert (moved["_SYSTEMD_UNIT"], moved["_TRANSPORT"]) == (UNIT, "journal")
    assert (moved["SYSLOG_IDENTIFIER"], moved["MESSAGE"][:18]) == ("failover-dns", "vip_moved pair=dma")
    host.site.online("nobody")
    held = await host.machine.entry("EVENT=pair_held")
    assert (held["PRIORITY"], held["REASON"]) == ("4", "nobody_online")


async def test_the_journal_takes_entries_of_many_lines_and_of_a_megabyte(machine: Machine) -> None:
    code = """
from failover_dns.effects.journal import Journal
journal = Journal()
assert journal.send({"MESSAGE": "short", "EVENT": "lines", "WHY": "one\\ntwo"})
assert journal.send({"MESSAGE": "x" * 1_000_000, "EVENT": "large"})
"""
    await machine.run(
        *("env", "PYTHONPATH=/opt/failover-dns/daemon", "LD_LIBRARY_PATH=/opt/failover-dns/python/lib"),
        *("/opt/failover-dns/python/bin/python3", "-c", code),
    )
    assert (await machine.entry("EVENT=lines"))["WHY"] == "one\ntwo"
    large = await machine.entry("--all", "EVENT=large")
    assert len(large["MESSAGE"]) == 1_000_000
