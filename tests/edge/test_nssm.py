from __future__ import annotations

import re
from pathlib import Path

import pytest

from failover_dns.core.errors import FailoverDnsError
from failover_dns.edge.generation import STOP_MARGIN_S
from failover_dns.edge.nssm import WindowsService, install, remove
from failover_dns.edge.settings.schema import json_schema

SCRIPTS = Path(__file__).parents[2] / "nssm"
PYTHON = r"C:\Program Files\failover-dns\Scripts\python.exe"
DATA = r"C:\ProgramData\failover-dns"
SERVICE = WindowsService(python=PYTHON, config=rf"{DATA}\failover-dns.toml", data=DATA)


def lines(service: WindowsService) -> list[str]:
    return [str(command) for command in install(service)]


def value(name: str) -> list[tuple[str, ...]]:
    found = [command.arguments[4:] for command in install(SERVICE) if command.arguments[3:4] == (name,)]
    assert found, name
    return found


def test_a_stop_is_given_more_time_than_the_longest_transaction_takes() -> None:
    longest_s = json_schema()["properties"]["deadline_s"]["maximum"]
    ((stop_ms,),) = value("AppStopMethodConsole")
    assert int(stop_ms) / 1000 > 2 * longest_s + STOP_MARGIN_S


def test_ctrl_c_is_the_only_way_to_stop_before_the_last_one() -> None:
    assert value("AppNoConsole") == [("0",)]
    assert value("AppStopMethodSkip") == [("6",)]


def test_a_crash_restarts_and_a_wrong_configuration_stays_stopped() -> None:
    assert value("AppExit") == [("Default", "Restart"), ("0", "Exit"), ("64", "Exit"), ("78", "Exit")]


def test_the_log_rotates_while_the_daemon_runs() -> None:
    assert value("AppStdout") == value("AppStderr") == [(rf"{DATA}\log\failover-dns.log",)]
    assert (value("AppRotateFiles"), value("AppRotateOnline")) == ([("1",)], [("1",)])


def test_the_registry_is_given_paths_only() -> None:
    assert value("AppEnvironmentExtra") == [
        (rf"FAILOVER_DNS_CONFIG={DATA}\failover-dns.toml", "PYTHONUTF8=1")
    ]


def test_the_service_has_an_account_of_its_own() -> None:
    assert r'sc.exe config failover-dns obj= "NT SERVICE\failover-dns"' in lines(SERVICE)
    assert not any("managedaccount" in line for line in lines(SERVICE))


def test_a_gmsa_is_told_to_be_managed_and_needs_no_password() -> None:
    service = WindowsService(python=PYTHON, config=DATA, data=DATA, account=r"EXAMPLE\failover-dns$")
    assert r'sc.exe config failover-dns obj= "EXAMPLE\failover-dns$"' in lines(service)
    assert "sc.exe managedaccount failover-dns true" in lines(service)
    assert not any("password" in line for line in lines(service))


def test_users_cannot_read_the_directory_and_the_account_writes_only_its_own() -> None:
    whole, state, log = (line for line in lines(SERVICE) if line.startswith("icacls"))
    assert "/inheritance:r" in whole
    assert r'"NT SERVICE\failover-dns:(OI)(CI)RX"' in whole
    assert (state, log) == (
        rf'icacls {DATA}\state /grant:r "NT SERVICE\failover-dns:(OI)(CI)M"',
        rf'icacls {DATA}\log /grant:r "NT SERVICE\failover-dns:(OI)(CI)M"',
    )


def test_removing_a_service_that_is_stopped_already_is_no_failure() -> None:
    stop, gone = remove(SERVICE)
    assert (str(stop), stop.may_fail) == ("nssm stop failover-dns", True)
    assert (str(gone), gone.may_fail) == ("nssm remove failover-dns confirm", False)


@pytest.mark.parametrize(
    "account", ["failover-dns", r"EXAMPLE\a\b", 'EXAMPLE\\"x', r"EXAMPLE\%x%", "\\x", "EXAMPLE\\"]
)
def test_an_account_that_is_none_is_refused(account: str) -> None:
    with pytest.raises(FailoverDnsError, match="is not an account"):
        WindowsService(python=PYTHON, config=DATA, data=DATA, account=account)


@pytest.mark.parametrize(
    "path", ["failover-dns.toml", "/etc/failover-dns.toml", 'C:\\a"b', r"C:\%x%", "C:\\a\nb"]
)
def test_a_path_that_windows_would_read_otherwise_is_refused(path: str) -> None:
    with pytest.raises(FailoverDnsError, match="is not an absolute path of Windows"):
        WindowsService(python=PYTHON, config=path, data=DATA)


def script(name: str) -> str:
    """Return the script's text with its own variables, `set NAME=`, put in."""
    text = (SCRIPTS / name).read_text("ascii").replace("%ProgramData%", r"C:\ProgramData")
    for variable, said in re.findall(r"^set (\w+)=(.*)$", text, re.MULTILINE):
        text = text.replace(f"%{variable}%", said)
    return text


def unquoted(line: str) -> str:
    """Return the line without what is written differently by hand."""
    return line.removeprefix("cmd.exe /d /c ").removesuffix(" || exit /b 1").replace('"', "")


def commands(text: str) -> list[str]:
    tools = ("nssm ", "sc.exe ", "icacls ", "if not exist ")
    return [line for line in text.splitlines() if line.startswith(tools)]


def test_the_script_for_doing_it_by_hand_has_the_same_commands() -> None:
    by_hand = commands(script("install.cmd"))
    assert list(map(unquoted, by_hand)) == list(map(unquoted, lines(SERVICE)))
    assert all(line.endswith(" || exit /b 1") for line in by_hand)


def test_the_script_that_removes_has_the_same_commands() -> None:
    by_hand = [line.removesuffix(" || exit /b 1") for line in commands(script("remove.cmd"))]
    assert by_hand == list(map(str, remove(SERVICE)))
