"""Walks in words, for operators, made from their documents: of this process, or of the daemon's answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from failover_dns.core.decide import Reason

MEANS: Mapping[str, str] = {
    Reason.SETTLING: "the decision must stand for settle_s first",
    Reason.SWITCHING: "a switch is under way, which may take minutes",
    Reason.BOTH_ONLINE: "both say ONLINE and neither claim is known to be newer: mend the source of the one "
    "that is not online",
    Reason.NOBODY_ONLINE: "no agent says ONLINE freshly: see what each source says",
    Reason.SUPERSEDED: "another daemon decided later, and nothing that this one sees has changed since; "
    "`failover-dns resync --supersede` decides by what this one sees all the same",
    Reason.DAMPED: "the pair switched too often; `failover-dns release` ends the hold",
}
"""What a reason to hold means to an operator, and what to do."""


def decided(document: Mapping[str, Any]) -> str:
    """Say in a sentence what was decided."""
    reason = document["reason"]
    if document["decision"] == "move":
        return f"{document['online']} is online ({reason})"
    return f"held, DNS stays as it is ({reason}: {', '.join(document['about'])}); {MEANS[reason]}"


def show(document: Mapping[str, Any], *, as_json: bool) -> None:
    """Print a walk's document, for programs or for people."""
    print(json.dumps(document) if as_json else "\n".join(lines(document)), flush=True)  # noqa: T201


def lines(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a walk saw, decided and did, for people."""
    if "unfinished" in document:
        yield f"pair {document['pair']}: {document['unfinished']}"
        return
    yield f"pair {document['pair']}: {decided(document)}"
    for agent, seen in document["agents"].items():
        yield f"  {agent}  {seen['role']}  {seen['source']}: {seen['reason']}"
    if document["frozen"] is not None:
        frozen = document["frozen"]
        yield f"  frozen by {frozen['by']} ({frozen['reason']}): nothing is carried out"
    if document["fence"] is not None:
        yield f"  fence: {document['fence']}"
    for change in document["changes"]:
        yield f"  zone {change['zone']}  {_became(change['verdict'])}"
        yield from (f"    -{record}" for record in change["removes"])
        yield from (f"    +{record}" for record in change["adds"])
    left = ("changes", "withheld", "problems")
    if document["planned"] and not any(document[name] for name in left):
        yield "  DNS says so already"
    yield from (f"  foreign, left alone: {record}" for record in document["foreign"])
    for refusal in document["withheld"]:
        yield f"  withheld: {refusal['what']}; {refusal['cure']}"
    yield from (f"  problem: {problem}" for problem in document["problems"])


def printable(text: str) -> str:
    """Return text from DNS or elsewhere without what would steer a terminal."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def _became(verdict: Mapping[str, Any] | None) -> str:
    if verdict is None:
        return "to do"
    return str(verdict["verdict"]) + "".join(
        f": {text}" for text in (verdict["what"], verdict["cure"]) if text
    )
