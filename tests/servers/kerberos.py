"""A Kerberos realm on loopback: MIT's KDC, and BIND that takes updates by its tickets.

Everything of a realm lies in one folder. `Realm` serves Samba's domain too (`tests.servers.samba`).
"""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rcode
import pytest

from tests.servers.programs import ATTEMPTS, HOST, POLL_S, START_S, find_program, free_port, stop

PROGRAMS = ("named", "krb5kdc", "kdb5_util", "kadmin.local", "kinit", "krb5-config")
LIBRARIES = ("gssapi", "krb5", "spnego")
ACCOUNT = "failover"
STRANGER = "stranger"
REVERSE = "10.10.10.in-addr.arpa."
PASSWORD = "Made-up.1"
ASK_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Realm:
    """A realm with one KDC and one DNS server, which takes updates of `zone` and of `REVERSE` from `ACCOUNT`."""

    name: str
    zone: str
    server: str
    kdc_port: int
    dns_port: int
    folder: Path
    dns_service: Service

    def keytab(self, account: str) -> Path:
        """Return the keytab of an account."""
        return self.folder / f"{account}.keytab"

    def principal(self, account: str) -> str:
        """Return an account's principal."""
        return f"{account}@{self.name}"

    def configure(self, folder: Path, *, kdc_port: int | None = None, settings: str = "") -> Path:
        """Write a krb5.conf for this realm, with another KDC's port or more settings, and return it."""
        path = folder / "krb5.conf"
        path.write_text(krb5_conf(self.name, kdc_port or self.kdc_port, settings))
        return path

    def ask(self, name: str, rdtype: str, zone: str | None = None) -> set[str]:
        """Return the values at a name of a zone, of the forward one if none is given, asked for unsigned."""
        query = dns.message.make_query(f"{name}.{zone or self.zone}", rdtype)
        answer = dns.query.tcp(query, HOST, timeout=ASK_S, port=self.dns_port)
        return {rdata.to_text() for rrset in answer.answer for rdata in rrset}

    def rcode(self, message: dns.message.Message) -> str:
        """Send a message as it is and return the answer's rcode."""
        return dns.rcode.to_text(dns.query.tcp(message, HOST, timeout=ASK_S, port=self.dns_port).rcode())


class Service:
    """A program that can be stopped and started again; `ready` says when it answers."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        ready: Callable[[], bool],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._command = command
        self._log = log
        self._ready = ready
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, environment: Mapping[str, str] | None = None) -> bool:
        """Start it, with more in its environment, and return whether it answers in time."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**self._environment, **(environment or {})},
            )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self._ready():
                return True
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(POLL_S)
                break
        self.stop()
        return False

    def stop(self) -> None:
        """Stop it if it runs."""
        if self._process is not None:
            stop(self._process)
            self._process = None

    def restart(self, environment: Mapping[str, str] | None = None) -> None:
        """Stop it and start it, on the same ports."""
        self.stop()
        if not self.start(environment):
            raise RuntimeError(f"it did not come back: {self._log.read_text()[-2000:]}")


def require_libraries() -> None:
    """Skip the running test if a library for Kerberos is missing; with CI=true fail it."""
    missing = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"not installed: {missing}", pytrace=False)
    if missing:
        pytest.skip(f"not installed, ./run test does it: {missing}")


def krb5_conf(realm: str, kdc_port: int, settings: str = "") -> str:
    """Return a krb5.conf that asks nobody but the KDC at `kdc_port`."""
    return f"""
[libdefaults]
  default_realm = {realm}
  rdns = false
  dns_canonicalize_hostname = false
  dns_lookup_kdc = false
  dns_lookup_realm = false
  {settings}
[realms]
  {realm} = {{
    kdc = {HOST}:{kdc_port}
  }}
[domain_realm]
  .{realm.lower()} = {realm}
"""


def answers(port: int, zone: str) -> bool:
    """Return whether a DNS server at the port serves the zone."""
    with suppress(OSError, EOFError, dns.exception.DNSException):
        query = dns.message.make_query(zone, "SOA")
        return bool(dns.query.tcp(query, HOST, timeout=ASK_S, port=port).answer)
    return False


def listens(port: int) -> bool:
    """Return whether anything takes connections at the port."""
    with suppress(OSError), socket.create_connection((HOST, port), timeout=ASK_S):
        return True
    return False


@contextmanager
def running_realm(folder: Path) -> Iterator[Realm]:
    """Run MIT's KDC and BIND until the block ends, for the realm EXAMPLE.TEST."""
    for _ in range(ATTEMPTS):
        kdc_port, dns_port = free_port(), free_port()
        environment = _configure(folder, kdc_port, dns_port)
        kdc = Service(
            [program("krb5kdc"), "-n", "-P", str(folder / "kdc.pid")],
            log=folder / "kdc.log",
            ready=lambda port=kdc_port: listens(port),  # type: ignore[misc]
            environment=environment,
        )
        named = Service(
            [program("named"), "-g", "-n", "1", "-c", str(folder / "named.conf")],
            log=folder / "named.log",
            ready=lambda port=dns_port: answers(port, "example.test."),  # type: ignore[misc]
            environment=environment,
        )
        try:
            if kdc.start() and named.start():
                yield Realm(
                    name="EXAMPLE.TEST",
                    zone="example.test.",
                    server="ns.example.test",
                    kdc_port=kdc_port,
                    dns_port=dns_port,
                    folder=folder,
                    dns_service=named,
                )
                return
        finally:
            named.stop()
            kdc.stop()
    raise RuntimeError(f"the realm did not start: {(folder / 'named.log').read_text()[-2000:]}")


def _configure(folder: Path, kdc_port: int, dns_port: int) -> dict[str, str]:
    """Write the realm's files, and its database if there is none; return what its programs find them by."""
    environment = {
        "KRB5_CONFIG": str(folder / "krb5-server.conf"),
        "KRB5_KDC_PROFILE": str(folder / "kdc.conf"),
        "KRB5RCACHENAME": f"file2:{folder}/replays",
    }
    (folder / "krb5-server.conf").write_text(krb5_conf("EXAMPLE.TEST", kdc_port))
    (folder / "kdc.conf").write_text(f"""
[kdcdefaults]
  kdc_listen = {HOST}:{kdc_port}
  kdc_tcp_listen = {HOST}:{kdc_port}
[realms]
  EXAMPLE.TEST = {{
    database_name = {folder}/principals
    key_stash_file = {folder}/stash
    acl_file = {folder}/acl
    supported_enctypes = aes256-cts:normal
  }}
""")
    (folder / "named.conf").write_text(f"""
options {{
  directory "{folder}";
  listen-on port {dns_port} {{ {HOST}; }};
  listen-on-v6 {{ none; }};
  pid-file none;
  session-keyfile none;
  recursion no;
  notify no;
  dnssec-validation no;
  empty-zones-enable no;
  max-cache-size 2m;
  tkey-gssapi-keytab "{folder}/server.keytab";
}};
controls {{ }};
zone "example.test." {{
  type primary;
  file "example.test.zone";
  update-policy {{ grant {ACCOUNT}@EXAMPLE.TEST zonesub ANY; }};
}};
zone "{REVERSE}" {{
  type primary;
  file "reverse.zone";
  update-policy {{ grant {ACCOUNT}@EXAMPLE.TEST zonesub ANY; }};
}};
""")
    if not (folder / "principals").exists():
        _populate(folder, environment)
    return environment


def _populate(folder: Path, environment: Mapping[str, str]) -> None:
    (folder / "example.test.zone").write_text(
        "$TTL 60\n@ 3600 IN SOA ns hostmaster 1 3600 600 86400 30\n@ 3600 IN NS ns\nns IN A 192.0.2.53\n"
    )
    (folder / "reverse.zone").write_text(
        "$TTL 60\n@ 3600 IN SOA ns.example.test. hostmaster.example.test. 1 3600 600 86400 30\n"
        "@ 3600 IN NS ns.example.test.\n"
    )
    _run([program("kdb5_util"), "create", "-s", "-r", "EXAMPLE.TEST", "-P", PASSWORD], environment)
    _run(
        [program("kadmin.local"), "-r", "EXAMPLE.TEST"],
        environment,
        f"""
addprinc -randkey DNS/ns.example.test
ktadd -k {folder}/server.keytab DNS/ns.example.test
addprinc -randkey DNS/other.example.test
addprinc -pw {PASSWORD} {ACCOUNT}
ktadd -norandkey -k {folder}/{ACCOUNT}.keytab {ACCOUNT}
addprinc -pw {PASSWORD} {STRANGER}
ktadd -norandkey -k {folder}/{STRANGER}.keytab {STRANGER}
""",
    )


def _run(command: Sequence[str], environment: Mapping[str, str], text: str = "") -> None:
    done = subprocess.run(
        command,
        input=text,
        text=True,
        capture_output=True,
        env={**os.environ, **environment},
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stdout[-1000:]}{done.stderr[-1000:]}")


def program(name: str) -> str:
    """Return the path of a program that has to be there."""
    found = find_program(name)
    if found is None:
        raise FileNotFoundError(name)
    return found
