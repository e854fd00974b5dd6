"""A domain controller of Samba on loopback: KDC, directory and DNS in one process, all in one folder.

It has to be root to be one, and takes seconds to be set up: one serves all the tests of a session.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.kerberos import ACCOUNT, PASSWORD, REVERSE, STRANGER, Realm, Service, answers, program
from tests.servers.programs import ATTEMPTS, HOST, free_port

PROGRAMS = ("samba", "samba-tool", "ldbsearch", "ldbadd", "krb5-config")
REALM = "AD.EXAMPLE.TEST"
ZONE = "ad.example.test."
SERVER = "dc1.ad.example.test"


@contextmanager
def running_domain(folder: Path) -> Iterator[Realm]:
    """Run the domain AD.EXAMPLE.TEST until the block ends."""
    _provision(folder)
    for _ in range(ATTEMPTS):
        dns_port, kdc_port, kpasswd_port = free_port(), free_port(), free_port()
        _configure(folder, dns_port, kdc_port, kpasswd_port)
        service = Service(
            [
                program("samba"),
                "-F",
                "--no-process-group",
                "-M",
                "single",
                "--debug-stdout",
                "-s",
                _conf(folder),
            ],
            log=folder / "log",
            ready=lambda port=dns_port: answers(port, ZONE),  # type: ignore[misc]
        )
        try:
            if service.start():
                yield Realm(
                    name=REALM,
                    zone=ZONE,
                    server=SERVER,
                    kdc_port=kdc_port,
                    dns_port=dns_port,
                    folder=folder,
                    dns_service=service,
                )
                return
        finally:
            service.stop()
    raise RuntimeError(f"samba did not start: {(folder / 'log').read_text()[-2000:]}")


def allow(domain: Realm, account: str, name: str) -> None:
    """Let an account change a name that is there: the least that does, on that name alone."""
    sid = _tool(domain.folder, "user", "show", account, "--attributes=objectSid").partition("objectSid: ")[2]
    node = f"DC={name},DC={ZONE[:-1]},CN=MicrosoftDNS,DC=DomainDnsZones,DC=ad,DC=example,DC=test"
    grants = "".join(
        f"(OA;;WP;{attribute};;{sid.split()[0]})"
        for attribute in (
            "e0fa1e69-9b45-11d0-afdd-00c04fd930c9",  # dnsRecord
            "d5eb2eb7-be4e-463b-a214-634a44d7392e",  # dNSTombstoned
        )
    )
    _tool(domain.folder, "dsacl", "set", f"--objectdn={node}", f"--sddl={grants}", local=True)


def shell(domain: Realm, commands: str) -> None:
    """Run commands as on the domain controller, where its tools need not be told which files are its."""
    tools = domain.folder / "bin"
    tools.mkdir(exist_ok=True)
    for name in ("samba-tool", "ldbdel"):
        (tools / name).write_text(
            f'#!/bin/sh\nexec {program(name)} "$@" --configfile={_conf(domain.folder)} '
            f"-H {domain.folder}/private/sam.ldb\n"
        )
        (tools / name).chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", "-e", "-c", commands],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"},
    )
    if done.returncode:
        raise RuntimeError(f"{commands}: {done.stdout[-1000:]}{done.stderr[-1000:]}")


def _provision(folder: Path) -> None:
    for part in ("state/sysvol", "cache", "private", "lock"):
        (folder / part).mkdir(parents=True)
    _configure(folder, 53, 88, 464)
    _tool(
        folder,
        *("domain", "provision", f"--realm={REALM}", "--domain=AD", "--host-name=dc1", f"--host-ip={HOST}"),
        *("--server-role=dc", "--dns-backend=SAMBA_INTERNAL", f"--adminpass={PASSWORD}"),
        conf="--configfile",
    )
    for account in (ACCOUNT, STRANGER):
        _tool(folder, "user", "create", account, PASSWORD)
        keytab = str(folder / f"{account}.keytab")
        _tool(folder, "domain", "exportkeytab", keytab, f"--principal={account}")
    _add_reverse_zone(folder)


def _add_reverse_zone(folder: Path) -> None:
    """Make a second zone with the SOA and NS records of the first: samba-tool takes a running server for that."""
    base = "CN=MicrosoftDNS,DC=DomainDnsZones,DC=ad,DC=example,DC=test"
    zone = f"dn: DC={REVERSE[:-1]},{base}\nobjectClass: top\nobjectClass: dnsZone\n"
    records = [
        line
        for line in _ldb(
            folder, "ldbsearch", "-b", f"DC=@,DC={ZONE[:-1]},{base}", "--scope=base", "dnsRecord"
        )
        .replace("\n ", "")
        .splitlines()
        if line.startswith("dnsRecord:")
    ]
    apex = "\n".join(
        [f"dn: DC=@,DC={REVERSE[:-1]},{base}", "objectClass: top", "objectClass: dnsNode", *records]
    )
    (folder / "reverse.ldif").write_text(f"{zone}\n{apex}\n")
    _ldb(folder, "ldbadd", str(folder / "reverse.ldif"))


def _ldb(folder: Path, tool: str, *arguments: str) -> str:
    where = [f"--configfile={_conf(folder)}", "-H", str(folder / "private/sam.ldb")]
    done = subprocess.run([program(tool), *where, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{tool}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
    return done.stdout


def _configure(folder: Path, dns_port: int, kdc_port: int, kpasswd_port: int) -> None:
    (folder / "smb.conf").write_text(f"""
[global]
  netbios name = DC1
  realm = {REALM}
  workgroup = AD
  server role = active directory domain controller
  server services = kdc, dns
  interfaces = lo
  bind interfaces only = yes
  disable netbios = yes
  dns port = {dns_port}
  krb5 port = {kdc_port}
  kpasswd port = {kpasswd_port}
  dns forwarder = {HOST}:1
  allow dns updates = secure only
  private dir = {folder}/private
  state directory = {folder}/state
  cache directory = {folder}/cache
  lock directory = {folder}/lock
  pid directory = {folder}/pid
  binddns dir = {folder}/bind-dns
  ncalrpc dir = {folder}/ncalrpc
  winbindd socket directory = {folder}/winbindd
  ntp signd socket directory = {folder}/ntp
  log file = {folder}/log.%m
[sysvol]
  path = {folder}/state/sysvol
[netlogon]
  path = {folder}/state/sysvol/ad.example.test/scripts
""")


def _conf(folder: Path) -> str:
    return str(folder / "smb.conf")


def _tool(folder: Path, *arguments: str, conf: str = "-s", local: bool = False) -> str:
    """Run samba-tool on the files of the domain; it need not be running."""
    where = ["-H", str(folder / "private/sam.ldb")] if local else []
    given = [f"{conf}={_conf(folder)}"] if conf.startswith("--") else [conf, _conf(folder)]
    done = subprocess.run(
        [program("samba-tool"), *arguments, *given, *where], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"samba-tool {arguments}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
    return done.stdout
