"""Asking health endpoints over HTTP: one client for all of them.

`HttpClient.get` never raises for what a network or a server can do: it says in words what is wrong and what
to do, at the latest when the source's `timeout_s` is over, name look-up, TLS and the whole body included (or
that long again, if this process is overloaded). It takes nothing from the environment, keeps no cookies, asks
for no compression and undoes none, and follows redirects only where allowed, within the same scheme, host and
port, so that headers and trust stay there.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from aiohttp import (
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientError,
    ClientPayloadError,
    ClientResponse,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    ServerDisconnectedError,
    TCPConnector,
)
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.http import HttpProcessingError
from yarl import URL

from failover_dns.core.health import REDIRECTS, HttpAnswer, HttpSource, Tls
from failover_dns.core.sources import MAX_BYTES

T = TypeVar("T")

MAX_PER_HOST = 64
"""Connections to one host and port. In all there is no limit but this: one request under way for a source."""

MAX_LOOKUPS = 32
"""Threads that look names up at the same time."""

MAX_REDIRECTS = 3

KEEP_ALIVE_S = 30.0
NAMES_KEPT_S = 30
LOOKUP_S = 10.0
"""A look-up may outlast the request that began it, and serve the next one."""

FILES_S = 2.0
"""Certificates on a local disk are read in a millisecond; a share that takes this long is stuck."""

RETRY_FILES_S = 5.0

LATE_S = 0.1
"""A timer that fires this late tells of more work than the processor can do."""

HEADERS = {"User-Agent": "failover-dns", "Accept": "*/*", "Accept-Encoding": "identity"}


class Lane(Protocol):
    """A thread of its own for blocking calls (`effects.lane`)."""

    async def run(self, call: Callable[[], T], *, deadline_s: float) -> T:
        """Return what `call` returns; TimeoutError if it takes over `deadline_s`."""
        ...

    def close(self) -> None:
        """Let the thread end; does not wait for it."""
        ...


LookUp = Callable[..., list[tuple[Any, ...]]]
"""`socket.getaddrinfo`."""


class HttpClient:
    """Asks health endpoints; to be opened once, with `async with`.

    `lane` makes a lane of that name: one for each name look-up and each reading of certificates, so that one
    that hangs holds up neither the others nor the exit.
    """

    def __init__(self, *, lane: Callable[[str], Lane], look_up: LookUp = socket.getaddrinfo) -> None:
        self._lane = lane
        self._resolver = _Resolver(lane, look_up)
        self._contexts: dict[Tls, asyncio.Task[ssl.SSLContext]] = {}
        self._urls: dict[str, URL] = {}
        self._session: ClientSession

    async def __aenter__(self) -> Self:
        self._session = ClientSession(
            connector=TCPConnector(
                limit=0,
                limit_per_host=MAX_PER_HOST,
                resolver=self._resolver,
                ttl_dns_cache=NAMES_KEPT_S,
                keepalive_timeout=KEEP_ALIVE_S,
            ),
            cookie_jar=DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            raise_for_status=False,
            timeout=ClientTimeout(total=None, sock_connect=None),
            headers=HEADERS,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for reading in self._contexts.values():
            reading.cancel()
        await self._session.close()

    def reload(self) -> None:
        """Read certificates anew when they are next needed, and connect anew with them."""
        self._contexts.clear()  # a reading under way still serves those that wait for it

    async def get(self, source: HttpSource) -> HttpAnswer:
        """Return what the endpoint answers, or in words what is wrong."""
        deadline = asyncio.timeout(None)
        due = asyncio.get_running_loop().time() + source.timeout_s
        timer = asyncio.get_running_loop().call_at(due, _expire, deadline, due, source.timeout_s)
        try:
            async with deadline:
                return await self._get(source)
        except TimeoutError:
            why = f"no whole answer within {source.timeout_s:g} s; look at the endpoint and the way to it"
        except (ClientError, HttpProcessingError, OSError, ValueError) as error:
            why = _why(error, anonymous=_is_secure(source) and source.tls.cert_file is None)
        finally:
            timer.cancel()
        return HttpAnswer(problem=why)

    async def _get(self, source: HttpSource) -> HttpAnswer:
        context: ssl.SSLContext | bool = await self._context(source.tls) if _is_secure(source) else True
        url = self._urls.get(source.url) or self._urls.setdefault(source.url, URL(source.url))
        for _ in range(MAX_REDIRECTS + 1):
            async with self._session.get(
                url,
                headers=source.headers,
                allow_redirects=False,
                ssl=context,
                server_hostname=source.tls.server_name,
            ) as response:
                if not (source.allow_redirects and response.status in REDIRECTS):
                    return await _answer(response)
                url = _target(url, response)
        raise _UnusableError(f"it redirects more than {MAX_REDIRECTS} times; correct url")

    async def _context(self, tls: Tls) -> ssl.SSLContext:
        wanted = replace(tls, server_name=None)
        known = self._contexts.get(wanted)
        if known is None:
            known = self._contexts[wanted] = asyncio.create_task(self._read_context(wanted))
            known.add_done_callback(partial(self._forget_failure, wanted))
        return await asyncio.shield(known)

    def _forget_failure(self, tls: Tls, reading: asyncio.Task[ssl.SSLContext]) -> None:
        """Read again after a while what could not be read; until then many sources share one failure."""
        if not reading.cancelled() and reading.exception() is not None:
            reading.get_loop().call_later(RETRY_FILES_S, self._contexts.pop, tls, None)

    async def _read_context(self, tls: Tls) -> ssl.SSLContext:
        lane = self._lane("certificates")
        try:
            return await lane.run(partial(_make_context, tls), deadline_s=FILES_S)
        except TimeoutError:
            raise _UnusableError(f"its certificate files gave no answer within {FILES_S:g} s") from None
        finally:
            lane.close()


def _expire(deadline: asyncio.Timeout, due: float, timeout_s: float) -> None:
    """End a request that is due, or give it as long again, once, if it is this process that is late.

    The answer may then wait to be read; to drop it and the connection would make even more work.
    """
    now = asyncio.get_running_loop().time()
    deadline.reschedule(now + timeout_s if now - due > LATE_S else now)


class _UnusableError(ClientError):
    """Something is wrong that its text says in our own words."""


def _is_secure(source: HttpSource) -> bool:
    return source.url.startswith("https:")


async def _answer(response: ClientResponse) -> HttpAnswer:
    body = b""
    while len(body) <= MAX_BYTES and (more := await response.content.read(MAX_BYTES + 1 - len(body))):
        body += more
    if len(body) > MAX_BYTES:
        response.close()
    encoding = response.headers.get("Content-Encoding", "")
    return HttpAnswer(status=response.status, body=body, encoding=encoding.strip().lower())


def _target(url: URL, response: ClientResponse) -> URL:
    target = url.join(URL(response.headers.get("Location", "")))
    if target.origin() != url.origin():
        raise _UnusableError("it redirects to another scheme, host or port; if that is right, correct url")
    return target


def _make_context(tls: Tls) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
    except OSError as error:
        raise _UnusableError(f"ca_file {tls.ca_file} cannot be used ({_reason(error)}); correct it") from None
    if tls.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.cert_file is not None:
        files = " with ".join(filter(None, (tls.cert_file, tls.key_file)))
        try:
            # Without a password, OpenSSL would ask for one at the terminal.
            context.load_cert_chain(tls.cert_file, tls.key_file, password="")
        except OSError as error:
            raise _UnusableError(f"cert_file {files} cannot be used ({_reason(error)}); correct it") from None
    return context


PROBLEMS: tuple[tuple[type[Exception], str], ...] = (
    (_UnusableError, "{why}"),
    (ClientConnectorDNSError, "its name cannot be looked up ({why}); correct url, or look at DNS"),
    (
        ClientConnectorError,
        "it cannot be reached ({why}); start the endpoint, or look at url and the way to it",
    ),
    (ServerDisconnectedError, "it closed the connection without an answer; look at its log"),
    (ClientPayloadError, "its answer broke off; look at its log"),
    (ClientResponseError, "what it answered is not HTTP; correct url"),
    (HttpProcessingError, "what it answered is not HTTP; correct url"),
    (OSError, "the connection broke ({why}); look at its log"),
    (Exception, "its address, a header or where it redirects to cannot be sent; correct url or header_files"),
)
"""What is wrong and what to do; never what was sent, which may be secret."""


def _why(error: Exception, *, anonymous: bool) -> str:
    cause = error.os_error if isinstance(error, ClientConnectorError) else error
    wrong = getattr(error, "certificate_error", cause)
    for known in (wrong, wrong.__cause__):
        if isinstance(known, ssl.SSLCertVerificationError):
            return _why_not_trusted(known)
        if isinstance(known, ssl.SSLError):
            return f"TLS failed ({_reason(known)}); is it https, and does it accept our certificate?"
    text = next(text for kind, text in PROBLEMS if isinstance(error, kind))
    return text.format(why=_reason(cause)) + (_MAYBE_CERTIFICATE if _cut_off(cause) and anonymous else "")


_MAYBE_CERTIFICATE = ", or give cert_file and key_file if it wants a certificate of ours"


def _cut_off(error: Exception) -> bool:
    """Whether the other side ended the connection, as one does that wants a certificate and gets none."""
    return isinstance(error, ServerDisconnectedError | ConnectionResetError | ConnectionAbortedError)


def _why_not_trusted(wrong: ssl.SSLCertVerificationError) -> str:
    said = wrong.verify_message.rstrip(".").split(",")[0].replace("certificate is not valid for", "not for")
    match wrong.verify_code:
        case 9 | 10:  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
            cure = "renew it, or look at this machine's clock"
        case 62 | 64:  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
            cure = "write the name that it is for in url, or in server_name"
        case _:
            cure = "give the authority that issued it in ca_file"
    return f"its certificate is not accepted ({said}); {cure}"


def _reason(error: Exception) -> str:
    match error:
        case ssl.SSLError(reason=str() as reason):
            return reason.replace("_", " ").lower()
        case OSError(errno=int() as number) if not isinstance(error, socket.gaierror):
            return os.strerror(number)
        case OSError(strerror=str() as reason):
            return reason
        case ConnectionError():
            return "it ended the connection"
        case _:
            return str(error)


class _Resolver(AbstractResolver):
    """Looks names up in a thread each; asyncio's own would use threads that hold up the exit."""

    def __init__(self, lane: Callable[[str], Lane], look_up: LookUp) -> None:
        self._lane = lane
        self._look_up = look_up
        self._under_way: set[str] = set()
        self._slots = asyncio.Semaphore(MAX_LOOKUPS)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of `host`; OSError if there are none."""
        if host in self._under_way:
            raise OSError(f"an earlier look-up has not returned for over {LOOKUP_S:g} s")
        self._under_way.add(host)
        await self._take_slot(host)
        loop = asyncio.get_running_loop()
        lane = self._lane(f"look-up of {host}")

        def look_up() -> list[tuple[Any, ...]]:
            try:
                return self._look_up(host, port, family=family, type=socket.SOCK_STREAM)
            finally:
                with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    loop.call_soon_threadsafe(self._done, host)

        try:
            found = await lane.run(look_up, deadline_s=LOOKUP_S)
        except TimeoutError:
            raise OSError(f"no answer within {LOOKUP_S:g} s") from None
        finally:
            lane.close()
        return [_address(host, port, *entry) for entry in found]

    async def close(self) -> None:
        """Close nothing: a look-up that hangs ends by itself."""

    async def _take_slot(self, host: str) -> None:
        try:
            await self._slots.acquire()
        except asyncio.CancelledError:
            self._under_way.discard(host)
            raise

    def _done(self, host: str) -> None:
        self._under_way.discard(host)
        self._slots.release()


def _address(
    host: str, port: int, family: int, _type: int, proto: int, _name: str, address: Any
) -> ResolveResult:
    zone = f"%{address[3]}" if family == socket.AF_INET6 and address[3] else ""
    return ResolveResult(
        hostname=host,
        host=address[0] + zone,
        port=port,
        family=family,
        proto=proto,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
