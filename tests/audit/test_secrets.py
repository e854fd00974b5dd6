"""A full run with every kind of secret, failures among it: no byte of what it puts out holds any of them."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.request import Request, urlopen

import pytest

from tests.audit.haystack import Haystack
from tests.edge.test_wiring import endpoint
from tests.whole.daemon import BACKUP, LONG_S, MAIN, PROGRAM, Site, until

TOKEN = "control.token"
COMMANDS = (
    ("check",),
    ("check", "--json"),
    ("status",),
    ("status", "--json"),
    ("plan",),
    ("plan", "--json"),
    ("history",),
    ("history", "--json"),
    ("history", "--verify"),
    ("resync",),
    ("freeze", "--reason", "audit"),
    ("thaw",),
    ("release",),
    ("grants",),
    ("reload",),
    ("run", "--nonsense"),
)
ASKED = (
    "/metrics",
    "/healthz",
    "/readyz",
    "/v1/status",
    "/v1/pairs/dma",
    "/v1/changes",
    "/openapi.json",
    "/",
)
DMS = """<DMS><Failover active="true"><State state="{state}"/></Failover>
<Redirects><Redirect to="10.1.1.1" user="admin" pwd="{password}"/></Redirects></DMS>"""
ACCOUNT = """
[accounts.dns]
principal = "failover@EXAMPLE.TEST"
password_file = "{folder}/password"
"""
KRB5 = """
[libdefaults]
default_realm = EXAMPLE.TEST
dns_lookup_kdc = false
[realms]
EXAMPLE.TEST = {
  kdc = 127.0.0.1:1
}
"""


class Run:
    """A site whose configuration holds a secret of every kind, and what its programs put out."""

    def __init__(self, site: Site, url: str) -> None:
        self.site = site
        self.tsig = site.server.key.secret
        self.wrong = secrets.token_bytes(32)
        self.bearer = secrets.token_urlsafe(32)
        self.basic = base64.b64encode(f"failover:{secrets.token_urlsafe(24)}".encode()).decode()
        self.password = secrets.token_urlsafe(24)
        self.redirect = base64.b64encode(secrets.token_bytes(24)).decode()
        self.hay = Haystack(
            {
                "the TSIG key": self.tsig,
                "the wrong TSIG key": self.wrong,
                "the bearer token": self.bearer.encode(),
                "the basic password": self.basic.encode(),
                "its clear text": base64.b64decode(self.basic),
                "the account's password": self.password.encode(),
                "the password in DMS.xml": self.redirect.encode(),
            }
        )
        self._configure(url)

    def _configure(self, url: str) -> None:
        folder = self.site.folder
        for name, text in (
            ("bearer", f"Bearer {self.bearer}"),
            ("basic", f"Basic {self.basic}"),
            ("password", self.password),
        ):
            (folder / name).touch(0o600)
            (folder / name).write_text(f"{text}\n")
        (folder / "krb5.conf").write_text(KRB5)
        self.roles(MAIN)
        shared = f'  [[pairs.sources]]\n  type = "file"\n  path = "{folder}/online"\n'
        text = self.site.config.read_text().replace(shared, "").replace("look_s = 60", "look_s = 1")
        asked = f'type = "http", url = "{{}}", header_files = {{{{ Authorization = "{folder}/{{}}" }}}}'
        for agent, also in (
            (MAIN, asked.format("http://127.0.0.1:1/dead", "bearer")),
            (BACKUP, asked.format(url, "basic")),
        ):
            name = f'name = "{agent}.example.test."\n'
            dms = f'type = "dms", path = "{folder}/{agent}.xml", keep_good_s = 1'
            text = text.replace(name, f'{name}combine = "first"\nsources = [{{ {dms} }}, {{ {also} }}]\n')
        self.site.config.write_text(f'{text}\n[log]\nlevel = "debug"\n')

    def roles(self, online: str) -> None:
        for agent in (MAIN, BACKUP):
            state = "online" if agent == online else "offline"
            fresh = self.site.folder / f"{agent}.new"
            fresh.write_text(DMS.format(state=state, password=self.redirect))
            fresh.replace(self.site.folder / f"{agent}.xml")

    def key(self, secret: bytes) -> None:
        (self.site.folder / "secret").write_text(base64.b64encode(secret).decode())

    @asynccontextmanager
    async def daemon(self, name: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run the daemon; what it says goes into a file of this name."""
        with (self.site.folder / f"{name}.stderr").open("wb") as file:
            process = await self._start("run", "--config", str(self.site.config), output=file.fileno())
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def said(self, name: str) -> str:
        return (self.site.folder / f"{name}.stderr").read_text()

    async def command(self, *words: str) -> str:
        """Run a command to its end, and keep what it says."""
        process = await self._start(*words, "--config", str(self.site.config), output=asyncio.subprocess.PIPE)
        async with asyncio.timeout(LONG_S):
            output, _ = await process.communicate()
        self.hay.add(" ".join(words), output)
        return output.decode()

    async def watch(self) -> None:
        """Let `watch` show something, and end it as Ctrl-C does."""
        process = await self._start(
            "watch", "--config", str(self.site.config), output=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        async with asyncio.timeout(LONG_S):
            self.hay.add("watch", await process.stdout.readline())
            process.send_signal(signal.SIGINT)
            self.hay.add("watch", (await process.communicate())[0])

    async def _start(self, *words: str, output: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            PROGRAM, *words, stdout=output, stderr=asyncio.subprocess.STDOUT, env=self._environ()
        )

    def _environ(self) -> dict[str, str]:
        return {**os.environ, "KRB5_CONFIG": str(self.site.folder / "krb5.conf"), "PYTHONASYNCIODEBUG": "1"}

    async def ask(self) -> None:
        """Ask the control channel for all that it tells, if it is open; its token is a secret too."""
        place = json.loads((self.site.state / "control.json").read_text())
        token = (self.site.state / TOKEN).read_text().strip()
        self.hay.secrets = {**self.hay.secrets, f"the token of {place['pid']}": token.encode()}
        for path in ASKED:
            self.hay.add(path, await asyncio.to_thread(_body, f"{place['url'].rstrip('/')}{path}", token))

    def betrayed(self) -> list[str]:
        """Search all that there is by now."""
        for path in self.site.folder.glob("*.stderr"):
            self.hay.add(path.name, path.read_bytes())
        self.hay.add_files(self.site.state, but=frozenset({TOKEN}))
        return self.hay.betrayed()


def _body(url: str, token: str) -> bytes:
    request = Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310 - loopback
    with suppress(OSError), urlopen(request, timeout=LONG_S) as answer:  # noqa: S310 - the same
        body: bytes = answer.read()
        return body
    return b""


@asynccontextmanager
async def audited(site: Site) -> AsyncIterator[Run]:
    """Have a site with secrets of every kind, whose backup's endpoint answers."""
    async with endpoint("ONLINE") as url:
        yield Run(site, url)


async def test_no_secret_is_put_out_by_a_run_that_goes_well(site: Site) -> None:
    async with audited(site) as run:
        async with run.daemon("well") as daemon:
            await until(lambda: '"ready"' in run.said("well"))
            run.roles(BACKUP)
            await until(lambda: site.shows(BACKUP))
            for words in COMMANDS:
                await run.command(*words)
            await run.watch()
            await run.ask()
            before = run.said("well").count('"reloaded"')
            daemon.send_signal(signal.SIGHUP)
            await until(lambda: run.said("well").count('"reloaded"') > before)
            daemon.send_signal(signal.SIGABRT)  # faulthandler shows where each thread stands
            await daemon.wait()
        assert "most recent call first" in run.said("well")
        assert run.betrayed() == []


async def test_no_secret_is_put_out_where_everything_fails(site: Site) -> None:
    async with audited(site) as run:
        run.key(run.wrong)
        async with run.daemon("failing") as daemon:
            run.roles(BACKUP)
            await until(lambda: '"level": "error"' in run.said("failing"))
            for words in COMMANDS:
                await run.command(*words)
            await run.ask()
            for path in site.folder.glob("*.xml"):
                path.write_text(f"<DMS><Redirect pwd='{run.redirect}'")
            await until(lambda: '"role": "UNKNOWN"' in run.said("failing"))
            daemon.terminate()
            await daemon.wait()
        assert "NOTAUTH+BADSIG" in run.said("failing")
        assert run.betrayed() == []


@pytest.mark.parametrize("spoil", ["readable", "not base64", "in place of its path", "in the environment"])
async def test_no_secret_is_put_out_where_its_file_is_refused(site: Site, spoil: str) -> None:
    async with audited(site) as run:
        text, secret = site.config.read_text(), base64.b64encode(run.tsig).decode()
        match spoil:
            case "readable":
                for name in ("secret", "bearer", "basic"):
                    (site.folder / name).chmod(0o644)
            case "not base64":
                (site.folder / "secret").write_text(f"{secret}!")
            case "in place of its path":
                paths = {"secret": secret, "bearer": run.bearer, "basic": run.basic}
                for name, value in paths.items():
                    text = text.replace(f'"{site.folder}/{name}"', f'"{value}"')
                site.config.write_text(text)
            case _:
                site.config.write_text(text.replace("secret_file", "secret"))
        for words in (("check",), ("check", "--json"), ("plan",), ("run",), ("status",)):
            await run.command(*words)
        assert run.betrayed() == []


@pytest.mark.needs("krb5-config")
async def test_no_password_is_put_out_by_an_account_whose_kdc_is_gone(site: Site) -> None:
    pytest.importorskip("gssapi")
    async with audited(site) as run:
        text = site.config.read_text().replace('key = "hmac-sha256.key"', 'auth = "gss"\naccount = "dns"')
        site.config.write_text(f"{text}{ACCOUNT.format(folder=site.folder)}")
        async with run.daemon("gss") as daemon:
            await until(lambda: "walk_hindered" in run.said("gss") or daemon.returncode is not None)
            for words in (("check",), ("check", "--json"), ("plan",), ("status",), ("grants",)):
                await run.command(*words)
        assert run.betrayed() == []
