"""The shipped unit on a booted machine: its configuration, its key, its status file, its primary."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers.client import DnsServer
from tests.systemd.machine import UNIT, Machine
from tests.whole.daemon import Site

STATE = "var/lib/private/failover-dns"
CONFIGURATION = """
look_s = 60
audit_s = 3600

[keys."hmac-sha256.key"]
algorithm = "hmac-sha256"
secret_file = "/run/credentials/failover-dns.service/keys_failover"

[[zones]]
name = "example.test."
primaries = ["{host}:{port}"]
key = "hmac-sha256.key"
watch_ns = false

[[zones]]
name = "10.10.10.in-addr.arpa."
primaries = ["{host}:{port}"]
key = "hmac-sha256.key"
watch_ns = false

[[pairs]]
name = "dma"
virtual_ips = ["10.10.10.5"]

  [[pairs.sources]]
  type = "file"
  path = "/run/failover/online"

  [[pairs.agents]]
  name = "dma-main.example.test."
  addresses = ["10.10.10.1"]

  [[pairs.agents]]
  name = "dma-backup.example.test."
  addresses = ["10.10.10.2"]
"""


@dataclass(frozen=True, slots=True)
class Host:
    """A machine whose service keeps `site.server` right."""

    machine: Machine
    site: Site
    """For its status file, and for what the server shows."""

    @property
    def config(self) -> Path:
        return self.machine.root / "etc/failover-dns/failover-dns.toml"

    def configure(self, port: int) -> None:
        self.config.write_text(CONFIGURATION.format(host=self.site.server.host, port=port))

    async def drop_in(self, text: str) -> None:
        """Change the unit as `systemctl edit` does."""
        folder = self.machine.root / f"etc/systemd/system/{UNIT}.d"
        folder.mkdir(exist_ok=True)
        (folder / "test.conf").write_text(text)
        await self.machine.run("systemctl", "daemon-reload")

    async def start(self) -> None:
        await self.machine.run("systemctl", "start", UNIT)

    def log(self) -> list[dict[str, Any]]:
        """Return the lines of the change log."""
        text = (self.machine.root / STATE / "changes.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]


def install(machine: Machine, server: DnsServer) -> Host:
    """Put the server's key where the unit takes it from: root's, and nobody else's."""
    secret = machine.root / "etc/failover-dns/keys/failover"
    secret.touch(0o400)
    secret.write_text(base64.b64encode(server.key.secret).decode())
    return Host(machine, Site(machine.root / "run/failover", server))
