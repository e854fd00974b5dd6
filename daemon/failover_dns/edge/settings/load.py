"""The configuration: one TOML file, variables over it, secrets from files; everything wrong is told at once.

`load` parses once and returns the core's own model, with small values for what the core has no word for.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from failover_dns.core.roles import decode
from failover_dns.edge.settings.accounts import read_accounts
from failover_dns.edge.settings.checks import check
from failover_dns.edge.settings.draft import SettingsDraft
from failover_dns.edge.settings.environment import Origin, overlay
from failover_dns.edge.settings.explain import explain
from failover_dns.edge.settings.headers import read_headers
from failover_dns.edge.settings.keys import read_keys
from failover_dns.edge.settings.loaded import Loaded, Secrets, build
from failover_dns.edge.settings.places import CONFIG, locate, usual_state_dir
from failover_dns.edge.settings.problems import ConfigurationError, Problem
from failover_dns.edge.settings.schema import Settings, json_schema

__all__ = ["ConfigurationError", "Loaded", "load", "locate", "read_tables"]

MAX_BYTES = 1024 * 1024
"""Some thousands of pairs; what is larger is not a configuration."""


def load(path: Path | None, environ: Mapping[str, str], *, platform: str = sys.platform) -> Loaded:
    """Return the configuration; ConfigurationError with everything that is wrong with it.

    `path` is what --config says, `platform` is as `sys.platform` has it.
    """
    place = locate(path, environ, platform=platform)
    return read_tables(_parse(place, _read(place)), environ, path=place, platform=platform)


def read_tables(
    tables: dict[str, Any], environ: Mapping[str, str], *, path: Path, platform: str = sys.platform
) -> Loaded:
    """Return the configuration of a file's `tables`, as TOML has them; ConfigurationError as `load`."""
    raw, problems = overlay(tables, environ)
    context = {"platform": platform}
    draft = SettingsDraft.model_validate(raw, context=context)
    keys, findings = read_keys(draft, environ, platform=platform)
    accounts, unusable = read_accounts(draft, environ, platform=platform)
    headers, more = read_headers(draft, environ, platform=platform)
    findings += [*unusable, *more, *check(draft, platform)]
    settings = None
    try:
        settings = Settings.model_validate(raw, context=context)
    except ValidationError as error:
        findings += explain(error, json_schema())
    origin = Origin(file=str(path), environ=environ)
    problems += sorted(map(origin.problem, findings), key=lambda problem: problem.key)
    if settings is None or problems:
        raise ConfigurationError(problems)
    secrets = Secrets(keys=keys, accounts=accounts, headers=headers)
    return build(settings, secrets, path=path, state_dir=usual_state_dir(environ, platform))


def _read(place: Path) -> bytes:
    try:
        with place.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise _unusable(
            place, f"cannot be read ({why})", f"write it, or name another file with --config or {CONFIG}"
        ) from error
    if len(content) > MAX_BYTES:
        raise _unusable(place, f"is larger than {MAX_BYTES} bytes", "name the configuration file")
    return content


def _parse(place: Path, content: bytes) -> dict[str, Any]:
    text = decode(content)
    if text is None:
        raise _unusable(place, "is not text in UTF-8", "save it as UTF-8")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unusable(
            place, f"is not TOML: {error}", "mend that line; names and texts stand in quotes"
        ) from None


def _unusable(place: Path, what: str, cure: str) -> ConfigurationError:
    return ConfigurationError([Problem(where=str(place), what=what, cure=cure)])
