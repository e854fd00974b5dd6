"""How long a Kerberos-signed update takes: with a living security context, beside `nsupdate -g`, on one server.

    ./run bench gss [--updates 200]

An update replaces one TXT record by another, and is measured from the call until the verified answer is there. Both
have their Kerberos ticket in hand. `nsupdate -g` is a process for each update, as in a hook; it negotiates a context
for each message that it sends. The server is BIND: of Samba 4.17's answers nsupdate verifies none.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import dns.update

from benchmarks.parts.numbers import percentile, row
from benchmarks.parts.turns import BLOCK, Times, take_turns
from failover_dns.core.kerberos import FLAGS, Credentials
from failover_dns.effects import clock
from failover_dns.effects.gss import open_mechanism
from failover_dns.effects.gss.signer import GssSigner
from failover_dns.effects.lane import Lane
from failover_dns.effects.primary import Primary
from failover_dns.wire.sign import hear, sign
from tests.servers.kerberos import ACCOUNT, Realm, running_realm
from tests.servers.programs import HOST

GOAL = 5
"""How many times as long as ours `nsupdate -g` takes at least, in the median."""

DEADLINE_S = 10.0
MAX_UPDATES = 5000


class Ours:
    """An update by the daemon's own signer and connection, whose context was negotiated once."""

    name = "failover-dns"

    def __init__(self, realm: Realm) -> None:
        self._realm = realm
        self._loop = asyncio.new_event_loop()
        self._lane = Lane("kerberos")
        given = Credentials(principal=realm.principal(ACCOUNT), keytab=realm.keytab(ACCOUNT))
        mechanism = open_mechanism(given, FLAGS, platform=sys.platform)
        self._signer = GssSigner(mechanism, run=self._lane.run, clock=clock.now)
        self._primary = Primary(HOST, realm.dns_port, run=self._lane.run)
        self._number = 0

    def prepare(self) -> None:
        """Need nothing."""

    def run(self) -> float:
        """Update; return the seconds that it took."""
        self._number += 1
        began_s = time.perf_counter()
        self._loop.run_until_complete(self._update())
        return time.perf_counter() - began_s

    def require(self) -> None:
        """Raise RuntimeError unless DNS says what was written last."""
        _require(self._realm, "ours", self._number)

    def close(self) -> None:
        """End it all."""
        self._loop.run_until_complete(self._signer.close())
        self._loop.run_until_complete(self._primary.__aexit__(None, None, None))
        self._lane.close()
        self._loop.close()

    async def _update(self) -> None:
        key = await self._signer.key(self._primary.exchange, self._realm.server, deadline_s=DEADLINE_S)
        update = dns.update.UpdateMessage(self._realm.zone)
        update.delete("ours", "TXT")
        update.add("ours", 60, "TXT", str(self._number))
        answer = await self._primary.exchange(sign(update, key), deadline_s=DEADLINE_S)
        heard = hear(update, answer, key)
        if not heard.verified or heard.rcode != "NOERROR":
            raise RuntimeError(f"{heard.rcode}: {heard.problem}")


class Nsupdate:
    """The same update by `nsupdate -g`, with tickets in a cache."""

    name = "nsupdate -g"

    def __init__(self, realm: Realm, folder: Path) -> None:
        self._realm = realm
        self._environment = {**os.environ, "KRB5CCNAME": f"FILE:{folder}/tickets"}
        principal = realm.principal(ACCOUNT)
        command = ["kinit", "-k", "-t", str(realm.keytab(ACCOUNT)), "-c", f"FILE:{folder}/tickets", principal]
        subprocess.run(command, check=True)
        self._number = 0

    def prepare(self) -> None:
        """Need nothing."""

    def run(self) -> float:
        """Update; return the seconds that it took."""
        self._number += 1
        realm, name = self._realm, f"theirs.{self._realm.zone}"
        # By its name, which the ticket is for, and at its address: this machine's resolver does not know the name.
        text = (
            f"server {HOST} {realm.dns_port}\nzone {realm.zone}\nupdate delete {name} TXT\n"
            f"update add {name} 60 TXT {self._number}\nsend\n"
        )
        began_s = time.perf_counter()
        done = subprocess.run(
            ["nsupdate", "-g"],
            input=text,
            text=True,
            capture_output=True,
            check=False,
            env=self._environment,
        )
        took_s = time.perf_counter() - began_s
        if done.returncode:
            raise RuntimeError(f"nsupdate: {done.stderr or done.stdout}")
        return took_s

    def require(self) -> None:
        """Raise RuntimeError unless DNS says what was written last."""
        _require(self._realm, "theirs", self._number)


def main() -> int:
    arguments = _arguments()
    print(*_conditions(arguments), sep="\n")
    with (
        tempfile.TemporaryDirectory(prefix="failover-dns-bench-") as name,
        _realm(Path(name)) as realm,
    ):
        os.environ["KRB5_CONFIG"] = str(realm.configure(Path(name)))
        peer, ours = Nsupdate(realm, Path(name)), Ours(realm)
        try:
            times = [Times(peer), Times(ours)]
            take_turns(times, arguments.updates)
            peer.require()
            ours.require()
        finally:
            ours.close()
    print("", *_table(*times), sep="\n")
    print("\nverified: DNS says what each wrote last")
    return 0


def _table(theirs: Times, ours: Times) -> Iterable[str]:
    yield "ms for one update"
    yield row("", ["median", "p90", "p99", "max"])
    for times in (theirs, ours):
        yield row(times.of.name, [percentile(times.taken, share) for share in (0.5, 0.9, 0.99, 1)])
    ratio = percentile(theirs.taken, 0.5) / percentile(ours.taken, 0.5)
    yield row("how many times as long, in the median", [ratio])
    yield row("goal", [f">= {GOAL}"])


def _require(realm: Realm, name: str, number: int) -> None:
    found = realm.ask(name, "TXT")
    if found != {f'"{number}"'}:
        raise RuntimeError(f"{name} was written {number} last, and DNS says {found}")


@contextmanager
def _realm(folder: Path) -> Iterator[Realm]:
    (folder / "realm").mkdir()
    with running_realm(folder / "realm") as realm:
        yield realm


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A Kerberos-signed update beside nsupdate -g.")
    parser.add_argument("--updates", type=int, default=200, help="of each side (default %(default)s)")
    arguments = parser.parse_args()
    if not 1 <= arguments.updates <= MAX_UPDATES:
        parser.error(f"--updates is from 1 to {MAX_UPDATES}")
    return arguments


def _conditions(arguments: argparse.Namespace) -> Iterable[str]:
    load, _, _ = os.getloadavg()
    yield f"{arguments.updates} updates of each side, in turns of {BLOCK}, at BIND with MIT's KDC, on loopback"
    yield f"Python {platform.python_version()}, {os.cpu_count()} processors, load {load:.1f} before"


if __name__ == "__main__":
    sys.exit(main())
