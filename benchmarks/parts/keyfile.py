"""The TSIG key's file, which both sides take alike."""

from __future__ import annotations

import base64
from pathlib import Path

from tests.servers.client import DnsServer


def write_key(folder: Path, server: DnsServer) -> Path:
    """Write the server's key into `folder` as tsig-keygen prints it, readable by its owner only."""
    secret = base64.b64encode(server.key.secret).decode()
    file = folder / "key"
    file.touch(mode=0o600)
    file.write_text(f'key "{server.key.name}" {{\n\talgorithm hmac-sha256;\n\tsecret "{secret}";\n}};\n')
    return file
