"""Writes what is generated: schema, the reference's tables, the README's help, the manual page.

Run in the project's root: `python -m failover_dns.edge.generate`; with `--check` it writes nothing and exits
with 1 if something is stale.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from failover_dns.edge.cli import help_text
from failover_dns.edge.control.openapi import openapi
from failover_dns.edge.manpage import manpage
from failover_dns.edge.settings.explain import span
from failover_dns.edge.settings.schema import json_schema

SCHEMA = Path("config/schema.json")
REFERENCE = Path("docs/configuration.md")
README = Path("README.md")
MANPAGE = Path("packaging/failover-dns.1")
OPENAPI = Path("docs/openapi.json")

_MARKED = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_HELP = re.compile(r"(<!-- help -->\n).*?(<!-- /help -->)", re.DOTALL)
_HEAD = "| key | type | default | meaning |\n|---|---|---|---|\n"


def generated(root: Path) -> Iterator[tuple[Path, str]]:
    """Return each generated file with the text that it should have."""
    schema = json_schema()
    yield SCHEMA, json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
    yield REFERENCE, with_tables((root / REFERENCE).read_text(encoding="utf-8"), schema)
    yield README, with_help((root / README).read_text(encoding="utf-8"))
    yield MANPAGE, manpage()
    yield OPENAPI, json.dumps(openapi(), indent=2, ensure_ascii=False) + "\n"


def with_tables(text: str, schema: dict[str, Any]) -> str:
    """Return `text` with the table of each marked place made anew."""
    tables: Mapping[str, dict[str, Any]] = {"Settings": schema, **schema["$defs"]}
    return _MARKED.sub(lambda found: found[1] + _table(tables[found[2]], schema) + found[3], text)


def with_help(text: str) -> str:
    """Return `text` with what `failover-dns --help` prints, at its marked place."""
    return _HELP.sub(lambda found: f"{found[1]}```\n{help_text()}```\n{found[2]}", text)


def main(arguments: Sequence[str], root: Path) -> int:
    """Write what is stale, or with `--check` name it; return the exit code."""
    stale = [(path, text) for path, text in generated(root) if _current(root / path) != text]
    if "--check" in arguments:
        for path, _ in stale:
            sys.stderr.write(f"{path.as_posix()} is stale: write it anew with ./run generate\n")
        return 1 if stale else 0
    for path, text in stale:
        (root / path).write_text(text, encoding="utf-8", newline="\n")
    return 0


def _current(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def _table(node: dict[str, Any], schema: dict[str, Any]) -> str:
    required = node.get("required", [])
    rows = (_row(key, below, schema, key in required) for key, below in node["properties"].items())
    return _HEAD + "".join(rows)


def _row(key: str, node: dict[str, Any], schema: dict[str, Any], required: bool) -> str:  # noqa: FBT001 - one call
    default = "required" if required else _default(node)
    return f"| `{key}` | {_kind(node, schema)} | {default} | {node['description']} |\n"


def _default(node: dict[str, Any]) -> str:
    default = node.get("default")
    return "" if default is None or isinstance(default, list | dict) else f"`{json.dumps(default)}`"


def _kind(node: dict[str, Any], schema: dict[str, Any]) -> str:
    whole = _whole(node, schema)
    choices = whole.get("enum", [whole["const"]] if "const" in whole else [])
    match whole.get("type"):
        case "string" if choices:
            return " or ".join(f"`{json.dumps(choice)}`" for choice in choices)
        case "array":
            return _kind(whole["items"], schema) + "s"
        case "integer" | "number" as kind:
            return f"{'whole number' if kind == 'integer' else 'number'}, {span(whole)}"
        case kind:
            return {"string": "text", "boolean": "true or false", "object": "table"}[str(kind)]


def _whole(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return the node with what it refers to."""
    reference = node.get("$ref") or next(
        iter(node.get("discriminator", {}).get("mapping", {}).values()), None
    )
    return node if reference is None else schema["$defs"][reference.rpartition("/")[2]] | node


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:], Path()))
