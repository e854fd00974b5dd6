"""NSSM's commands for the Windows service: values only, so that every system can show and test them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PureWindowsPath

from failover_dns.core.errors import FailoverDnsError

NAME = "failover-dns"
VIRTUAL_ACCOUNT = rf"NT SERVICE\{NAME}"
"""An account that Windows makes for the service alone; it has no password, and the rights given to it."""

STOP_S = 130
"""Above the longest stop that a configuration allows: two exchanges of 60 s each, and the margin."""
RESTART_S = 5
THROTTLE_S = 10
"""A run shorter than this counts as failed at once, and the next restarts wait longer and longer."""
ROTATE_BYTES = 10 * 1024 * 1024

STAY_STOPPED = (0, 64, 78)
"""Exit codes that no restart mends: stopped in order, a wrong command line, a wrong configuration."""

SKIPPED = 2 + 4
"""Ways to stop that a console program has no use for: WM_CLOSE and WM_QUIT."""

# By SID, since the names of both are translated.
_SYSTEM = "*S-1-5-18"
_ADMINISTRATORS = "*S-1-5-32-544"
_ACCOUNT = re.compile(r'[^\\"/\[\]:;|=,+*?<>%]+\\[^\\"/\[\]:;|=,+*?<>%]+')
_PLAIN = re.compile(r"[\w.:=*\\/-]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsService:
    """The service: which Python runs it, as whom, and where its files are; all paths are absolute."""

    python: str
    config: str
    data: str
    account: str = VIRTUAL_ACCOUNT
    nssm: str = "nssm"

    def __post_init__(self) -> None:
        for path in (self.python, self.config, self.data):
            if not PureWindowsPath(path).is_absolute() or re.search(r'["%\r\n]', path):
                raise FailoverDnsError(
                    f"{path} is not an absolute path of Windows", r"write it like C:\ProgramData\failover-dns"
                )
        if not _ACCOUNT.fullmatch(self.account):
            raise FailoverDnsError(
                f"{self.account} is not an account",
                rf"write it with its domain: {VIRTUAL_ACCOUNT}, or EXAMPLE\failover-dns$ for a gMSA",
            )

    @property
    def state(self) -> str:
        """The directory of the change log, where the daemon's own default is."""
        return str(PureWindowsPath(self.data) / "state")

    @property
    def log(self) -> str:
        """The directory of the service's own log."""
        return str(PureWindowsPath(self.data) / "log")


@dataclass(frozen=True, slots=True)
class Command:
    """A program and its arguments; `may_fail` where a failure is what it is about to bring about."""

    arguments: tuple[str, ...]
    may_fail: bool = False

    def __str__(self) -> str:
        """Return the line for cmd.exe."""
        return " ".join(map(_quoted, self.arguments))


def install(service: WindowsService) -> tuple[Command, ...]:
    """Return what makes the service, in order; it is not started."""
    made = (
        *(_make_directory(path) for path in (service.state, service.log)),
        Command((service.nssm, "install", NAME, service.python, "-m", "failover_dns", "run")),
    )
    return (
        *made,
        *(_set(service, *said) for said in _settings(service)),
        *_account(service),
        *_access(service),
    )


def remove(service: WindowsService) -> tuple[Command, ...]:
    """Return what stops and removes the service; configuration, change log and logs stay."""
    return (
        Command((service.nssm, "stop", NAME), may_fail=True),
        Command((service.nssm, "remove", NAME, "confirm")),
    )


def _settings(service: WindowsService) -> tuple[tuple[str, ...], ...]:
    log = str(PureWindowsPath(service.log) / "failover-dns.log")
    return (
        ("Description", "Keeps DNS telling the truth about failover pairs"),
        ("Start", "SERVICE_AUTO_START"),
        ("AppDirectory", service.data),
        # The registry keeps these for every administrator to read: paths, never secrets.
        ("AppEnvironmentExtra", f"FAILOVER_DNS_CONFIG={service.config}", "PYTHONUTF8=1"),
        # Ctrl-C needs a console.
        ("AppNoConsole", "0"),
        ("AppStopMethodSkip", str(SKIPPED)),
        ("AppStopMethodConsole", str(STOP_S * 1000)),
        ("AppThrottle", str(THROTTLE_S * 1000)),
        ("AppRestartDelay", str(RESTART_S * 1000)),
        ("AppExit", "Default", "Restart"),
        *(("AppExit", str(code), "Exit") for code in STAY_STOPPED),
        ("AppStdout", log),
        ("AppStderr", log),
        ("AppRotateFiles", "1"),
        ("AppRotateOnline", "1"),
        ("AppRotateBytes", str(ROTATE_BYTES)),
    )


def _account(service: WindowsService) -> tuple[Command, ...]:
    """Set the account without a password: virtual and managed ones have none, others' is for services.msc."""
    logon = Command(("sc.exe", "config", NAME, "obj=", service.account))
    if not service.account.endswith("$"):
        return (logon,)
    return (logon, Command(("sc.exe", "managedaccount", NAME, "true")))


def _access(service: WindowsService) -> tuple[Command, ...]:
    """Let the account read the configuration and write its own; all users may read there by default."""
    owners = tuple(f"{sid}:(OI)(CI)F" for sid in (_SYSTEM, _ADMINISTRATORS))
    read, change = (f"{service.account}:(OI)(CI){right}" for right in ("RX", "M"))
    return (
        Command(("icacls", service.data, "/inheritance:r", "/grant:r", *owners, read)),
        *(Command(("icacls", path, "/grant:r", change)) for path in (service.state, service.log)),
    )


def _set(service: WindowsService, *said: str) -> Command:
    return Command((service.nssm, "set", NAME, *said))


def _make_directory(path: str) -> Command:
    return Command(("cmd.exe", "/d", "/c", "if", "not", "exist", path, "mkdir", path))


def _quoted(argument: str) -> str:
    return argument if _PLAIN.fullmatch(argument) else f'"{argument}"'
