"""What each pair went through last besides its changes, as the change log tells it: other daemons, and holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from failover_dns.core.changelog import Cause, Held, Intent, Line, Peer, Released, Result
from failover_dns.core.outcome import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest:
    """The last of each kind, with the log's own time (RFC 3339) of a hold; None where it is over.

    `peer` is over once this daemon follows a switch itself, `held` too, or once it is released.
    """

    peer: Peer | None = None
    held: Held | None = None
    held_at: str = ""


def noting(lines: Iterable[Line], found: dict[str, Latest]) -> Iterator[Line]:
    """Yield `lines` as they are; `found` has then what stands of each pair, if anything does.

    A log can be too large to be kept, and is read once for this and what else is asked of it.
    """
    switches: set[int] = set()
    for line in lines:
        match line.entry:
            case Intent(cause=Cause.SWITCH):
                switches.add(line.seq)
            case Result(verdict=Verdict.APPLIED, pair=pair, intent=seq) if seq in switches:
                found.pop(pair, None)
            case Peer(pair=pair) as peer:
                found[pair] = replace(found.get(pair, Latest()), peer=peer)
            case Held(pair=pair) as held:
                at = str(line.raw["time"])
                found[pair] = replace(found.get(pair, Latest()), held=held, held_at=at)
            case Released(pair=pair):
                found[pair] = replace(found.get(pair, Latest()), held=None, held_at="")
            case _:
                pass
        yield line
