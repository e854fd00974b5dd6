"""Environment variables that go over the file: `FAILOVER_DNS_LOG__LEVEL=debug` is `level` in `[log]`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsError

from failover_dns.edge.settings.places import PREFIX
from failover_dns.edge.settings.problems import Finding, Loc, Problem, key_text
from failover_dns.edge.settings.schema import LogTable, Settings

DELIMITER = "__"

THEIRS = frozenset({"STATE_DIRECTORY"})
"""What systemd sets: near to names of ours, and not meant for us."""

_KNOWN = [*Settings.model_fields, *(f"log{DELIMITER}{key}" for key in LogTable.model_fields)]


class _FromEnvironment(Settings, BaseSettings):  # type: ignore[misc] # pydantic merges their model_config
    """The settings as pydantic-settings wants them, to see which variables there may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where values were written: the file, or a variable that goes over it."""

    file: str
    environ: Mapping[str, str]

    def problem(self, finding: Finding) -> Problem:
        """Return the finding with the file or the variable that it was found in."""
        return Problem(
            where=self._variable(finding.at) or self.file,
            key=key_text(finding.at),
            what=finding.what,
            cure=finding.cure,
        )

    def _variable(self, at: Loc) -> str | None:
        names = {name.lower(): name for name in self.environ}
        for length in range(len(at), 0, -1):
            name = names.get((PREFIX + DELIMITER.join(map(str, at[:length]))).lower())
            if name is not None:
                return f"environment variable {name}"
        return None


def overlay(file: dict[str, Any], environ: Mapping[str, str]) -> tuple[dict[str, Any], list[Problem]]:
    """Return the file's settings with the variables' over them, and what is wrong with the variables."""
    problems = list(_misspelt(environ))
    source = EnvSettingsSource(_FromEnvironment, env_prefix=PREFIX, env_nested_delimiter=DELIMITER)
    source.env_vars = {name.lower(): value for name, value in environ.items()}
    try:
        return _merged(file, source()), problems
    except (SettingsError, RecursionError) as error:
        field = re.search(r'field "(\w+)"', str(error))
        name = field[1].upper() if field else "…"
        return file, [
            *problems,
            Problem(
                where=f"environment variable {PREFIX}{name}",
                what="is not JSON, as a table or a list must be",
                cure=f"write JSON, or a variable for each key, such as {PREFIX}LOG{DELIMITER}LEVEL",
            ),
        ]


def _misspelt(environ: Mapping[str, str]) -> Iterator[Problem]:
    """Return a problem for each variable that is nearly one of ours, and so would be without effect."""
    for variable in environ:
        name = variable.removeprefix(PREFIX).lower()
        if variable in THEIRS or variable == name or name.partition(DELIMITER)[0] in Settings.model_fields:
            continue
        near = difflib.get_close_matches(name, _KNOWN, n=1, cutoff=0.75)
        if near:
            yield Problem(
                where=f"environment variable {variable}",
                what="is not a known setting",
                cure=f"did you mean {PREFIX}{near[0].upper()}?",
            )


def _merged(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(below)
    for key, value in above.items():
        under = found.get(key)
        found[key] = _merged(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return found
