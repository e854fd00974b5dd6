"""keepalived's notify FIFO: its lines become the state of each VRRP instance.

A line is `INSTANCE "VI_DMA" MASTER 100`; lines come in order (which notify scripts do not), each only once.
So what is known is the last line of an instance, for as long as keepalived has kept the FIFO open since: when
it closes it without a word it has died, and what it said before holds no longer. Lines that may have been
lost, and lines that are none of keepalived's, put all earlier ones in doubt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from failover_dns.core.model import Instant, Observation, Role
from failover_dns.core.roles import Reading, shown, unknown

MAX_LINE_BYTES = 4096
"""PIPE_BUF: keepalived writes a line at once, and no more than this goes into a FIFO at once (pipe(7))."""

MAX_INSTANCES = 1024
"""VRRP knows 255 routers on a network; more names than this are not keepalived's."""

STATES: Mapping[str, Role] = MappingProxyType(
    {"MASTER": Role.ONLINE, "BACKUP": Role.OFFLINE, "FAULT": Role.OFFLINE, "STOP": Role.OFFLINE}
)
EVENTS = frozenset({"MASTER_RX_LOWER_PRI", "MASTER_PRIORITY", "BACKUP_PRIORITY"})
"""What an instance also tells and is no change of its state."""

SILENT = "keepalived has not spoken since the daemon began to listen"
CLOSED = "keepalived has closed the FIFO without saying STOP: it was killed or reloaded"
LOST = "more waited in the FIFO than it surely holds, so that the newest lines may be lost"
GARBAGE = "a line came that is none of keepalived's; no other program may read or write the FIFO"

_LINE = re.compile(rb'(INSTANCE|GROUP) "([^"\n]{1,255})" ([^\s"]{1,64})( \d{1,5})?')
_CHECKERS = (b"VS ", b"RS ")  # the lines of virtual and real servers, in a FIFO that serves all


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepalivedSource:
    """A VRRP instance of this host's keepalived, which is the agent's role."""

    fifo: str
    instance: str
    agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What an instance last said, and since when (seconds since 1970), if that was heard as it was said."""

    word: str
    since_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What the FIFO has told so far: states in force, those that no longer are and why, and half a line."""

    states: Mapping[str, State] = field(default_factory=dict)
    before: Mapping[str, State] = field(default_factory=dict)
    doubt: str = SILENT
    half: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What was read from the FIFO at once.

    Empty `content` is the end: no program has it open for writing any more. `waited` says that it stood there
    before the daemon listened; `full`, that there may have been no room for more.
    """

    content: bytes
    waited: bool = False
    full: bool = False


def hear(heard: Heard, piece: Piece, *, now: Instant) -> Heard:
    """Return what is known after `piece`."""
    if not piece.content:
        return replace(_doubted(heard, CLOSED, keep=frozenset({"STOP"})), half=b"")
    *lines, half = (heard.half + piece.content).split(b"\n")
    heard = replace(heard, half=half)
    for line in lines:
        heard = _hear_line(heard, line, None if piece.waited else now.wall_s)
    if len(half) > MAX_LINE_BYTES:
        heard = replace(_doubted(heard, GARBAGE), half=b"")
    return _doubted(heard, LOST) if piece.full else heard


def observe_keepalived(
    source: KeepalivedSource, heard: Heard, problem: str | None, *, now: Instant
) -> Observation:
    """Return the agent's observation; `problem` says why nobody listens."""
    reading = unknown(problem) if problem is not None else _read(source.instance, heard)
    return Observation(
        agent=source.agent,
        role=reading.role,
        read=now,
        source=f"keepalived {source.instance}",
        reason=reading.reason,
        since_s=reading.since_s,
    )


def _read(instance: str, heard: Heard) -> Reading:
    state = heard.states.get(instance)
    if state is None:
        others = ", ".join(map(shown, sorted(heard.states)[:3]))
        spoken = f"; it has spoken of {others}" if others else ""
        return unknown(f"{heard.doubt}{spoken}; it speaks at its next change of state")
    if state.word not in STATES:
        return unknown(f"keepalived says {shown(state.word)}, which is not a known state")
    return Reading(role=STATES[state.word], reason=f"keepalived says {state.word}", since_s=state.since_s)


def _hear_line(heard: Heard, line: bytes, since_s: float | None) -> Heard:
    found = _LINE.fullmatch(line)
    if found is None:
        return heard if line.startswith(_CHECKERS) else _doubted(heard, GARBAGE)
    kind, name, word = (part.decode("utf-8", "replace") for part in found.group(1, 2, 3))
    if kind == "GROUP" or word in EVENTS:
        return heard
    known = heard.states.get(name) or heard.before.get(name)
    if known is None and len(heard.states) >= MAX_INSTANCES:
        return _doubted(heard, GARBAGE)
    # The same state told anew, as after a reload, has not begun anew.
    state = known if known is not None and known.word == word else State(word=word, since_s=since_s)
    return replace(heard, states={**heard.states, name: state}, before=dict(_others(heard.before, name)))


def _doubted(heard: Heard, doubt: str, *, keep: frozenset[str] = frozenset()) -> Heard:
    kept = {name: state for name, state in heard.states.items() if state.word in keep}
    before = {**heard.before, **{name: state for name, state in heard.states.items() if name not in kept}}
    return replace(heard, states=kept, before=dict(list(before.items())[-MAX_INSTANCES:]), doubt=doubt)


def _others(states: Mapping[str, State], name: str) -> Iterator[tuple[str, State]]:
    return ((other, state) for other, state in states.items() if other != name)
