"""The TSIG keys that the configuration names, each with the secret from its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretBytes

from failover_dns.edge.settings.draft import KeyDraft, SettingsDraft
from failover_dns.edge.settings.keyfile import Algorithm, KeyFile, read_secret
from failover_dns.edge.settings.problems import Finding, Loc, WrongError, key_text, shown
from failover_dns.edge.settings.values import key_name


@dataclass(frozen=True, slots=True, kw_only=True)
class TsigKey:
    """A TSIG key: its canonical name, its algorithm and its secret's octets, which no text of it shows."""

    name: str
    algorithm: Algorithm
    secret: SecretBytes


def read_keys(
    draft: SettingsDraft, environ: Mapping[str, str], *, platform: str
) -> tuple[dict[str, TsigKey], list[Finding]]:
    """Return the keys by canonical name, and what is wrong with their files."""
    keys: dict[str, TsigKey] = {}
    findings: list[Finding] = []
    for text, key in (draft.keys or {}).items():
        if key is None or key.secret_file is None:
            continue
        at = ("keys", text)
        try:
            file = read_secret(key.secret_file, environ, platform=platform)
            name = key_name(text)
        except WrongError as error:
            findings.append(Finding(at=(*at, "secret_file"), what=error.what, cure=error.cure))
            continue
        findings += filter(None, (_other_name(at, name, file), _other_algorithm(at, key, file)))
        algorithm = key.algorithm or file.algorithm
        if algorithm is not None:
            keys[name] = TsigKey(name=name, algorithm=algorithm, secret=file.secret)
    return keys, findings


def _other_name(at: Loc, name: str, file: KeyFile) -> Finding | None:
    if file.name in {None, name}:
        return None
    own = key_text(("keys", str(file.name)[:-1]))
    return Finding(
        at=(*at, "secret_file"),
        what=f"the key in the file is called {shown(file.name)}",
        cure=f"write [{own}] and name that in [[zones]], or give the key's own file",
    )


def _other_algorithm(at: Loc, key: KeyDraft, file: KeyFile) -> Finding | None:
    if file.algorithm is None and not key.has("algorithm"):
        return Finding(
            at=(*at, "algorithm"),
            what="is missing, and the file holds the secret alone",
            cure='add the algorithm that the primary has for the key, such as algorithm = "hmac-sha256"',
        )
    if None in {key.algorithm, file.algorithm} or key.algorithm is file.algorithm:
        return None
    return Finding(
        at=(*at, "algorithm"),
        what=f"{shown(key.algorithm)} is not what the key file says, which is {shown(file.algorithm)}",
        cure="remove it: the key file's is the one that the primary was given",
    )
