"""What `failover-dns grants` prints."""

from __future__ import annotations

import argparse
import io
from contextlib import redirect_stdout
from pathlib import Path

from failover_dns.edge.grants import grants


def printed(server: str, configuration: Path) -> str:
    """Return what is printed for that configuration in the words of that kind of server."""
    with redirect_stdout(io.StringIO()) as output:
        assert grants(argparse.Namespace(server=server, config=str(configuration))) == 0
    return output.getvalue()
