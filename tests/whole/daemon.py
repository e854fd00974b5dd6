"""The installed command as its own process, with a configuration, status files and a state directory."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from failover_dns.core.changelog import Intent, Result, Verified, decode, verify
from failover_dns.core.fence import Fence, parse
from failover_dns.effects.changelog import read_lines
from tests.servers.client import DnsServer

PROGRAM = Path(sys.executable).parent / "failover-dns"
LONG_S = 30.0
POLL_S = 0.01
FORWARD = "example.test."
REVERSE = "10.10.10.in-addr.arpa."
MAIN = "dma-main"
BACKUP = "dma-backup"
FENCE = "_failover-dns.dma"

CONFIGURATION = """
state_dir = "{folder}/state"
look_s = 60
audit_s = 3600

[keys."hmac-sha256.key"]
algorithm = "hmac-sha256"
secret_file = "{folder}/secret"

[[zones]]
name = "example.test."
primaries = ["{host}:{port}"]
key = "hmac-sha256.key"

[[zones]]
name = "10.10.10.in-addr.arpa."
primaries = ["{host}:{port}"]
key = "hmac-sha256.key"

[[pairs]]
name = "dma"
virtual_ips = ["10.10.10.5"]

  [[pairs.sources]]
  type = "file"
  path = "{folder}/online"

  [[pairs.agents]]
  name = "dma-main.example.test."
  addresses = ["10.10.10.1"]

  [[pairs.agents]]
  name = "dma-backup.example.test."
  addresses = ["10.10.10.2"]
"""


@dataclass(frozen=True, slots=True)
class Site:
    """One machine's files, and the server that it keeps right."""

    folder: Path
    server: DnsServer

    @property
    def config(self) -> Path:
        return self.folder / "failover-dns.toml"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def configure(self, port: int) -> None:
        """Write the configuration, with a primary at `port`."""
        secret = self.folder / "secret"
        secret.touch(0o600)
        secret.write_text(base64.b64encode(self.server.key.secret).decode())
        self.config.write_text(CONFIGURATION.format(folder=self.folder, host=self.server.host, port=port))

    def online(self, agent: str) -> None:
        """Switch as an agent's script does: a new file in the old one's place."""
        fresh = self.folder / "online.new"
        fresh.write_text(f"{agent}\n")
        os.replace(fresh, self.folder / "online")  # noqa: PTH105 - the call that scripts are told to make

    def fence(self, agent: str) -> None:
        """Leave the fence of an earlier decision for `agent` in both zones, as another daemon's."""
        earlier = Fence(epoch=1, online=f"{agent}.example.test.", writer="earlier", time_s=1_577_836_800.0)
        for zone in (FORWARD, REVERSE):
            update = self.server.update(zone)
            update.replace(FENCE, 60, "TXT", f'"{earlier}"')
            assert self.server.rcode(update) == "NOERROR"

    def fences(self) -> dict[str, Fence]:
        """Return each zone's fence; there must be one."""
        found = {}
        for zone in (FORWARD, REVERSE):
            [text] = self.server.records_of(FENCE, zone)
            found[zone] = parse(text.removeprefix('60 TXT "').removesuffix('"'))
        return found

    def intents(self) -> dict[int, Intent]:
        lines = map(decode, read_lines(self.state))
        return {line.seq: line.entry for line in lines if isinstance(line.entry, Intent)}

    def results(self) -> list[Result]:
        lines = map(decode, read_lines(self.state))
        return [line.entry for line in lines if isinstance(line.entry, Result)]

    def shows(self, agent: str) -> bool:
        """Say whether the zones are exactly as they are to be with `agent` online."""
        virtual = {f"{agent}.example.test. 60 A 10.10.10.5"}
        addresses = {record for record in self.server.records(FORWARD) if " A 10.10.10.5" in record}
        pointers = {record for record in self.server.records(REVERSE) if record.startswith("5.")}
        return addresses == virtual and pointers == {f"5.{REVERSE} 60 PTR {agent}.example.test."}

    def require_agreement(self, agent: str) -> None:
        """Require that DNS shows `agent` online, changed in nothing else, and that the log says the same."""
        assert isinstance(verify(read_lines(self.state)), Verified)
        assert {result.intent for result in self.results()} >= self.intents().keys()
        self.require_order(agent)
        applied = {r.zone: self.intents()[r.intent] for r in self.results() if r.verdict == "applied"}
        assert {zone: intent.online for zone, intent in applied.items()} == dict.fromkeys(
            (FORWARD, REVERSE), f"{agent}.example.test."
        )

    def require_order(self, agent: str) -> None:
        """Require that DNS shows `agent` online, changed in nothing else, under one fence."""
        fences = self.fences()
        assert fences[FORWARD] == fences[REVERSE]
        assert fences[FORWARD].online == f"{agent}.example.test."
        fence = f'60 TXT "{fences[FORWARD]}"'
        assert self.server.records(FORWARD) == {
            *FOREIGN,
            f"{agent}.example.test. 60 A 10.10.10.5",
            f"{FENCE}.{FORWARD} {fence}",
        }
        assert self.server.records(REVERSE) == {
            *POINTERS,
            f"5.{REVERSE} 60 PTR {agent}.example.test.",
            f"{FENCE}.{REVERSE} {fence}",
        }


FOREIGN = {
    "example.test. 3600 NS ns.example.test.",
    "ns.example.test. 60 A 192.0.2.53",
    "dma-main.example.test. 60 A 10.10.10.1",
    "dma-main.example.test. 60 AAAA 2001:db8::1",
    "dma-backup.example.test. 60 A 10.10.10.2",
    "alias.example.test. 60 CNAME dma-main.example.test.",
    'note.example.test. 60 TXT "Two  words" "second string"',
    "deep.below.example.test. 60 A 10.10.10.9",
}
POINTERS = {
    f"{REVERSE} 3600 NS ns.example.test.",
    f"1.{REVERSE} 60 PTR dma-main.example.test.",
    f"2.{REVERSE} 60 PTR dma-backup.example.test.",
}


class Daemon:
    """`failover-dns run` as a process, and the events of its log."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._events: list[dict[str, Any]] = []
        self._news = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    async def event(self, name: str) -> dict[str, Any]:
        """Return the first event of this name, once it was logged."""
        async with asyncio.timeout(LONG_S), self._news:
            while not (found := [event for event in self._events if event["event"] == name]):
                if self._reading.done():
                    raise AssertionError(f"no {name}, and the daemon has ended: {self._events}")
                await self._news.wait()
            return found[0]

    async def last(self, name: str, of: Mapping[str, Any], says: Mapping[str, Any]) -> None:
        """Return once the last event of this name and with `of` among its fields has `says` among them too."""
        async with asyncio.timeout(LONG_S), self._news:
            while not (found := self._named(name, of)) or not _has(found[-1], says):
                if self._reading.done():
                    raise AssertionError(f"no {name} of {says}, and the daemon has ended: {self._events}")
                await self._news.wait()

    def _named(self, name: str, of: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [each for each in self._events if each["event"] == name and _has(each, of)]

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def end(self) -> int:
        """Return the exit code once the process has ended, negative for a signal."""
        try:
            async with asyncio.timeout(LONG_S):
                await asyncio.shield(self._reading)
                return await self._process.wait()
        except TimeoutError:
            raise AssertionError(f"the daemon does not end: {self._events}") from None

    async def stop(self) -> int:
        self.send(signal.SIGTERM)
        return await self.end()

    async def kill(self) -> None:
        """Take its life at once, as a power cut does."""
        if self._process.returncode is None:
            self._process.kill()
        await self.end()

    async def _read(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            async with self._news:
                self._events.append(_event(line))
                self._news.notify_all()
        async with self._news:
            self._news.notify_all()


def _has(event: Mapping[str, Any], fields: Mapping[str, Any]) -> bool:
    return all(event.get(name) == value for name, value in fields.items())


def _event(line: bytes) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(line)
    except ValueError:
        return {"event": "text", "text": line.decode()}
    return found


@asynccontextmanager
async def running(site: Site, **environment: str) -> AsyncIterator[Daemon]:
    """Run the daemon, with these variables too; it is killed at the end if it has not ended."""
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        "run",
        "--config",
        site.config,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )
    daemon = Daemon(process)
    try:
        yield daemon
    finally:
        await daemon.kill()


async def command(site: Site, *words: str) -> tuple[int, str, str]:
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
    assert process.returncode is not None
    return process.returncode, output.decode(), complaint.decode()


async def until(condition: Callable[[], bool]) -> None:
    """Return once the condition holds; what it asks has no events of its own."""
    async with asyncio.timeout(LONG_S):
        while not condition():  # noqa: ASYNC110 - another process and its files
            await asyncio.sleep(POLL_S)
