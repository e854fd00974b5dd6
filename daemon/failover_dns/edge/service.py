"""`failover-dns service`: the Windows service, made and removed by NSSM; `show` prints how, on any system."""

from __future__ import annotations

import argparse
import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import PureWindowsPath

from failover_dns.core.errors import FailoverDnsError
from failover_dns.edge import nssm
from failover_dns.edge.nssm import Command, WindowsService
from failover_dns.edge.words import OK

USUAL_PYTHON = r"C:\Program Files\failover-dns\Scripts\python.exe"
"""Where docs/windows.md puts the program; shown where there is no Windows to ask."""
DEADLINE_S = nssm.STOP_S + 30.0
"""For one command: the longest is a stop."""

Run = Callable[[Command], tuple[int, str]]
"""Runs a command; returns its exit code and what it printed."""


def service(arguments: argparse.Namespace) -> int:
    """Show, install or remove the service."""
    wanted = described(arguments, os.environ)
    if arguments.action == "show":
        print("\n".join(map(str, nssm.install(wanted))))  # noqa: T201 - a command's output
        return OK
    commands = nssm.install(wanted) if arguments.action == "install" else nssm.remove(wanted)
    _require_windows(wanted)
    carry_out(commands, _run)
    told = f"start it with: {wanted.nssm} start {nssm.NAME}" if arguments.action == "install" else "removed"
    print(told)  # noqa: T201 - a command's output
    return OK


def described(
    arguments: argparse.Namespace, environ: Mapping[str, str], *, platform: str = sys.platform
) -> WindowsService:
    """Return the service that the command line asks for."""
    # A copy of os.environ has its names in capitals on Windows.
    above = environ.get("ProgramData") or environ.get("PROGRAMDATA") or r"C:\ProgramData"
    data = PureWindowsPath(above) / nssm.NAME
    return WindowsService(
        python=sys.executable if platform == "win32" else USUAL_PYTHON,
        config=arguments.config or str(data / "failover-dns.toml"),
        data=str(data),
        account=arguments.account or nssm.VIRTUAL_ACCOUNT,
        nssm=arguments.nssm or "nssm",
    )


def carry_out(commands: Iterable[Command], run: Run) -> None:
    """Run the commands in order; FailoverDnsError with what the first that failed printed."""
    for command in commands:
        code, said = run(command)
        if code and not command.may_fail:
            why = " ".join(said.split()) or "it said nothing"
            raise FailoverDnsError(
                f"exit code {code} from {command}: {why}",
                "mend that, then `failover-dns service remove` and install again",
            )


def printed(output: bytes) -> str:
    """Return the text of a Windows program's output: NSSM writes UTF-16 where others write bytes."""
    return output.decode("utf-16-le" if b"\0" in output else "utf-8", errors="replace")


def _run(command: Command) -> tuple[int, str]:
    try:
        done = subprocess.run(  # noqa: S603 - the command is ours, and no shell reads it
            command.arguments, capture_output=True, timeout=DEADLINE_S, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FailoverDnsError(f"{command} did not run: {error}", "look at it in services.msc") from error
    return done.returncode, printed(done.stdout + done.stderr)


def _require_windows(wanted: WindowsService, *, platform: str = sys.platform) -> None:
    if platform != "win32":
        raise FailoverDnsError(
            "NSSM makes services of Windows only", "`failover-dns service show` prints what it would do"
        )
    if shutil.which(wanted.nssm) is None:
        raise FailoverDnsError(
            f"{wanted.nssm} is not found", "put nssm.exe on the PATH, or name it with --nssm FILE"
        )
    if not _is_administrator():
        raise FailoverDnsError(
            "this needs an administrator's rights", "run it in a prompt opened as administrator"
        )


def _is_administrator() -> bool:
    windows = getattr(ctypes, "windll", None)
    return windows is None or bool(windows.shell32.IsUserAnAdmin())
