"""The adapter for Windows, with SSPI scripted: what it asks for and how its numbers are told.

tests/kerberos drives it against real servers, by the tickets that its library finds on Linux.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from failover_dns.core.kerberos import FLAGS, Credentials, Flag, NegotiationError

spnego = pytest.importorskip("spnego")
sspi = pytest.importorskip("failover_dns.effects.gss.sspi")

SERVER = "dc1.ad.example.test"
ACCOUNT = r"AD\failover$"


class WindowsError(OSError):
    """An error as SSPI raises it, on any platform."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.winerror = code - (1 << 32)


@dataclass(slots=True)
class Proxy:
    """SSPI as pyspnego shows it."""

    answers: list[bytes | Exception | None]
    context_attr: int = spnego.ContextReq.mutual_auth | spnego.ContextReq.integrity
    heard: list[bytes | None] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return not self.answers

    def step(self, token: bytes | None) -> bytes | None:
        self.heard.append(token)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise spnego.exceptions.SpnegoError(base_error=answer)
        return answer

    def sign(self, octets: bytes) -> bytes:
        return b"signed " + octets

    def verify(self, octets: bytes, mac: bytes) -> int:
        if mac != b"signed " + octets:
            raise spnego.exceptions.BadMICError
        return 0


def context(proxy: Proxy, wanted: int = spnego.ContextReq.mutual_auth | spnego.ContextReq.integrity) -> Any:
    return sspi.SspiContext(proxy, SERVER, wanted, ACCOUNT)


def test_a_context_is_negotiated_and_signs_and_verifies() -> None:
    proxy = Proxy([b"ours", None])
    made = context(proxy)
    assert (made.negotiate(b""), made.complete) == (b"ours", False)
    assert (made.negotiate(b"theirs"), made.complete) == (b"", True)
    assert proxy.heard == [None, b"theirs"]
    assert made.sign(b"octets") == b"signed octets"
    made.verify(b"octets", b"signed octets")
    with pytest.raises(spnego.exceptions.BadMICError):
        made.verify(b"others", b"signed octets")


@pytest.mark.parametrize(
    ("code", "what"),
    [
        (0x80090303, "the KDC does not know DNS/dc1.ad.example.test: is this the server's own name?"),
        (0x8009030C, r"the KDC does not accept the keytab or password of AD\failover$"),
        (0x8009030E, r"there are no Kerberos credentials for AD\failover$"),
        (0x80090311, "no KDC can be reached"),
        (0x80090322, "the primary cannot decrypt the ticket for DNS/dc1.ad.example.test"),
        (0x80090324, "the clocks of this host and of the KDC or the primary are too far apart"),
        (0x80090304, "Kerberos fails"),
    ],
)
def test_what_windows_says_in_numbers_is_told_in_words(code: int, what: str) -> None:
    with pytest.raises(NegotiationError) as caught:
        context(Proxy([WindowsError(code, "as Windows words it")])).negotiate(b"")
    assert caught.value.what.startswith(f"signing in to {SERVER}: {what}")
    assert caught.value.what.endswith("(as Windows words it)")
    assert caught.value.cure


def test_a_context_that_gives_less_than_was_asked_is_not_used() -> None:
    proxy = Proxy([b"ours"], context_attr=spnego.ContextReq.integrity)
    with pytest.raises(NegotiationError, match="does not give what was asked of it"):
        context(proxy).negotiate(b"")


def test_the_account_is_the_one_that_the_process_runs_as() -> None:
    mechanism = sspi.open_mechanism(Credentials(), (*FLAGS, Flag.REPLAY))
    assert mechanism.account
    mechanism.close()


def test_kerberos_that_is_not_there_is_told() -> None:
    # Here SSPI is missing, or there are no tickets: both at the first token or before it.
    mechanism = sspi.open_mechanism(Credentials(), FLAGS)
    with pytest.raises(NegotiationError, match=f"signing in to {SERVER}: "):
        mechanism.begin(SERVER, fresh=False).negotiate(b"")
