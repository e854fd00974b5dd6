"""Moments as text: RFC 3339, in UTC with milliseconds, and back."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)


def rfc3339(wall_s: float) -> str:
    """Return seconds since 1970 as text."""
    text = datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def seconds(text: str) -> float:
    """Return seconds since 1970 from such a text; ValueError for any other."""
    if not _FORM.fullmatch(text):
        raise ValueError(f"{text!r:.60} is not a time such as 2026-03-01T09:30:00.000Z")
    return datetime.fromisoformat(text).timestamp()
