"""pydantic's errors in an operator's words, with the allowed range, the nearest key, an example.

All of it comes from the JSON Schema, so that a message, the reference and an editor say the same.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from failover_dns.edge.settings.problems import Finding, Loc, WrongError, shown

Node = dict[str, Any]
"""A place in a JSON Schema."""

KINDS = {
    "string": "a text in quotes",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a table",
}


def explain(error: ValidationError, schema: Node) -> Iterator[Finding]:
    """Return one finding for each of pydantic's errors."""
    for detail in error.errors(include_url=False):
        loc = detail["loc"]
        if detail["type"] == "value_error" and loc[-1] == "[key]":
            loc = loc[:-1]  # pydantic's mark for a table's key, which is what is wrong
        at, node = _find(loc, schema)
        if detail["type"].startswith("union_tag_"):
            at, node = (*at, "type"), {"enum": list(node["discriminator"]["mapping"]), "type": "string"}
            yield _explain_tag(at, node, detail)
        elif detail["type"] == "extra_forbidden":
            _, table = _find(loc[:-1], schema)
            yield unknown_key(at, list(table["properties"]))
        else:
            what, cure = _say(at, node, detail)
            yield Finding(at=at, what=what, cure=cure)


def unknown_key(at: Loc, known: list[str]) -> Finding:
    """Return the finding for a key that the table at that place does not have."""
    cure = f"remove it, or write one of: {', '.join(known)}"
    near = difflib.get_close_matches(str(at[-1]), known, n=1)
    if at[-1] == "secret" and "secret_file" in known:
        cure = "put the secret into a file of its own and name that file with secret_file"
    elif near:
        cure = f"did you mean {near[0]}?"
    return Finding(at=at, what="is not a known key", cure=cure)


def _find(loc: Loc, schema: Node) -> tuple[Loc, Node]:
    """Return the place without the kinds of source that pydantic adds, and what the schema says of it."""
    at: list[str | int] = []
    node = schema
    for step in loc:
        if step in node.get("discriminator", {}).get("mapping", {}):
            node = _deref(node["discriminator"]["mapping"][step], schema)
        else:
            at.append(step)
            below = _into(node, step)
            node = _deref(below["$ref"], schema) | below if "$ref" in below else below
    return tuple(at), node


def _into(node: Node, step: str | int) -> Node:
    if isinstance(step, int):
        found = node.get("items")
    else:
        found = node.get("properties", {}).get(step) or node.get("additionalProperties")
    return found if isinstance(found, dict) else {}


def _deref(reference: str, schema: Node) -> Node:
    return dict(schema["$defs"][reference.rpartition("/")[2]])


def _explain_tag(at: Loc, node: Node, detail: ErrorDetails) -> Finding:
    if detail["type"] == "union_tag_not_found":
        return Finding(at=at, what="is missing", cure=_choice(node))
    return Finding(at=at, what=f"{shown(detail['ctx']['tag'])} is not known", cure=_choice(node))


def _say(at: Loc, node: Node, detail: ErrorDetails) -> tuple[str, str]:
    # What stands under [keys], [accounts] and header_files may be a secret in the wrong place.
    value = detail["loc"][-1] != "[key]"
    hidden = at[:1] in {("keys",), ("accounts",)} or ("header_files" in at and value)
    given = "what it says" if hidden else shown(detail["input"])
    cause = detail.get("ctx", {}).get("error")
    match detail["type"]:
        case "value_error" if isinstance(cause, WrongError):
            return cause.what.replace(shown(detail["input"]), given), cause.cure
        case "missing":
            return "is missing", f"add {_example(at, node)}"
        case "greater_than" | "greater_than_equal" | "less_than_equal" | "finite_number":
            return f"{given} is out of range", f"give a number {span(node)}"
        case "too_short" | "too_long":
            count = detail["ctx"]["actual_length"]
            return f"has {count} {'entry' if count == 1 else 'entries'}", f"give {_count(node)}"
        case "enum" | "literal_error":
            return f"{given} is not known", _choice(node)
        case _:
            kind = KINDS.get(node.get("type", ""), "of the right kind")
            return f"{given} is not {kind}", f"write {_example(at, node)}"


def span(node: Node) -> str:
    """Return the range that the schema allows, such as `from 0 to 300`."""
    if "exclusiveMinimum" in node:
        return f"above {node['exclusiveMinimum']:.12g} and up to {node['maximum']:.12g}"
    return f"from {node['minimum']:.12g} to {node['maximum']:.12g}"


def _count(node: Node) -> str:
    least, most = node.get("minItems", 0), node.get("maxItems")
    if least == most:
        return f"exactly {least}"
    return f"at most {most}" if most is not None else f"at least {least}"


def _choice(node: Node) -> str:
    return f"write {' or '.join(shown(choice) for choice in node['enum'])}"


def _example(at: Loc, node: Node) -> str:
    """Return how the key is written."""
    names = [step for step in at if isinstance(step, str)]
    if node.get("type") == "object" and names == list(at):
        return f"[{'.'.join(names)}]"
    if node.get("type") == "object" or ("items" in node and "examples" not in node):
        return f"[[{'.'.join(names)}]]"
    if "examples" not in node and "default" not in node:
        return KINDS.get(node.get("type", ""), "a value")
    return f"{names[-1]} = {json.dumps(node.get('examples', [node.get('default')])[0])}"
