"""Words become roles; what is not recognised is UNKNOWN, with the reason.

The table holds the words of DataMiner, keepalived and Patroni beside our own. Matching folds case and white
space and nothing else: a word that merely contains `online` proves nothing ("not online" contains it too). An
operator's own words go over the table's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from failover_dns.core.model import Role

MAX_CHARS_SHOWN = 60
"""How much of an unknown word a reason repeats: enough to find it, not enough to leak a document."""

MAX_SINCE_S = 4_102_444_800.0
"""2100-01-01: a number beyond it is milliseconds or a mistake, and no time."""

WORDS: Mapping[str, Role] = MappingProxyType(
    {
        "online": Role.ONLINE,
        "master": Role.ONLINE,
        "primary": Role.ONLINE,
        "offline": Role.OFFLINE,
        "backup": Role.OFFLINE,
        "replica": Role.OFFLINE,
        "standby": Role.OFFLINE,
        "standby_leader": Role.OFFLINE,
        "fault": Role.OFFLINE,
        "stop": Role.OFFLINE,
        "switching": Role.SWITCHING,
        "going online": Role.SWITCHING,
        "going offline": Role.SWITCHING,
        "preparing to go online": Role.SWITCHING,
        "preparing to go offline": Role.SWITCHING,
        "unknown": Role.UNKNOWN,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a source's text says: a role, why, and since when (seconds since 1970) if it says so."""

    role: Role
    reason: str
    since_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """The word found in a text, before its meaning: the role's, or the online agent's name."""

    word: str
    since_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """How a text is to be read: as one word, or as JSON with pointers (RFC 6901) to the role and its since.

    `words` are an operator's own, folded by `fold`. A `None` pointer reads the text as one word.
    """

    pointer: str | None = None
    since_pointer: str | None = None
    words: Mapping[str, Role] = field(default_factory=lambda: WORDS)

    def __post_init__(self) -> None:
        """Refuse what is no JSON pointer: it would point elsewhere than it says."""
        for pointer in (self.pointer, self.since_pointer):
            if pointer and not pointer.startswith("/"):
                raise ValueError(f"{pointer!r} is not a JSON pointer: it must begin with /, as in /{pointer}")


def fold(word: str) -> str:
    """Return `word` as the table holds it: lower case, single spaces."""
    return " ".join(word.casefold().split())


def unknown(reason: str) -> Reading:
    """Return UNKNOWN with its reason."""
    return Reading(role=Role.UNKNOWN, reason=reason)


def read_word(text: str, words: Mapping[str, Role] = WORDS) -> Reading:
    """Return the role that one word or phrase stands for."""
    word = fold(text)
    if not word:
        return unknown("it is empty")
    role = words.get(word)
    if role is None:
        return unknown(f"it says {shown(text)}, which is not a known word")
    return Reading(role=role, reason=f"it says {shown(text)}")


def read_text(content: bytes, form: Format) -> Reading:
    """Return the role that a file's or a body's content gives by `form`."""
    found = extract(content, form)
    if isinstance(found, Reading):
        return found
    return replace(read_word(found.word, form.words), since_s=found.since_s)


def extract(content: bytes, form: Format) -> Word | Reading:
    """Return the word that stands for the role, or UNKNOWN with what is wrong with the content."""
    text = decode(content)
    if text is None:
        return unknown("it is not text in UTF-8 or UTF-16")
    if form.pointer is None or not text.strip():
        return Word(word=text)
    try:
        document = json.loads(text, object_pairs_hook=_without_duplicates)
    except DuplicateError as error:
        return unknown(f"it says {error} twice, so that neither counts")
    except (ValueError, RecursionError):
        return unknown("it is not complete JSON")
    return _from_document(document, form.pointer, form.since_pointer)


class DuplicateError(ValueError):
    """A JSON object has the same name twice (RFC 8259 4: what that means is unpredictable)."""


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise DuplicateError(shown(name))
        found[name] = value
    return found


def _from_document(document: Any, pointer: str, since_pointer: str | None) -> Word | Reading:
    try:
        word = resolve(document, pointer)
    except LookupError:
        return unknown(f"it has nothing at {pointer}")
    if not isinstance(word, str):
        return unknown(f"what it has at {pointer} is not a string")
    return Word(word=word, since_s=_since(document, since_pointer))


def _since(document: Any, pointer: str | None) -> float | None:
    """Return seconds since 1970 from a number or an ISO 8601 text; None where it does not say."""
    if pointer is None:
        return None
    try:
        said = resolve(document, pointer)
        if isinstance(said, str):
            said = datetime.fromisoformat(said).timestamp()
    except (LookupError, ValueError, OverflowError, OSError):
        return None
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 <= said < MAX_SINCE_S:
        return None
    return float(said)


def decode(content: bytes) -> str | None:
    """Return the text of UTF-8, or of UTF-16 with a byte order mark as PowerShell writes it; else None."""
    encoding = "utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return None


def read_online_name(content: bytes, form: Format, names: Mapping[str, str]) -> Mapping[str, Reading]:
    """Return each agent's reading from a text that names the online one.

    `names` gives, for each folded word that may stand in the text, the agent that it means. Any other word
    says nothing of either agent.
    """
    agents = set(names.values())
    found = extract(content, form)
    if isinstance(found, Word):
        online = names.get(fold(found.word))
        if online is not None:
            return {agent: _named(agent == online, found) for agent in agents}
        found = read_word(found.word, {})
    return dict.fromkeys(agents, found)


def _named(online: bool, found: Word) -> Reading:  # noqa: FBT001 - both cases stand at the one call
    role = Role.ONLINE if online else Role.OFFLINE
    return Reading(role=role, reason=f"it names {shown(found.word)}", since_s=found.since_s)


def shown(text: str) -> str:
    """Return `text` quoted for a message: one line, printable, of bounded length."""
    flat = " ".join(text.split())
    return repr(flat if len(flat) <= MAX_CHARS_SHOWN else flat[:MAX_CHARS_SHOWN] + "…")


def resolve(document: Any, pointer: str) -> Any:
    """Return what the JSON pointer (RFC 6901) points to; LookupError if there is nothing."""
    found = document
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        match found:
            case dict():
                found = found[name]
            case list() if name.isascii() and name.isdigit():
                found = found[int(name)]
            case _:
                raise LookupError(pointer)
    return found
