"""What is wrong with a configuration: each problem with its place and the way out, and one error for all."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from failover_dns.core.errors import FailoverDnsError
from failover_dns.core.roles import MAX_CHARS_SHOWN

Loc = tuple[str | int, ...]
"""Where a value stands in the configuration: keys of tables and indexes of lists, from the top."""

MAX_NUMBER_SHOWN = 10**20
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class WrongError(ValueError):
    """A value cannot be what its key stands for: `what` is wrong and `cure`, what to write instead."""

    def __init__(self, what: str, cure: str) -> None:
        super().__init__(f"{what}; {cure}")
        self.what = what
        self.cure = cure


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something wrong at one place of the configuration, wherever that place was written."""

    at: Loc
    what: str
    cure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A finding as an operator reads it: the file or variable, the key in it, what is wrong, the way out."""

    where: str
    what: str
    cure: str
    key: str = ""

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.where, self.key, f"{self.what}; {self.cure}")))


class ConfigurationError(FailoverDnsError):
    """The configuration cannot be used; `problems` holds everything that is wrong, and `str` one a line."""

    exit_code = 78

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def key_text(at: Loc) -> str:
    """Return the place as an operator would write it, such as `pairs[0].agents[1].name`."""
    text = ""
    for step in at:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += ("." if text else "") + (step if _BARE_KEY.fullmatch(step) else shown(step))
    return text


def shown(value: object) -> str:
    """Return `value` as TOML would have it, for a message: one line, printable, of bounded length."""
    match value:
        case str():
            cut = value if len(value) <= MAX_CHARS_SHOWN else value[:MAX_CHARS_SHOWN] + "…"
            quoted = json.dumps(cut, ensure_ascii=False)
            return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in quoted)
        case bool():
            return str(value).lower()
        case int() if abs(value) > MAX_NUMBER_SHOWN:
            return "a very large number"
        case dict():
            return "a table"
        case list():
            return "a list"
        case _:
            return str(value)
