"""A right configuration with a source of every kind, and every table that may be left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.edge.settings.test_load import put, secret_file, tables


def kinds(folder: Path) -> dict[str, Any]:
    """Return the tables: dma has DataMiner's files and an endpoint, vip keepalived, service an endpoint."""
    token = secret_file(folder, "Bearer abc\n", name="token")
    found = put(tables(folder), "pairs.0.agents.0.combine", "first")
    found = put(
        found,
        "pairs.0.agents.0.sources",
        [
            {"type": "dms", "path": "/srv/main/DMS.xml", "timezone": "Europe/Brussels", "keep_good_s": 20},
            {
                "type": "failover-log",
                "path": "/srv/main/SLFailover.txt",
                "timezone": "UTC",
                "polling": True,
                "poll_s": 2,
            },
            {"type": "failover-status", "path": "/srv/main/FailoverStatus.txt"},
        ],
    )
    found = put(
        found,
        "pairs.0.agents.1.sources",
        [
            {
                "type": "http",
                "url": "https://backup.example.test:8443/api?x=1",
                "preset": "patroni",
                "since_pointer": "/since",
                "regex": '"role": *"([a-z]*)"',
                "status": {"200": "ONLINE", "503": "OFFLINE"},
                "require": {"/service": "up"},
                "words": {"Hot": "ONLINE"},
                "header_files": {"Authorization": token},
                "ca_file": "/etc/ca.pem",
                "cert_file": "/etc/client.pem",
                "key_file": "/etc/client.key",
                "server_name": "backup.example.test",
                "interval_s": 10,
                "max_age_s": 30,
                "rise": 2,
                "fall": 4,
            }
        ],
    )
    found = put(found, "pairs.1.agents.0.combine", "all")
    found = put(
        found,
        "pairs.1.agents.0.sources",
        [
            {"type": "keepalived", "fifo": "/run/keepalived.fifo", "instance": "VI_VIP"},
            {"type": "addresses"},
        ],
    )
    found = put(
        found,
        "pairs.2.sources",
        [{"type": "http", "url": "http://monitor.example.test/", "names": {"A": "db1.elsewhere.test."}}],
    )
    found["notify"] = {"listen": "10.0.0.9:5353", "from": ["10.0.0.53", "10.0.1.0/24"]}
    found["resolvers"] = ["10.0.0.1"]
    return found
