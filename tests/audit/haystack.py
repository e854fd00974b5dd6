"""Everything that a run leaves behind, searched for secrets in every form that they are usually written in."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

SHORTEST = 12
"""A piece of a secret that is this long gives it away too."""


@dataclass(slots=True)
class Haystack:
    """What was put out, by where; `secrets` are octets, by what they are for."""

    secrets: Mapping[str, bytes]
    found: dict[str, bytes] = field(default_factory=dict)

    def add(self, where: str, content: bytes) -> None:
        self.found[where] = self.found.get(where, b"") + content

    def add_files(self, folder: Path, *, but: frozenset[str]) -> None:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.name not in but:
                self.add(str(path), path.read_bytes())

    def betrayed(self) -> list[str]:
        """Return which secret shows where, and in which form."""
        return [
            f"{secret} as {form} in {where}"
            for secret, octets in self.secrets.items()
            for form, needle in forms(octets)
            for where, content in self.found.items()
            if needle in content.lower()
        ]


def forms(secret: bytes) -> Iterator[tuple[str, bytes]]:
    """Return the ways to write a secret, in lower case, since a log may fold it; each without its end or its start."""
    written = {
        "raw": secret,
        "escaped": repr(secret)[2:-1].encode(),
        "base64": base64.b64encode(secret).rstrip(b"="),
        "base64 for addresses": base64.urlsafe_b64encode(secret).rstrip(b"="),
        "hex": secret.hex().encode(),
        "percent": quote(secret).encode(),
    }
    for form, text in written.items():
        for piece in {text[:-1], text[1:]}:
            if len(piece) >= SHORTEST:
                yield form, piece.lower()
