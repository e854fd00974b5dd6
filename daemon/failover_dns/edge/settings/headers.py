"""The headers that health endpoints are sent, each value from its file: it may be a secret, as a TSIG key is."""

from __future__ import annotations

from collections.abc import Mapping

from failover_dns.edge.settings import draft as drafts
from failover_dns.edge.settings.draft import SettingsDraft
from failover_dns.edge.settings.keyfile import read_private
from failover_dns.edge.settings.problems import Finding, Loc, WrongError

MAX_BYTES = 8 * 1024
"""What common servers take for all headers together."""

Headers = Mapping[Loc, Mapping[str, str]]
"""The headers of each source that has any, by its place."""


def read_headers(
    draft: SettingsDraft, environ: Mapping[str, str], *, platform: str
) -> tuple[Headers, list[Finding]]:
    """Return the headers' values, and what is wrong with their files."""
    headers: dict[Loc, dict[str, str]] = {}
    findings: list[Finding] = []
    for owner_at, owner in drafts.owners(draft):
        for at, source in drafts.sources(owner_at, owner):
            for name, path in (source.header_files or {}).items():
                if path is None or source.type != "http":
                    continue
                try:
                    value = _value(read_private(path, environ, platform=platform, max_bytes=MAX_BYTES))
                except WrongError as error:
                    findings.append(Finding(at=(*at, "header_files", name), what=error.what, cure=error.cure))
                else:
                    headers.setdefault(at, {})[name] = value
    return headers, findings


def _value(content: bytes) -> str:
    cure = "write the header's value and nothing else into it, such as: Bearer 0123456789abcdef"
    try:
        text = content.decode("ascii").strip()
    except UnicodeDecodeError:
        raise WrongError("the file that it names holds more than ASCII", cure) from None
    if not text or not text.isprintable():
        raise WrongError("the file that it names does not hold one line", cure)
    return text
