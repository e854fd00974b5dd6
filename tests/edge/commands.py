"""Running the command as an operator does: as a process, with a configuration file, at a real primary."""

from __future__ import annotations

import base64
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.servers.client import DnsServer

CONFIGURATION = """
state_dir = "{directory}/state"
deadline_s = 2.0

[keys.failover-key]
algorithm = "hmac-sha256"
secret_file = "{directory}/key"

[[zones]]
name = "example.test."
primaries = ["{host}:{port}"]
key = "{key}"

[[zones]]
name = "10.10.10.in-addr.arpa."
primaries = ["{host}:{port}"]
key = "{key}"

[[pairs]]
name = "dma"
virtual_ips = ["10.10.10.5"]

[[pairs.agents]]
name = "dma-main.example.test."
addresses = ["10.10.10.1"]
sources = [{{ type = "file", path = "{directory}/dma-main.status" }}]

[[pairs.agents]]
name = "dma-backup.example.test."
addresses = ["10.10.10.2"]
sources = [{{ type = "file", path = "{directory}/dma-backup.status" }}]
"""


@dataclass(frozen=True)
class Site:
    """A directory with a configuration, status files and a key for one primary."""

    directory: Path
    server: DnsServer

    @property
    def configuration(self) -> Path:
        return self.directory / "failover-dns.toml"

    def status(self, *, main: str, backup: str) -> None:
        (self.directory / "dma-main.status").write_text(main)
        (self.directory / "dma-backup.status").write_text(backup)

    def run(self, *arguments: str, configured: bool = True) -> subprocess.CompletedProcess[str]:
        config = ["--config", str(self.configuration)] if configured else []
        return subprocess.run(
            [sys.executable, "-m", "failover_dns", *arguments, *config],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def read_only(self, lines: int, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command whose output is read for so many lines, and closed then."""
        command = [sys.executable, "-m", "failover_dns", *arguments, "--config", str(self.configuration)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            read = "".join(process.stdout.readline() for _ in range(lines))
            process.stdout.close()
            process.stdout = None
            try:
                _, complaint = process.communicate(timeout=60)
            finally:
                process.kill()
        return subprocess.CompletedProcess(command, process.returncode, read, complaint)


def site(directory: Path, server: DnsServer) -> Site:
    """Write the configuration of a pair whose main agent is online."""
    key = server.keys["hmac-sha256"]
    (directory / "key").touch(mode=0o600)
    (directory / "key").write_bytes(base64.b64encode(key.secret))
    made = Site(directory, server)
    text = CONFIGURATION.replace("[keys.failover-key]", f'[keys."{key.name}"]')
    made.configuration.write_text(
        text.format(directory=directory, host=server.host, port=server.port, key=key.name)
    )
    made.status(main="ONLINE", backup="OFFLINE")
    return made
