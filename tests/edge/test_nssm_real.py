"""The generated commands, run by a real nssm.exe under wine, with a batch file in Python's place."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from failover_dns.edge.nssm import NAME, Command, WindowsService, install, remove
from failover_dns.edge.service import carry_out, printed

NSSM = Path(os.environ.get("NSSM_EXE", Path(__file__).parents[2] / ".tools/nssm/nssm.exe"))
COMMAND_S = 60.0
WAIT_S = 60.0
POLL_S = 0.1
DATA = r"C:\ProgramData\failover-dns"
STAND_IN = "@echo off\r\necho %* %FAILOVER_DNS_CONFIG% >> C:\\ran.txt\r\necho a line of log\r\n{then}\r\n"
FOR_EVER = ":again\r\nping -n 2 127.0.0.1 >NUL\r\ngoto again"

pytestmark = [
    pytest.mark.skipif(shutil.which("wine") is None, reason="wine is not installed (Debian: wine64, wine)"),
    pytest.mark.skipif(
        not NSSM.exists(), reason="nssm.exe is not there: ./run test fetches it where wine is"
    ),
]


@dataclass(frozen=True)
class Windows:
    """A wine prefix of its own; its services end with it."""

    prefix: Path

    @property
    def disk(self) -> Path:
        return self.prefix / "drive_c"

    def run(self, *arguments: str, program: str = "wine") -> tuple[int, str]:
        # Into a file: services keep the pipe of whoever woke them open.
        output = self.prefix / "output"
        environment = os.environ | {
            "WINEPREFIX": str(self.prefix),
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree,mshtml=",
            "DISPLAY": "",
        }
        with output.open("wb") as file:
            done = subprocess.run(
                [program, *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                timeout=COMMAND_S,
                check=False,
            )
        return done.returncode, printed(output.read_bytes())

    def carry(self, command: Command) -> tuple[int, str]:
        code, said = self.run(*command.arguments)
        return (0, said) if command.arguments[0] == "sc.exe" else (code, said)  # wine's has no `config`

    def nssm(self, *words: str) -> str:
        return self.run(r"C:\nssm.exe", *words)[1].strip()

    def ran(self) -> list[str]:
        path = self.disk / "ran.txt"
        return [line.strip() for line in path.read_text().splitlines()] if path.exists() else []

    def log(self) -> str:
        return printed((self.disk / "ProgramData/failover-dns/log/failover-dns.log").read_bytes())

    def comes_to(self, status: str) -> bool:
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            if self.nssm("status", NAME) == status:
                return True
            time.sleep(POLL_S)
        return False


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Windows]:
    windows = Windows(tmp_path_factory.mktemp("wine") / "prefix")
    windows.prefix.mkdir()
    windows.run("wineboot", "--init")
    windows.run("--wait", program="wineserver")  # what it started would end our services with it
    shutil.copy(NSSM, windows.disk / "nssm.exe")
    try:
        yield windows
    finally:
        windows.run("--kill", program="wineserver")


@pytest.fixture
def windows(made: Windows) -> Iterator[Windows]:
    """A Windows in which the service is installed, anew for each test."""
    service = WindowsService(
        python=r"C:\stand-in.bat", config=rf"{DATA}\failover-dns.toml", data=DATA, nssm=r"C:\nssm.exe"
    )
    (made.disk / "ran.txt").unlink(missing_ok=True)
    stand_in(made, FOR_EVER)
    carry_out(install(service), made.carry)
    yield made
    carry_out(remove(service), made.carry)


def stand_in(windows: Windows, then: str) -> None:
    (windows.disk / "stand-in.bat").write_bytes(STAND_IN.format(then=then).encode())


def until(windows: Windows, count: int) -> int:
    """Return how often the stand-in ran, once it ran `count` times or time is up."""
    deadline = time.monotonic() + WAIT_S
    while len(windows.ran()) < count and time.monotonic() < deadline:
        windows.nssm("status", NAME)  # under wine, NSSM's wait before a restart goes on until it is asked
    return len(windows.ran())


def test_nssm_takes_every_setting(windows: Windows) -> None:
    assert windows.nssm("get", NAME, "Application") == r"C:\stand-in.bat"
    assert windows.nssm("get", NAME, "AppStopMethodConsole") == "130000"
    assert [windows.nssm("get", NAME, "AppExit", code) for code in ("Default", "0", "64", "78")] == [
        "Restart",
        "Exit",
        "Exit",
        "Exit",
    ]
    assert windows.nssm("get", NAME, "AppEnvironmentExtra").split() == [
        rf"FAILOVER_DNS_CONFIG={DATA}\failover-dns.toml",
        "PYTHONUTF8=1",
    ]
    assert windows.nssm("get", NAME, "AppRotateOnline") == "1"


def test_it_runs_the_daemon_with_its_configuration_and_keeps_its_log(windows: Windows) -> None:
    windows.run(r"C:\nssm.exe", "start", NAME)
    assert until(windows, 1) == 1
    assert windows.ran() == [rf"-m failover_dns run {DATA}\failover-dns.toml"]
    assert windows.comes_to("SERVICE_RUNNING")
    assert "a line of log" in windows.log()


def test_ctrl_c_stops_it_long_before_harder_means_would(windows: Windows) -> None:
    windows.run(r"C:\nssm.exe", "start", NAME)
    assert windows.comes_to("SERVICE_RUNNING")
    windows.run(r"C:\nssm.exe", "stop", NAME)
    assert windows.comes_to("SERVICE_STOPPED")
    assert len(windows.ran()) == 1


@pytest.mark.parametrize("code", [0, 64, 78])
def test_what_no_restart_mends_stays_stopped(windows: Windows, code: int) -> None:
    stand_in(windows, f"exit {code}")
    windows.run(r"C:\nssm.exe", "start", NAME)
    assert windows.comes_to("SERVICE_STOPPED")
    assert len(windows.ran()) == 1


def test_a_crash_is_restarted(windows: Windows) -> None:
    stand_in(windows, "exit 1")
    windows.run(r"C:\nssm.exe", "start", NAME)
    assert until(windows, 2) >= 2
