"""`python -m failover_dns`: the command."""

from __future__ import annotations

import sys

from failover_dns.edge.cli import main

if __name__ == "__main__":
    sys.exit(main())
