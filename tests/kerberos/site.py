"""One machine's daemon with a Kerberos account: its configuration, and the command that reads it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.name
import dns.update

from failover_dns.core.changelog import Intent, Result, decode
from failover_dns.effects.changelog import read_lines
from tests.kerberos.client import Client, signing
from tests.servers.kerberos import ACCOUNT, REVERSE, Realm
from tests.servers.programs import HOST
from tests.whole.daemon import LONG_S, PROGRAM, Daemon

MAIN = "dma-main"
BACKUP = "dma-backup"
VIRTUAL = "10.10.10.5"
FENCE = "_failover-dns.dma"
OWN = {MAIN: "10.10.10.1", BACKUP: "10.10.10.2"}

CONFIGURATION = """
state_dir = "{folder}/state"
look_s = 60
audit_s = {audit_s}
deadline_s = 10

[accounts.dns]
principal = "{principal}"
keytab = "{keytab}"

[[zones]]
name = "{zone}"
primaries = ["{host}:{port}"]
auth = "gss"
account = "dns"

[[zones]]
name = "{reverse}"
primaries = ["{host}:{port}"]
auth = "gss"
account = "dns"

[[pairs]]
name = "dma"
virtual_ips = ["10.10.10.5"]

  [[pairs.sources]]
  type = "file"
  path = "{folder}/online"

  [[pairs.agents]]
  name = "{main}.{zone}"
  addresses = ["10.10.10.1"]

  [[pairs.agents]]
  name = "{backup}.{zone}"
  addresses = ["10.10.10.2"]
"""


@dataclass(frozen=True, slots=True)
class Site:
    """One machine's files, and the realm in which it keeps DNS right."""

    folder: Path
    realm: Realm

    @property
    def config(self) -> Path:
        return self.folder / "failover-dns.toml"

    def configure(self, account: str = ACCOUNT, *, audit_s: int = 3600) -> None:
        """Write the configuration; the account has a keytab of its own."""
        keytab = self.folder / "keytab"
        keytab.touch(0o600)
        keytab.write_bytes(self.realm.keytab(account).read_bytes())
        text = CONFIGURATION.format(
            folder=self.folder,
            audit_s=audit_s,
            principal=self.realm.principal(account),
            keytab=keytab,
            zone=self.realm.zone,
            reverse=REVERSE,
            host=HOST,
            port=self.realm.dns_port,
            main=MAIN,
            backup=BACKUP,
        )
        self.config.write_text(text)

    def krb5(self, *, kdc_port: int) -> None:
        """Send whoever asks for tickets to another port."""
        self.realm.configure(self.folder, kdc_port=kdc_port)

    def online(self, agent: str) -> None:
        """Switch as an agent's script does: a new file in the old one's place."""
        fresh = self.folder / "online.new"
        fresh.write_text(f"{agent}.{self.realm.zone}\n")
        os.replace(fresh, self.folder / "online")  # noqa: PTH105 - the call that scripts are told to make

    def shows(self, agent: str) -> bool:
        """Say whether the virtual IP is at that agent's name only, its pointer leads there, and the fences agree."""
        at = {name for name in (MAIN, BACKUP) if VIRTUAL in self.realm.ask(name, "A")}
        fences = [self.realm.ask(FENCE, "TXT", zone) for zone in (self.realm.zone, REVERSE)]
        return (
            at == {agent}
            and self.realm.ask("5", "PTR", REVERSE) == {f"{agent}.{self.realm.zone}"}
            and fences[0] == fences[1]
            and all(f" online={agent}.{self.realm.zone} " in text for text in fences[0])
            and len(fences[0]) == 1
        )

    def results(self) -> list[Result]:
        """Return the outcomes of the change log."""
        lines = map(decode, read_lines(self.folder / "state"))
        return [line.entry for line in lines if isinstance(line.entry, Result)]

    def intents(self) -> list[Intent]:
        """Return the intents of the change log."""
        lines = map(decode, read_lines(self.folder / "state"))
        return [line.entry for line in lines if isinstance(line.entry, Intent)]


@asynccontextmanager
async def running(site: Site) -> AsyncIterator[Daemon]:
    """Run the daemon; it is killed at the end if it has not ended."""
    process = await asyncio.create_subprocess_exec(
        PROGRAM, "run", "--config", site.config, stderr=asyncio.subprocess.PIPE
    )
    daemon = Daemon(process)
    try:
        yield daemon
    finally:
        await daemon.kill()


async def command(site: Site, *words: str) -> tuple[int | None, str, str]:
    """Run a command and return its exit code, what it printed, and what it complained of."""
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        *words,
        "--config",
        site.config,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(LONG_S):
        output, complaint = await process.communicate()
    return process.returncode, output.decode(), complaint.decode()


async def remove(client: Client, zone: str, *names: str) -> None:
    """Remove all records at the names of a zone; what has none is left alone."""
    update = dns.update.UpdateMessage(zone)
    for name in names:
        update.delete(dns.name.from_text(f"{name}.{zone}"))
    heard = await client.send(update)
    assert heard.rcode == "NOERROR"


async def clean(realm: Realm) -> None:
    """Remove what a test left of the pair's names."""
    async with signing(realm) as client:
        await remove(client, realm.zone, MAIN, BACKUP, FENCE)
        await remove(client, REVERSE, "5", FENCE)
