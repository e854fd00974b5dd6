"""TSIG secrets in files: a bare base64 text, or a key file as BIND's `tsig-keygen` prints it.

A secret comes from nowhere else, and from a file that only its owner can read. No message repeats any of it.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import SecretBytes

from failover_dns.core.roles import decode
from failover_dns.edge.settings.problems import WrongError
from failover_dns.edge.settings.values import key_name

MAX_BYTES = 4096
MIN_SECRET_OCTETS = 16
"""RFC 2104 section 3 advises as many as the hash gives, 32 and more; fewer than half of that are refused."""

OTHERS = 0o077
OTHERS_OF_A_CREDENTIAL = 0o037
"""systemd gives a credential to its service's user by an access list, which shows as mode 0440."""

_REMAKE = "make one with `tsig-keygen -a hmac-sha256 NAME` and give it to the primary too"
_TOKEN = re.compile(r'(?:\s|//[^\n]*|#[^\n]*|/\*.*?\*/)*("[^"\n]*"|[{};]|[^\s{};"]+)', re.DOTALL)


class Algorithm(StrEnum):
    """The algorithms of RFC 8945 section 6 that are offered."""

    SHA256 = "hmac-sha256"
    SHA384 = "hmac-sha384"
    SHA512 = "hmac-sha512"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFile:
    """What a secret file says: the secret's octets, and the canonical name and algorithm if it says those."""

    secret: SecretBytes
    name: str | None = None
    algorithm: Algorithm | None = None


def read_secret(path: str | Path, environ: Mapping[str, str], *, platform: str = sys.platform) -> KeyFile:
    """Return what the secret file says; WrongError if it cannot be used or others may read it."""
    return _parse(read_private(path, environ, platform=platform, max_bytes=MAX_BYTES))


def read_private(path: str | Path, environ: Mapping[str, str], *, platform: str, max_bytes: int) -> bytes:
    """Return what is in a file with a secret; WrongError if it cannot be read, or others may read it."""
    path = Path(path)
    try:
        # A FIFO without a writer would hold up a plain open for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        # The text may be the secret itself, put here by mistake: neither it nor the cause is repeated.
        why = error.strerror if isinstance(error, OSError) else "it is no path"
        raise WrongError(
            f"the file that it names cannot be read ({why})",
            "put the secret into that file, readable by the daemon's user only",
        ) from None
    try:
        _require_private_file(path, os.fstat(descriptor).st_mode, environ, platform)
        content = os.read(descriptor, max_bytes + 1)
    finally:
        os.close(descriptor)
    if len(content) > max_bytes:
        raise WrongError(
            f"{path} is larger than {max_bytes} bytes", "name the file that holds one secret only"
        )
    return content


def _require_private_file(path: Path, mode: int, environ: Mapping[str, str], platform: str) -> None:
    if not stat.S_ISREG(mode):
        raise WrongError(f"{path} is not a regular file", "name the file that holds the secret")
    given = environ.get("CREDENTIALS_DIRECTORY")
    credential = given is not None and path.resolve().is_relative_to(Path(given).resolve())
    if platform != "win32" and mode & (OTHERS_OF_A_CREDENTIAL if credential else OTHERS):
        raise WrongError(
            f"{path} can be read or changed by its group or others (mode {stat.S_IMODE(mode):04o})",
            f"run `chmod 600 {path}`, and replace the secret if others may have read it",
        )


def _parse(content: bytes) -> KeyFile:
    text = decode(content)
    if text is None:
        raise WrongError("the file that it names is not text", _REMAKE)
    match text.split():
        case []:
            raise WrongError("the file that it names is empty", _REMAKE)
        case [secret]:
            return KeyFile(secret=_secret(secret))
        case _:
            return _parse_key(text)


def _parse_key(text: str) -> KeyFile:
    match [token.strip('"') for token in _TOKEN.findall(text)]:
        case ["key", name, "{", one, first, ";", two, second, ";", "}", ";"] if {one, two} == {
            "algorithm",
            "secret",
        }:
            said = {one: first, two: second}
            return KeyFile(
                secret=_secret(said["secret"]),
                name=key_name(name),
                algorithm=_algorithm(said["algorithm"]),
            )
        case _:
            raise WrongError(
                "the file that it names holds no secret in base64 and no key as tsig-keygen prints it",
                _REMAKE,
            )


def _secret(text: str) -> SecretBytes:
    try:
        octets = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        # Without its cause, which is free to repeat what it could not decode.
        raise WrongError("the secret in the file is not base64", _REMAKE) from None
    if len(octets) < MIN_SECRET_OCTETS:
        raise WrongError(
            f"the secret in the file has {len(octets)} bytes, and fewer than {MIN_SECRET_OCTETS} are weak",
            _REMAKE,
        )
    return SecretBytes(octets)


def _algorithm(text: str) -> Algorithm:
    try:
        return Algorithm(text.lower().rstrip("."))
    except ValueError:
        offered = ", ".join(Algorithm)
        raise WrongError(f"the key file's algorithm is none of {offered}", _REMAKE) from None
