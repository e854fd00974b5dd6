"""Deliberately broken copies of the daemon's rules: the simulation is worth what it finds of these.

Each edit's old text stands exactly once in its file, or the copy is not made: a fault can never be a no-op.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import failover_dns


@dataclass(frozen=True, slots=True)
class Edit:
    """A text in a file of the package, and what stands there instead."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that is broken; `shows` is a part of what the simulation then says is violated."""

    name: str
    shows: str
    edits: tuple[Edit, ...]

    def __str__(self) -> str:
        return self.name


class NoOpError(AssertionError):
    """An edit's old text is not there exactly once."""


def broken_copy(fault: Fault, directory: Path) -> None:
    """Put a copy of the package with this fault into `directory`."""
    package = directory / "failover_dns"
    shutil.copytree(Path(failover_dns.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    for edit in fault.edits:
        path = package / edit.file
        text = path.read_text()
        if text.count(edit.old) != 1 or edit.old == edit.new:
            raise NoOpError(f"{fault}: {edit.old!r} stands {text.count(edit.old)} times in {edit.file}")
        path.write_text(text.replace(edit.old, edit.new))


UNFOUNDED = "whose source said UNKNOWN"
NEWER = "claims to be online since later"

_NO_GUARD = Edit("core/guard.py", "last = _last_addresses(change, pair, current)", "last = ()")
_NOT_OURS = "whole = _not_ours(plan, pair) or _too_many(plan, max_changes)"

FAULTS = (
    Fault(
        "an unknown word is taken for ONLINE",
        UNFOUNDED,
        (Edit("core/roles.py", "role = words.get(word)", "role = words.get(word, Role.ONLINE)"),),
    ),
    Fault(
        "a stale file is taken for a fresh one",
        UNFOUNDED,
        (Edit("core/sources.py", "age_s > source.max_age_s:", "age_s > source.max_age_s + 1e9:"),),
    ),
    Fault(
        "an unread file is taken for what the agent last said",
        "whose source said UNKNOWN",
        (
            Edit(
                "core/decide.py",
                "    online = [agent.name for agent in pair.agents if seen[agent.name].role is Role.ONLINE]",
                "    online = [a.name for a in pair.agents if (seen[a.name].role is Role.UNKNOWN and a.name in claims\n"
                "              and claims[a.name].role is Role.ONLINE) or seen[a.name].role is Role.ONLINE]",
            ),
        ),
    ),
    Fault(
        "UNKNOWN ends a claim as OFFLINE does",
        NEWER,
        (
            Edit(
                "core/decide.py",
                "        if observation.role is not Role.UNKNOWN:\n            claims[agent]",
                "        if observation is not None:\n            claims[agent]",
            ),
        ),
    ),
    Fault("the older claim wins", NEWER, (Edit("core/decide.py", "later = max(", "later = min("),)),
    Fault(
        "a switch in progress is not waited for",
        "is switching",
        (Edit("core/decide.py", "if other is Role.SWITCHING:", "if other is None:"),),
    ),
    Fault(
        "both_online = hold is not heeded",
        "both_online is hold",
        (Edit("core/decide.py", " or pair.both_online is BothOnline.HOLD:", ":"),),
    ),
    Fault(
        "a decision acts before it has settled",
        "settle_s",
        (Edit("core/decide.py", "if left_s > 0:", "if left_s > 1e9:"),),
    ),
    Fault(
        "the intent is written after the update was sent",
        "without an intent on its disk",
        (
            Edit(
                "conduct/transaction.py",
                "opened = dict(zip(await self._log.append(*intents), intents, strict=True))",
                "opened = dict(zip(range(-len(intents), 0), intents, strict=True))",
            ),
            Edit(
                "conduct/transaction.py",
                "if all(added) else NOT_YET\n",
                "if all(added) else NOT_YET\n"
                "            del self._open[seq]\n"
                "            (seq,) = await self._log.append(intent)\n"
                "            self._open[seq] = intent\n",
            ),
        ),
    ),
    Fault(
        "prerequisites are dropped",
        "were not as it had read them",
        (
            Edit(
                "wire/update.py",
                "message = prove(change.zone, change.before)",
                "message = prove(change.zone, ())",
            ),
        ),
    ),
    Fault(
        "an agent's own address is taken for stale",
        "removed a host's own address",
        (
            Edit(
                "core/plan.py",
                "_published(pair, online), _published(pair, stale.name)",
                "_published(pair, online), _published(pair, stale.name) | _forward(\n"
                "                online, pair.agent(online).addresses)",
            ),
        ),
    ),
    Fault("a name may lose its last address", "without any address", (_NO_GUARD,)),
    Fault(
        "foreign records are taken for stale ones",
        "removed a foreign record",
        (
            Edit("core/guard.py", _NOT_OURS, "whole = _too_many(plan, max_changes)"),
            Edit(
                "core/plan.py",
                "    touched: dict[str, set[Key]] = {}",
                "    keyed = {record.key for record in (*adds, *removes) if record.key.type is Type.PTR}\n"
                "    removes = [Record(key, value) for key in sorted(keyed) for value in current[key].values\n"
                "               if Record(key, value) not in want.present]\n"
                "    removes += [r for r in want.absent if r.key not in keyed and r.value in current[r.key].values]\n"
                "    touched: dict[str, set[Key]] = {}",
            ),
        ),
    ),
    Fault(
        "an address is taken from one name before the other has it",
        "before",
        (
            Edit(
                "conduct/transaction.py",
                "first = [tasks[zone] for zone in sorted(before(intent.change, plan.changes))]",
                "first: list[asyncio.Task[Outcome]] = []",
            ),
        ),
    ),
    Fault(
        "the update is believed without reading back",
        "was applied, and it never was",
        (
            Edit(
                "conduct/transaction.py",
                "        found = await sitting.read(change.keys)\n",
                "        return {rrset.key: rrset for rrset in change.after}\n",
            ),
        ),
    ),
    Fault(
        "open intents are forgotten at a start",
        "has no outcome",
        (
            Edit(
                "conduct/transaction.py",
                "self._open = dict(open_intents)",
                "self._open: dict[int, Intent] = {}",
            ),
        ),
    ),
    Fault(
        "lines are not chained",
        "change log is broken",
        (Edit("core/changelog.py", 'line["prev"] = prev', 'line["prev"] = GENESIS'),),
    ),
    Fault(
        "the fence is not demanded of the primary",
        "were not as it had read them",
        (
            Edit(
                "wire/update.py",
                "message = prove(change.zone, change.before)",
                'message = prove(change.zone, tuple(r for r in change.before if r.key.type != "TXT"))',
            ),
        ),
    ),
    Fault(
        "a superseded daemon goes on",
        "saw nothing new",
        (
            Edit(
                "core/fence.py",
                'if known is None or known.fence.online in {"", move.to}:',
                "if move is not None:",
            ),
        ),
    ),
    Fault(
        "a decision takes no epoch of its own",
        "after epoch",
        (
            Edit(
                "core/fence.py",
                "epoch = known.fence.epoch + 1 if known is not None",
                "epoch = known.fence.epoch if known is not None",
            ),
        ),
    ),
    Fault(
        "a decision is withdrawn though its agent does not deny it",
        "does not say OFFLINE",
        (
            Edit(
                "core/fence.py",
                "if named not in claims or seen[named].role is not Role.OFFLINE:",
                "if named not in claims:",
            ),
        ),
    ),
    Fault(
        "a freeze is passed over",
        "though the pair is frozen",
        (Edit("conduct/reconcile.py", "if walk.frozen is not None or (", "if ("),),
    ),
    Fault(
        "a failed zone is given up",
        "after all was mended",
        (
            Edit(
                "conduct/backoff.py",
                "delay_s = min(MOST_S, before.delay_s * 2)",
                "delay_s = min(1e9, before.delay_s * 1e9)",
            ),
        ),
    ),
    Fault(
        "what was read once is relied on for ever",
        "after all was mended",
        (
            Edit(
                "conduct/view.py",
                "if known is None or depth is Depth.ANEW or await self._changed(zone, known):",
                "if known is None:",
            ),
        ),
    ),
)
