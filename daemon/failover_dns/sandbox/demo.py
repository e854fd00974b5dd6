"""A switch and a repair, shown: `./run demo`.

The embedded primary holds the two zones of a pair whose backup takes over; the daemon runs as its own process
with a configuration file like any other. What is shown was asked over the wire, after the daemon said it was
done. Exit 0 only if every table is right.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import os
import secrets
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Any

import dns.asyncquery
import dns.message
import dns.name
import dns.rdataclass
import dns.tsig
import dns.update

from failover_dns.edge.history import select, table
from failover_dns.effects.changelog import read_lines
from failover_dns.sandbox.server import SandboxServer
from failover_dns.sandbox.zone import load

DEADLINE_S = 20.0
KEY = "failover-key."
MAIN, BACKUP, VIRTUAL_IP = "dma-main.example.test.", "dma-backup.example.test.", "10.10.10.5"
REVERSE = "5.10.10.10.in-addr.arpa."

FORWARD_ZONE = """
$TTL 1200
@ SOA ns1 hostmaster 1 3600 600 86400 60
@ NS ns1
ns1 A 127.0.0.1
dma-main A 10.10.10.1
dma-main A 10.10.10.5
dma-backup A 10.10.10.2
"""
REVERSE_ZONE = """
$TTL 1200
@ SOA ns1.example.test. hostmaster.example.test. 1 3600 600 86400 60
@ NS ns1.example.test.
5 PTR dma-main.example.test.
"""
CONFIGURATION = """
state_dir = {directory}
audit_s = 2

[keys.failover-key]
algorithm = "hmac-sha256"
secret_file = {key_file}

[[zones]]
name = "example.test."
primaries = ["127.0.0.1:{port}"]
key = "failover-key"

[[zones]]
name = "10.10.10.in-addr.arpa."
primaries = ["127.0.0.1:{port}"]
key = "failover-key"

[[pairs]]
name = "dma"
layout = "agent-name"
virtual_ips = ["10.10.10.5"]

  [[pairs.agents]]
  name = "dma-main.example.test."
  addresses = ["10.10.10.1"]
    [[pairs.agents.sources]]
    type = "file"
    path = {main_file}

  [[pairs.agents]]
  name = "dma-backup.example.test."
  addresses = ["10.10.10.2"]
    [[pairs.agents.sources]]
    type = "file"
    path = {backup_file}
"""

ZONES = frozenset({"example.test.", "10.10.10.in-addr.arpa."})
FENCES = tuple(f"_failover-dns.dma.{zone}" for zone in sorted(ZONES, reverse=True))
ON_MAIN = {
    MAIN: ["10.10.10.1", "10.10.10.5"],
    BACKUP: ["10.10.10.2"],
    REVERSE: [MAIN],
    **{name: [f"epoch=1 online={MAIN}"] for name in FENCES},
}
ON_BACKUP = {
    MAIN: ["10.10.10.1"],
    BACKUP: ["10.10.10.2", "10.10.10.5"],
    REVERSE: [BACKUP],
    **{name: [f"epoch=2 online={BACKUP}"] for name in FENCES},
}


class Stage:
    """The demo's files, its primary and its daemon."""

    def __init__(self, directory: Path, server: SandboxServer, key: dns.tsig.Key) -> None:
        self.directory = directory
        self.configuration = directory / "failover-dns.toml"
        self._server = server
        self._key = key
        self._right = True

    @property
    def right(self) -> bool:
        """Whether every table shown so far was right."""
        return self._right

    def status(self, agent: str, role: str) -> None:
        """Replace an agent's status file, as a script would."""
        target = self.status_file(agent)
        beside = target.with_suffix(".new")
        beside.write_text(f"{role}\n")
        beside.replace(target)
        say(f"  {target.name} now says {role}")

    def status_file(self, agent: str) -> Path:
        """Return where the agent's role is written."""
        return self.directory / f"{agent.partition('.')[0]}.status"

    async def judge(self, title: str, expected: Mapping[str, list[str]]) -> None:
        """Ask the primary and print its answers beside what they should be."""
        say(f"\n{title}")
        for name, wanted in expected.items():
            found = await self._ask(name)
            right = found == sorted(wanted)
            self._right &= right
            told = "right" if right else f"WRONG, should be {' '.join(sorted(wanted))}"
            say(f"  {name:40} {' '.join(found) or 'nothing':42} {told}")

    async def register_stale(self) -> None:
        """Put the old registrations back, as Windows does on the old agent."""
        for zone, name, kind, value in (
            ("example.test.", MAIN, "A", VIRTUAL_IP),
            ("10.10.10.in-addr.arpa.", REVERSE, "PTR", MAIN),
        ):
            update = dns.update.UpdateMessage(zone, keyring=self._key)
            update.add(dns.name.from_text(name), 1200, kind, value)
            await dns.asyncquery.tcp(update, "127.0.0.1", port=self._server.port, timeout=DEADLINE_S)
            say(f"  {name} {kind} {value} is back")

    async def _ask(self, name: str) -> list[str]:
        kind = "TXT" if name in FENCES else "PTR" if name == REVERSE else "A"
        query = dns.message.make_query(name, kind)
        answer = await dns.asyncquery.udp(query, "127.0.0.1", port=self._server.port, timeout=DEADLINE_S)
        texts = sorted(rdata.to_text() for rrset in answer.answer for rdata in rrset)
        return [" ".join(text.split()[1:3]) for text in texts] if name in FENCES else texts


async def main(*, stay: bool) -> int:
    """Play both acts and return the exit code."""
    async with stage() as played, daemon(played) as log:
        await told(log, "ready")
        say(
            "\nThe daemon has written its decision into both zones: the fence, which orders those of several daemons."
        )
        await played.judge("Before: the main agent is online", ON_MAIN)

        say("\nAct 1: a switch. The backup takes over.")
        played.status(MAIN, "OFFLINE")
        played.status(BACKUP, "ONLINE")
        await told(log, "vip_moved")
        await played.judge("After the switch", ON_BACKUP)

        say("\nAct 2: the old agent registers the virtual IP again, as Windows does.")
        await played.register_stale()
        await repaired(log, ZONES)
        await played.judge("After the repair", ON_BACKUP)

        say("\nThe change log")
        for line in table(select(read_lines(played.directory / "state"))):
            say(f"  {line}")
        if stay:
            await _stay(played, log)
    say(f"\n{'Every table is right.' if played.right else 'A table is WRONG: see above.'}")
    return 0 if played.right else 1


@contextlib.asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    """Set the zones, the key, the configuration and the first status up; take them down afterwards."""
    secret = secrets.token_bytes(32)
    key = dns.tsig.Key(KEY, secret)
    zones = [load("example.test.", FORWARD_ZONE), load("10.10.10.in-addr.arpa.", REVERSE_ZONE)]
    with tempfile.TemporaryDirectory(prefix="failover-dns-demo-") as name:
        async with SandboxServer(zones, [key]) as server:
            played = Stage(Path(name), server, key)
            _write_files(played, server.port, secret)
            yield played


def _write_files(played: Stage, port: int, secret: bytes) -> None:
    key_file = played.directory / "failover-key.key"
    key_file.touch(mode=0o600)
    key_file.write_bytes(base64.b64encode(secret))
    paths = {
        "directory": played.directory / "state",
        "key_file": key_file,
        "main_file": played.status_file(MAIN),
        "backup_file": played.status_file(BACKUP),
    }
    quoted = {name: json.dumps(str(path)) for name, path in paths.items()}
    played.configuration.write_text(CONFIGURATION.format(port=port, **quoted))
    say(f"A primary on 127.0.0.1#{port} serves example.test. and 10.10.10.in-addr.arpa.")
    say(f"The configuration is {played.configuration}")
    played.status(MAIN, "ONLINE")
    played.status(BACKUP, "OFFLINE")


@contextlib.asynccontextmanager
async def daemon(played: Stage) -> AsyncIterator[asyncio.StreamReader]:
    """Run the daemon as a process of its own; yield its log."""
    arguments = [sys.executable, "-m", "failover_dns", "run", "--config", str(played.configuration)]
    process = await asyncio.create_subprocess_exec(*arguments, stderr=asyncio.subprocess.PIPE)
    log = process.stderr
    assert log is not None  # noqa: S101 - a pipe was asked for
    try:
        yield log
    finally:
        process.terminate()
        await process.communicate()


async def repaired(log: asyncio.StreamReader, zones: frozenset[str]) -> None:
    """Return when the daemon has repaired each of `zones`; an audit may come between two registrations."""
    left = zones
    while left:
        left -= (await told(log, "drift_repaired"))["zones"].keys()


async def told(log: asyncio.StreamReader, event: str) -> Mapping[str, Any]:
    """Return the daemon's next `event`; SystemExit with what it said if it ends or takes too long."""
    heard: list[bytes] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DEADLINE_S):
            while line := await log.readline():
                heard.append(line)
                said = json.loads(line)
                if said["event"] == event:
                    return dict(said)
    text = b"".join(heard).decode()
    raise SystemExit(f"the daemon did not say {event} within {DEADLINE_S:g} s; it said:\n{text}")


async def _stay(played: Stage, log: asyncio.StreamReader) -> None:
    command = f"{Path(sys.executable).parent / 'failover-dns'}"
    config = f"--config {played.configuration}"
    say(
        f"""
It stays until you press Ctrl-C; the daemon's log follows. Try, in another shell:
  echo ONLINE > {played.status_file(MAIN)}
  echo OFFLINE > {played.status_file(BACKUP)}
  {command} history {config} --follow
  {command} plan {config}
  {command} check {config}
  {command} resync {config}"""
    )
    stopped = asyncio.Event()
    for number in _signals():
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    telling = asyncio.create_task(_tell(log))
    await stopped.wait()
    telling.cancel()


async def _tell(log: asyncio.StreamReader) -> None:
    while line := await log.readline():
        say(line.decode().rstrip())


def _signals() -> Iterable[int]:
    import signal  # noqa: PLC0415 - only here

    return (signal.SIGINT, signal.SIGTERM)


def say(text: str) -> None:
    """Print at once: somebody is watching."""
    print(text, flush=True)  # noqa: T201 - a demo


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="./run demo", description=__doc__.partition("\n")[0])
    parser.add_argument("--stay", action="store_true", help="leave it running and say what to try next")
    os.umask(0o077)
    raise SystemExit(asyncio.run(main(stay=parser.parse_args().stay)))
