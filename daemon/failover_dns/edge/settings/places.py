"""Where the configuration and the state directory are: little to import, for commands that only ask the daemon."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

PREFIX = "FAILOVER_DNS_"
CONFIG = PREFIX + "CONFIG"
"""Names the file; it is not a key of it."""

FILE_NAME = "failover-dns.toml"


def locate(path: Path | None, environ: Mapping[str, str], *, platform: str = sys.platform) -> Path:
    """Return where the file is: `path` (from --config), else the variable's, else the usual place."""
    named = environ.get(CONFIG)
    return path or Path(named or str(_usual_dir(environ, platform) / FILE_NAME))


def usual_state_dir(environ: Mapping[str, str], platform: str) -> Path:
    """Return the state directory of a configuration that names none."""
    if platform == "win32":
        return Path(str(_program_data(environ) / "failover-dns" / "state"))
    return Path("/var/lib/failover-dns")


def state_dir(path: Path | None, environ: Mapping[str, str], *, platform: str = sys.platform) -> Path | None:
    """Return the configured state directory; None if the file cannot be read, which `load` explains."""
    for name, value in environ.items():
        if name.upper() == f"{PREFIX}STATE_DIR":
            return Path(value)
    try:
        tables = tomllib.loads(locate(path, environ, platform=platform).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None
    found = tables.get("state_dir", str(usual_state_dir(environ, platform)))
    return Path(found) if isinstance(found, str) else None


def _usual_dir(environ: Mapping[str, str], platform: str) -> PurePath:
    if platform == "win32":
        return _program_data(environ) / "failover-dns"
    return PurePosixPath("/etc/failover-dns")


def _program_data(environ: Mapping[str, str]) -> PurePath:
    # A copy of os.environ has its names in capitals on Windows.
    return PureWindowsPath(environ.get("ProgramData") or environ.get("PROGRAMDATA") or r"C:\ProgramData")
