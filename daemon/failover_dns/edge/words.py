"""What commands exit with; the same for every command (see `failover-dns --help`)."""

from __future__ import annotations

OK = 0
WRONG = 1
PENDING = 2
USAGE = 64
INTERRUPTED = 130
