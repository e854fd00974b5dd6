"""What the shipped unit lets the daemon do: its key, its directories, its system calls."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.systemd.host import STATE, Host
from tests.systemd.machine import ROOT, UNIT, Machine
from tests.whole.daemon import BACKUP, until

UNIT_FILE = ROOT / "systemd" / UNIT
AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
PROBE = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
try:
    os.sched_setaffinity(0, os.sched_getaffinity(0))
    print("affinity allowed")
except PermissionError:
    print("affinity denied")
print("trace", "denied" if libc.ptrace(0, 0, 0, 0) else "allowed")
"""
PROBING = """
[Service]
Type=oneshot
WatchdogSec=0
Environment=LD_LIBRARY_PATH=/opt/failover-dns/python/lib
ExecStart=
ExecStart=/opt/failover-dns/python/bin/python3 /run/failover/probe.py
"""


@pytest.mark.needs("systemd-analyze")
def test_its_exposure_is_at_most_one_and_a_half(tmp_path: Path) -> None:
    shutil.copy(UNIT_FILE, tmp_path)
    done = subprocess.run(
        ["systemd-analyze", "security", "--no-pager", "--offline=true", str(tmp_path / UNIT)],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found is not None
    assert float(found[1]) <= 1.5


async def test_systemd_finds_nothing_to_complain_of(machine: Machine) -> None:
    assert await machine.run("systemd-analyze", "verify", "--man=no", UNIT) == ""


async def test_the_key_is_roots_and_the_services_copy_nobody_elses(host: Host) -> None:
    await host.start()
    host.site.online(BACKUP)
    await until(lambda: host.site.shows(BACKUP))
    for path in ("/etc/failover-dns/keys/failover", "/run/credentials/failover-dns.service/keys_failover"):
        assert await host.machine.run("cat", path)
        denied = await host.machine.run(*AS_NOBODY, "cat", path, may_fail=True)
        assert "Permission denied" in denied


async def test_the_secret_is_neither_in_the_journal_nor_in_the_units_properties(host: Host) -> None:
    await host.start()
    secret = base64.b64encode(host.site.server.key.secret).decode()
    assert secret not in await host.machine.run("journalctl", "--output=json", "--all")
    assert secret not in await host.machine.run("systemctl", "show", UNIT)


async def test_it_writes_into_its_own_directories_only(host: Host) -> None:
    await host.start()
    host.site.online(BACKUP)
    await until(lambda: host.site.shows(BACKUP))
    user = await host.machine.show("UID")
    places = ("/etc", "/var", "/run", "/tmp", "/dev/shm")  # noqa: S108 - what might be written to
    found = (await host.machine.run("find", *places, "-xdev", "-user", user)).split()
    own = ("/var/lib/private/failover-dns", "/var/log/private/failover-dns", "/run/failover-dns")
    assert {*own, f"/{STATE}/changes.jsonl"} <= {*found}
    foreign = {path for path in found if not path.startswith(own)}
    assert foreign <= {"/run/credentials/failover-dns.service"}  # systemd 252 gives it, read-only


async def test_nobody_else_reads_what_it_writes(host: Host) -> None:
    await host.start()
    for name in ("lib", "log"):
        mode = (host.machine.root / f"var/{name}/private/failover-dns").stat().st_mode
        assert oct(mode & 0o777) == "0o700"


async def test_its_runtime_directory_goes_with_it_and_its_change_log_stays(host: Host) -> None:
    await host.start()
    host.site.online(BACKUP)
    await until(lambda: host.site.shows(BACKUP))
    before = host.log()
    await host.machine.run("systemctl", "stop", UNIT)
    assert not (host.machine.root / "run/failover-dns").exists()
    assert host.log()[: len(before)] == before


async def test_with_the_documented_drop_in_it_hears_notify_at_port_53(host: Host) -> None:
    host.config.write_text(f'{host.config.read_text()}\n[notify]\nlisten = "127.0.0.1:53"\n')
    await host.machine.run("systemctl", "start", UNIT, may_fail=True)
    assert await host.machine.show("ActiveState") != "active"
    capability = "CAP_NET_BIND_SERVICE"
    await host.drop_in(
        f"[Service]\nPrivateUsers=no\nCapabilityBoundingSet={capability}\nAmbientCapabilities={capability}\n"
    )
    await host.machine.run("systemctl", "restart", UNIT)
    await host.machine.shows(ActiveState="active", SubState="running")


async def test_with_a_supplementary_group_it_reads_what_only_members_may(host: Host) -> None:
    status = host.machine.root / "run/failover/online"
    os.chown(status, 0, 4)  # adm, on every Debian
    status.chmod(0o640)
    await host.drop_in("[Service]\nSupplementaryGroups=4\n")
    await host.start()
    await host.machine.shows(StatusText="1 pair, none with problems; dma is at dma-main.example.test.")


async def test_system_calls_that_it_does_not_need_are_denied(host: Host) -> None:
    (host.machine.root / "run/failover/probe.py").write_text(PROBE)
    assert await probed(host, PROBING) == ["affinity denied", "trace denied"]
    assert await probed(host, f"{PROBING}SystemCallFilter=\n") == ["affinity allowed", "trace allowed"]


async def probed(host: Host, drop_in: str) -> list[str]:
    """Start the probe in the daemon's place, and return what it prints."""
    await host.drop_in(drop_in)
    await host.start()
    await host.machine.run("journalctl", "--sync")
    entries = await host.machine.entries(f"_SYSTEMD_UNIT={UNIT}", "_TRANSPORT=stdout")
    return [entry["MESSAGE"] for entry in entries][-2:]
