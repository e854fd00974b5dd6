"""Real servers on loopback, well and badly behaved: whatever they do becomes an answer or a problem in words."""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import shutil
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from failover_dns.core.health import PRESETS, HttpAnswer, HttpSource, Rules, Tls, judge
from failover_dns.core.model import Role
from failover_dns.core.sources import MAX_BYTES
from failover_dns.effects.health import MAX_PER_HOST, HttpClient
from failover_dns.effects.lane import Lane

AGENT = "dma-main.example.test."
PATIENT_S = 60.0
"""A deadline that a test does not expect to meet, however busy the machine."""

SHORT_S = 0.3
"""A deadline that a test expects to meet."""

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def source(url: str, *, timeout_s: float = PATIENT_S, **others: Any) -> HttpSource:
    return HttpSource(url=url, agent=AGENT, timeout_s=timeout_s, **others)


@asynccontextmanager
async def scripted(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve each connection by `script` once it has sent a request; yield the address."""
    scheme = "https" if tls else "http"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await script(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client is gone
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def says(answer: bytes) -> Script:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        if b"Connection: close" not in answer:
            await reader.read()

    return say


def ok(body: bytes, *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers, b"", body]
    return b"\r\n".join(lines)


@asynccontextmanager
async def serving(app: web.Application, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def ask(url: str, **others: Any) -> HttpAnswer:
    async with HttpClient(lane=Lane) as http:
        return await http.get(source(url, **others))


async def problem(url: str, **others: Any) -> str:
    answer = await ask(url, **others)
    assert answer.problem is not None, answer
    return answer.problem


# What is sent and what comes back


async def test_an_answer_is_its_status_and_its_body() -> None:
    async with scripted(says(b"HTTP/1.1 503 No\r\nContent-Length: 6\r\n\r\nbackup")) as url:
        assert await ask(url) == HttpAnswer(status=503, body=b"backup")


async def test_only_what_was_asked_for_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    seen: list[dict[str, str]] = []

    async def role(request: web.Request) -> web.Response:
        seen.append(dict(request.headers))
        return web.Response(text="online", headers={"Set-Cookie": "session=1; Path=/"})

    app = web.Application()
    app.router.add_get("/role", role)
    async with serving(app) as url, HttpClient(lane=Lane) as http:
        asked = source(f"{url}/role?a=b", headers={"X-Token": "secret"})
        assert [(await http.get(asked)).body for _ in range(2)] == [b"online", b"online"]
    host = url.removeprefix("http://")
    assert (
        seen
        == [
            {
                "Host": host,
                "User-Agent": "failover-dns",
                "Accept": "*/*",
                "Accept-Encoding": "identity",
                "X-Token": "secret",
            }
        ]
        * 2
    )


async def test_a_connection_is_used_again() -> None:
    connections = 0

    async def twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.write(ok(b"online"))
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ok(b"offline"))
        await reader.read()

    async with scripted(twice) as url, HttpClient(lane=Lane) as http:
        assert [(await http.get(source(url))).body for _ in range(2)] == [b"online", b"offline"]
    assert connections == 1


@pytest.mark.parametrize(("size", "seen"), [(0, 0), (MAX_BYTES, MAX_BYTES), (MAX_BYTES + 2, MAX_BYTES + 1)])
async def test_a_body_is_read_to_one_byte_more_than_counts(size: int, seen: int) -> None:
    async with scripted(says(ok(b"x" * size))) as url:
        assert len((await ask(url)).body) == seen


async def test_a_body_without_end_is_cut_off() -> None:
    async def pour(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            await writer.drain()

    async with scripted(pour) as url:
        assert len((await ask(url)).body) == MAX_BYTES + 1


async def test_what_is_compressed_stays_so() -> None:
    bomb = gzip.compress(b"\x00" * 50_000_000)
    async with scripted(says(ok(bomb, b"Content-Encoding: GZIP"))) as url:
        answer = await ask(url)
    assert (answer.body, answer.encoding) == (bomb[: MAX_BYTES + 1], "gzip")
    assert judge(source(url), answer)[AGENT].role is Role.UNKNOWN


# Servers that do not behave


async def never(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while not writer.transport.is_closing():
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(SHORT_S / 20)  # the fault itself


async def drip_head(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not writer.transport.is_closing():
        writer.write(b"X: y\r\n")
        await writer.drain()
        await asyncio.sleep(SHORT_S / 20)  # the fault itself


@pytest.mark.parametrize("script", [never, drip, drip_head])
async def test_a_server_that_does_not_end_its_answer_is_given_up_at_the_deadline(script: Script) -> None:
    async with scripted(script) as url:
        assert "no whole answer within 0.3 s" in await problem(url, timeout_s=SHORT_S)


async def test_a_process_that_is_late_itself_still_reads_an_answer_that_is_there() -> None:
    asked, answered = asyncio.Event(), asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await answered.wait()
        writer.write(ok(b"online"))
        await reader.read()

    async with scripted(wait) as url, HttpClient(lane=Lane) as http:
        asking = asyncio.create_task(http.get(source(url, timeout_s=1.0)))
        await asked.wait()
        time.sleep(1.5)  # noqa: ASYNC251 - the loop stands still, as in an overload
        answered.set()
        assert (await asking).body == b"online"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.7\r\n\r\n", "not HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x50", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000 + b"\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "not HTTP"),
        (b"Connection: close", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\nonl", "broke off"),
    ],
)
async def test_what_is_no_whole_http_answer_is_a_problem(answer: bytes, words: str) -> None:
    async with scripted(says(answer)) as url:
        found = await problem(url)
    assert words in found


async def test_a_connection_that_ends_before_an_answer_is_a_problem() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with scripted(hang_up) as url:
        assert "closed the connection without an answer" in await problem(url)


async def test_a_port_where_nobody_listens_is_a_problem_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        found = await problem(f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert "cannot be reached" in found


async def test_a_header_that_cannot_be_sent_is_a_problem_without_its_value() -> None:
    async with scripted(says(ok(b"online"))) as url:
        found = await problem(url, headers={"X-Token": "secret\r\nX-More: secret"})
    assert "a header" in found
    assert "secret" not in found


async def test_closing_does_not_wait_for_a_server_that_hangs() -> None:
    async with scripted(never) as url:
        async with HttpClient(lane=Lane) as http:
            asking = asyncio.create_task(http.get(source(url)))
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def test_hung_requests_to_one_server_are_limited_and_leave_another_alone() -> None:
    waiting = 0
    full = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        nonlocal waiting
        waiting += 1
        if waiting == MAX_PER_HOST:
            full.set()
        await reader.read()

    async with scripted(hang) as hung, scripted(says(ok(b"online"))) as well, HttpClient(lane=Lane) as http:
        asking = [asyncio.create_task(http.get(source(hung))) for _ in range(MAX_PER_HOST + 10)]
        await full.wait()
        assert (await http.get(source(well))).body == b"online"
        assert waiting == MAX_PER_HOST
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


# Redirects


def redirecting(location: str, seen: list[str]) -> web.Application:
    async def away(request: web.Request) -> web.Response:
        seen.append(str(request.rel_url))
        return web.Response(status=302, headers={"Location": location})

    async def role(_: web.Request) -> web.Response:
        return web.Response(text="online")

    app = web.Application()
    app.router.add_get("/away", away)
    app.router.add_get("/role", role)
    return app


async def test_a_redirect_is_an_answer_like_any_other() -> None:
    async with serving(redirecting("/role", [])) as url:
        assert (await ask(f"{url}/away")).status == 302


async def test_a_redirect_that_is_allowed_is_followed_on_the_same_server() -> None:
    async with serving(redirecting("role", [])) as url:
        assert (await ask(f"{url}/away", allow_redirects=True)).body == b"online"


async def test_a_redirect_elsewhere_is_refused_and_no_header_goes_there() -> None:
    async def fail(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        pytest.fail("the other server was asked")

    async with scripted(fail) as other, serving(redirecting(f"{other}/role", [])) as url:
        found = await problem(f"{url}/away", allow_redirects=True, headers={"X-Token": "secret"})
    assert "another scheme, host or port" in found


async def test_a_redirect_loop_ends() -> None:
    seen: list[str] = []
    async with serving(redirecting("/away", seen)) as url:
        assert "redirects more than 3 times" in await problem(f"{url}/away", allow_redirects=True)
    assert len(seen) == 4


@pytest.mark.parametrize("location", ["", "http://[", "mailto:a@b"])
async def test_a_redirect_to_nowhere_is_a_problem(location: str) -> None:
    async with serving(redirecting(location, [])) as url:
        assert await problem(f"{url}/away", allow_redirects=True)


# Names


def looking_up(**answers: str) -> Callable[..., list[tuple[Any, ...]]]:
    def look_up(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        address = answers.get(host.partition(".")[0])
        if address is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        rest = (0, 0) if family == socket.AF_INET6 else ()
        return [(family, socket.SOCK_STREAM, 6, "", (address, port, *rest))]

    return look_up


async def test_a_name_is_looked_up() -> None:
    async with scripted(says(ok(b"online"))) as url:
        port = url.rpartition(":")[2]
        async with HttpClient(lane=Lane, look_up=looking_up(well="127.0.0.1")) as http:
            assert (await http.get(source(f"http://well.example.test:{port}"))).body == b"online"


async def test_a_name_that_does_not_exist_is_a_problem() -> None:
    async with HttpClient(lane=Lane, look_up=looking_up()) as http:
        answer = await http.get(source("http://gone.example.test"))
    assert "its name cannot be looked up (Name or service not known)" in (answer.problem or "")


async def test_a_look_up_that_hangs_delays_neither_others_nor_the_end() -> None:
    go, known = threading.Event(), looking_up(well="127.0.0.1")

    def look_up(host: str, port: int, **others: Any) -> list[tuple[Any, ...]]:
        if host.startswith("hung"):
            go.wait()
        return known(host, port, **others)

    async with scripted(says(ok(b"online"))) as url:
        port = url.rpartition(":")[2]
        async with HttpClient(lane=Lane, look_up=look_up) as http:
            hung = source("http://hung.example.test", timeout_s=SHORT_S)
            for _ in range(2):
                assert "no whole answer" in ((await http.get(hung)).problem or "")
            assert (await http.get(source(f"http://well.example.test:{port}"))).body == b"online"
    go.set()


# TLS


@dataclass(frozen=True)
class Authority:
    """A private certificate authority with the files of what it issued."""

    directory: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def ca_file(self) -> str:
        return str(self.directory / "ca.pem")

    def issue(
        self, name: str, *, host: str = "127.0.0.1", days: int = 1, password: bytes = b""
    ) -> tuple[str, str]:
        """Return the files of a certificate for `host` and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            subject: x509.GeneralName = x509.IPAddress(ip_address(host))
        except ValueError:
            subject = x509.DNSName(host)
        certificate = (
            draft(name, key, days)
            .issuer_name(self.certificate.subject)
            .add_extension(x509.SubjectAlternativeName([subject]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        paths = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(in_pem(key, password))
        return str(paths[0]), str(paths[1])

    def server(self, name: str = "server", *, clients: bool = False, **others: Any) -> ssl.SSLContext:
        """Return a server's side; with `clients` it wants certificates of this authority from them."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue(name, **others))
        if clients:
            context.load_verify_locations(self.ca_file)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def in_pem(key: ec.EllipticCurvePrivateKey, password: bytes) -> bytes:
    hidden: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        hidden = serialization.BestAvailableEncryption(password)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden)


def draft(name: str, key: ec.EllipticCurvePrivateKey, days: int) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=10))
        .not_valid_after(now + dt.timedelta(days=days))
    )


def found_authority(directory: Path) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = draft("Test authority", key, 1)
    certificate = (
        builder.issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")]))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    directory.mkdir(exist_ok=True)
    (directory / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return Authority(directory, key, certificate)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return found_authority(tmp_path / "authority")


@contextmanager
def quiet_tls() -> Iterator[None]:
    """Pass over what the server's side of asyncio says of handshakes that fail, as they are meant to."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, _context: None)
    try:
        yield
    finally:
        loop.set_exception_handler(None)


online = partial(scripted, says(ok(b"online")))


async def test_a_certificate_of_a_private_authority_is_accepted(authority: Authority) -> None:
    async with online(authority.server()) as url:
        assert (await ask(url, tls=Tls(ca_file=authority.ca_file))).body == b"online"


@pytest.mark.parametrize(
    ("issued", "words"),
    [
        ({"days": -1}, ["expired", "renew it"]),
        ({"host": "127.0.0.9"}, ["IP address mismatch", "server_name"]),
        ({"host": "other.example.test"}, ["mismatch", "server_name"]),
    ],
)
async def test_a_certificate_that_is_wrong_is_a_problem_with_its_cure(
    authority: Authority, issued: dict[str, Any], words: list[str]
) -> None:
    with quiet_tls():
        async with online(authority.server(**issued)) as url:
            found = await problem(url, tls=Tls(ca_file=authority.ca_file))
    assert all(word in found for word in words), found


async def test_a_certificate_of_an_unknown_authority_is_a_problem(authority: Authority) -> None:
    with quiet_tls():
        async with online(authority.server()) as url:
            assert "ca_file" in await problem(url)


async def test_a_certificate_may_be_for_another_name_that_is_given(authority: Authority) -> None:
    async with online(authority.server(host="dma-main.example.test")) as url:
        tls = Tls(ca_file=authority.ca_file, server_name="dma-main.example.test")
        assert (await ask(url, tls=tls)).body == b"online"


async def test_only_insecure_accepts_any_certificate(authority: Authority) -> None:
    async with online(authority.server(days=-1, host="other.example.test")) as url:
        assert (await ask(url, tls=Tls(insecure=True))).body == b"online"


async def test_a_server_that_wants_our_certificate_gets_it(authority: Authority) -> None:
    cert_file, key_file = authority.issue("client")
    async with online(authority.server(clients=True)) as url:
        tls = Tls(ca_file=authority.ca_file, cert_file=cert_file, key_file=key_file)
        assert (await ask(url, tls=tls)).body == b"online"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_server_that_wants_a_certificate_we_do_not_have_is_a_problem(
    authority: Authority, version: ssl.TLSVersion
) -> None:
    context = authority.server(clients=True)
    context.minimum_version = context.maximum_version = version
    with quiet_tls():
        async with online(context) as url:
            assert "cert_file" in await problem(url, tls=Tls(ca_file=authority.ca_file))


async def test_https_to_a_server_without_tls_is_a_problem() -> None:
    async with scripted(says(ok(b"online"))) as url:
        found = await problem(url.replace("http:", "https:"), timeout_s=SHORT_S)
    assert "TLS" in found or "no whole answer" in found


async def test_certificate_files_that_cannot_be_used_are_named(authority: Authority, tmp_path: Path) -> None:
    cert_file, _ = authority.issue("client")
    _, other_key = authority.issue("other")
    hidden = authority.issue("hidden", password=b"secret")
    empty = tmp_path / "empty.pem"
    empty.touch()
    async with online(authority.server()) as url:
        missing = await problem(url, tls=Tls(ca_file="/nowhere/ca.pem"))
        assert "ca_file /nowhere/ca.pem cannot be used (No such file or directory)" in missing
        assert str(empty) in await problem(url, tls=Tls(ca_file=str(empty)))
        assert other_key in await problem(url, tls=Tls(cert_file=cert_file, key_file=other_key))
        assert hidden[1] in await problem(url, tls=Tls(cert_file=hidden[0], key_file=hidden[1]))


async def test_certificates_are_read_once_and_again_after_a_reload(
    authority: Authority, tmp_path: Path
) -> None:
    tls = Tls(ca_file=authority.ca_file)
    close = says(ok(b"online", b"Connection: close"))
    async with scripted(close, authority.server()) as url, HttpClient(lane=Lane) as http:
        assert (await http.get(source(url, tls=tls))).body == b"online"
        other = found_authority(tmp_path / "other")
        shutil.copyfile(other.ca_file, authority.ca_file)
        assert (await http.get(source(url, tls=tls))).body == b"online"
        http.reload()
        with quiet_tls():
            assert "not accepted" in ((await http.get(source(url, tls=tls))).problem or "")


async def test_certificates_on_a_share_that_hangs_are_a_problem() -> None:
    class Stuck(Lane):
        async def run(self, call: Callable[[], Any], *, deadline_s: float) -> Any:
            del call, deadline_s
            raise TimeoutError

    async with HttpClient(lane=Stuck) as http:
        for _ in range(2):  # the second is told of the same failure
            answer = await http.get(source("https://127.0.0.1:1"))
            assert "certificate files gave no answer" in (answer.problem or "")


# A product


class Patroni:
    """Answers as Patroni's REST API does: GET /primary by the leader lock, GET /patroni always with 200."""

    def __init__(self, state: str, role: str, *, lock: bool) -> None:
        self.body = {"state": state, "role": role, "patroni": {"version": "4.0.0", "scope": "demo"}}
        self.lock = lock

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/primary", self.primary)
        app.router.add_get("/patroni", self.patroni)
        return app

    async def primary(self, _: web.Request) -> web.Response:
        return web.json_response(self.body, status=200 if self.lock else 503)

    async def patroni(self, _: web.Request) -> web.Response:
        return web.json_response(self.body)


@pytest.mark.parametrize(
    ("node", "by_lock", "by_role"),
    [
        (Patroni("running", "primary", lock=True), Role.ONLINE, Role.ONLINE),
        (Patroni("running", "replica", lock=False), Role.OFFLINE, Role.OFFLINE),
        (Patroni("running", "standby_leader", lock=False), Role.OFFLINE, Role.OFFLINE),
        (Patroni("running", "primary", lock=False), Role.UNKNOWN, Role.ONLINE),
        (Patroni("starting", "replica", lock=False), Role.UNKNOWN, Role.UNKNOWN),
        (Patroni("starting", "primary", lock=True), Role.UNKNOWN, Role.UNKNOWN),
    ],
    ids=["primary", "replica", "standby leader", "lost the lock", "starting", "starting with the lock"],
)
async def test_patroni_says_its_role(node: Patroni, by_lock: Role, by_role: Role) -> None:
    async with serving(node.app()) as url, HttpClient(lane=Lane) as http:
        for path, preset, role in (("primary", "patroni", by_lock), ("patroni", "patroni-role", by_role)):
            asked = source(f"{url}/{path}", rules=PRESETS[preset])
            assert judge(asked, await http.get(asked))[AGENT].role is role


async def test_one_word_of_an_endpoint_is_a_role() -> None:
    async with online() as url:
        assert judge(source(url, rules=Rules()), await ask(url))[AGENT].role is Role.ONLINE
