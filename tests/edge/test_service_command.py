from __future__ import annotations

import argparse
import subprocess
import sys

import pytest

from failover_dns.core.errors import FailoverDnsError
from failover_dns.edge.nssm import Command, install
from failover_dns.edge.service import _require_windows, carry_out, described, printed

CONFIG = r"D:\failover dns\failover-dns.toml"


def asked(**said: str | None) -> argparse.Namespace:
    return argparse.Namespace(**({"config": None, "account": None, "nssm": None} | said))


def run_command(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "failover_dns", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return run_command("service", *words)


def test_show_prints_on_any_system_what_install_would_run() -> None:
    done = run("show", "--config", CONFIG, "--account", r"EXAMPLE\failover-dns$")
    assert done.returncode == 0
    wanted = described(asked(config=CONFIG, account=r"EXAMPLE\failover-dns$"), {})
    assert done.stdout.splitlines() == list(map(str, install(wanted)))
    assert f'"FAILOVER_DNS_CONFIG={CONFIG}"' in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="there it would install")
@pytest.mark.parametrize("action", ["install", "remove"])
def test_elsewhere_than_on_windows_nothing_is_installed_or_removed(action: str) -> None:
    done = run(action)
    assert done.returncode == 1
    assert "NSSM makes services of Windows only" in done.stderr


def test_a_path_of_another_system_is_refused() -> None:
    done = run("show", "--config", "/etc/failover-dns/failover-dns.toml")
    assert done.returncode == 1
    assert "is not an absolute path of Windows" in done.stderr


def test_on_windows_the_service_runs_this_very_python() -> None:
    if sys.platform == "win32":
        pytest.skip("its own path is right there")
    with pytest.raises(FailoverDnsError, match=sys.executable):
        described(asked(), {}, platform="win32")


@pytest.mark.parametrize("name", ["ProgramData", "PROGRAMDATA"])
def test_the_data_directory_is_where_windows_says(name: str) -> None:
    wanted = described(asked(nssm=r"C:\nssm.exe"), {name: r"E:\Data"}, platform="linux")
    assert (wanted.data, wanted.config) == (
        r"E:\Data\failover-dns",
        r"E:\Data\failover-dns\failover-dns.toml",
    )
    assert wanted.nssm == r"C:\nssm.exe"


def test_the_first_command_that_fails_ends_it_and_is_told() -> None:
    ran: list[Command] = []

    def fail_second(command: Command) -> tuple[int, str]:
        ran.append(command)
        return (5, "Service marked\r\n for delete.") if len(ran) == 2 else (0, "")

    commands = [Command((name,)) for name in ("a", "b", "c")]
    with pytest.raises(FailoverDnsError, match=r"exit code 5 from b: Service marked for delete\."):
        carry_out(commands, fail_second)
    assert ran == commands[:2]


def test_a_command_that_may_fail_ends_nothing() -> None:
    ran: list[Command] = []

    def fail_first(command: Command) -> tuple[int, str]:
        ran.append(command)
        return len(ran) % 2, ""

    commands = [Command(("stop",), may_fail=True), Command(("remove",))]
    carry_out(commands, fail_first)
    assert ran == commands


def test_nssm_s_utf_16_is_read_and_others_bytes_too() -> None:
    assert printed("größer\r\n".encode("utf-16-le")) == "größer\r\n"
    assert printed(b"plain\r\n") == "plain\r\n"


def test_without_nssm_it_says_where_to_put_it() -> None:
    wanted = described(asked(nssm="no-such-nssm.exe"), {}, platform="linux")
    with pytest.raises(FailoverDnsError, match=r"no-such-nssm\.exe is not found; put nssm\.exe on the PATH"):
        _require_windows(wanted, platform="win32")
