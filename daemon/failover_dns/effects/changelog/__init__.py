"""The change log on the disk: `changes.jsonl` and, beside it, the files that it was before it grew too large.

`ChangeLog` appends: what it returns a number for is on the disk. Appends that arrive while a write is under
way go together into the next one, with one fsync for all. Another process may append to the same log while it
holds the state directory's lock; so enter a `ChangeLog` and append to it only while holding that lock.

The functions read: `read_lines`, `follow`, `open_intents`, `last_moves`, `recent_switches`. They need no lock.
"""

from __future__ import annotations

from failover_dns.effects.changelog.appender import MAX_WAITING, ChangeLog
from failover_dns.effects.changelog.files import MAX_LINE, NAME
from failover_dns.effects.changelog.readers import (
    Moved,
    follow,
    last_moves,
    open_intents,
    read_backwards,
    read_lines,
    recent_switches,
)

__all__ = [
    "MAX_LINE",
    "MAX_WAITING",
    "NAME",
    "ChangeLog",
    "Moved",
    "follow",
    "last_moves",
    "open_intents",
    "read_backwards",
    "read_lines",
    "recent_switches",
]
