"""A key that signs by a security context: what it passes on, and what becomes of the answers."""

from __future__ import annotations

import hashlib
import hmac

import dns.message
import dns.name
import dns.rcode
import dns.tsig
import dns.update
import pytest

from failover_dns.core.kerberos import NegotiationError
from failover_dns.wire.context import ContextKey, signer_name
from failover_dns.wire.sign import hear, lost, sign
from failover_dns.wire.update import build
from tests.wire.answers import CHANGE, KEY, answer, echo, refuse_signature, sign_at

NAME = dns.name.from_text("1234.failover-dns.")


class Shared:
    """Stands for a context: both ends have the secret."""

    def sign(self, octets: bytes) -> bytes:
        return hmac.digest(b"secret", octets, hashlib.sha256)

    def verify(self, octets: bytes, mac: bytes) -> None:
        if not hmac.compare_digest(self.sign(octets), mac):
            raise ValueError("not so")


class WithoutLength(Shared):
    """A server that leaves out the request MAC's length when it signs an answer, as Samba 4.17 does."""

    def sign(self, octets: bytes) -> bytes:
        return super().sign(octets[2:])


class Expired(Shared):
    def sign(self, octets: bytes) -> bytes:  # noqa: ARG002 - it signs nothing
        raise OSError("the context has expired")


OURS = ContextKey(NAME, Shared(), "failover@EXAMPLE.TEST")


def asked(key: dns.tsig.Key = OURS) -> tuple[dns.message.Message, bytes]:
    query = dns.message.make_query("dma-main.example.test.", "A")
    return query, sign(query, key)


def sent_under_context() -> tuple[dns.update.UpdateMessage, bytes]:
    """Return an update as it was sent under a context, and its octets."""
    message = build(CHANGE)
    return message, sign(message, OURS)


def test_an_answer_by_the_same_context_is_verified() -> None:
    query, wire = asked()
    heard = hear(query, answer(wire, signer=OURS), OURS)
    assert (heard.verified, heard.rcode, heard.problem) == (True, "NOERROR", "")


def test_an_answer_signed_without_the_length_of_the_requests_mac_is_verified() -> None:
    query, wire = asked()
    heard = hear(query, answer(wire, signer=ContextKey(NAME, WithoutLength(), "server")), OURS)
    assert (heard.verified, heard.rcode, heard.problem) == (True, "NOERROR", "")


def test_such_an_answer_to_another_request_is_not_believed() -> None:
    query, _ = asked()
    _, another = asked()
    octets = bytearray(answer(another, signer=ContextKey(NAME, WithoutLength(), "server")))
    octets[:2] = query.id.to_bytes(2)
    heard = hear(query, bytes(octets), OURS)
    assert (heard.verified, heard.rcode) == (False, "NOERROR")


def test_an_answer_that_was_altered_on_the_way_is_not_believed() -> None:
    query, wire = asked()
    octets = bytearray(answer(wire, rcode=dns.rcode.REFUSED, signer=OURS))
    octets[3] &= 0xF0  # REFUSED becomes NOERROR
    heard = hear(query, bytes(octets), OURS)
    assert (heard.verified, heard.rcode, heard.context_lost) == (False, "NOERROR", False)


def test_a_context_that_does_not_sign_sends_nothing() -> None:
    with pytest.raises(NegotiationError, match=r"of failover@EXAMPLE\.TEST does not sign: the context has"):
        asked(ContextKey(NAME, Expired(), "failover@EXAMPLE.TEST"))


def test_an_operator_knows_a_context_by_its_account_and_a_shared_key_by_its_name() -> None:
    assert signer_name(OURS) == "failover@EXAMPLE.TEST"
    assert signer_name(KEY) == "failover-key."


@pytest.mark.parametrize(
    ("rcode", "lost"),
    [
        (dns.rcode.REFUSED, True),  # Samba 4.22 after a restart, or its access list
        (dns.rcode.SERVFAIL, False),  # Samba 4.17's access list
        (dns.rcode.NXRRSET, False),
        (dns.rcode.NOERROR, False),
    ],
)
def test_our_own_message_sent_back_is_an_echo_and_a_refusal_by_echo_may_be_a_lost_context(
    rcode: dns.rcode.Rcode, *, lost: bool
) -> None:
    query, wire = asked()
    heard = hear(query, echo(wire, rcode), OURS)
    assert (heard.echo, heard.verified, heard.rcode) == (True, False, dns.rcode.to_text(rcode))
    assert heard.context_lost is lost
    assert heard.problem.endswith("it is our own message sent back")


@pytest.mark.parametrize(
    ("error", "rcode", "lost", "cure"),
    [
        (
            16,
            "NOTAUTH+BADSIG",
            True,
            "the security context is negotiated anew; if that goes on, see the primary's log",
        ),
        (
            17,
            "NOTAUTH+BADKEY",
            True,
            "the primary has lost the security context of failover@EXAMPLE.TEST: it is negotiated anew",
        ),
        (18, "NOTAUTH+BADTIME", False, "set this host's clock and the primary's (NTP)"),
    ],
)
def test_a_context_that_the_primary_rejects_may_be_lost_and_a_clock_that_is_off_is_not_that(
    error: int, rcode: str, cure: str, *, lost: bool
) -> None:
    query, wire = asked()
    heard = hear(query, refuse_signature(wire, error), OURS)
    assert (heard.rcode, heard.context_lost, heard.cure) == (rcode, lost, cure)


def test_a_zone_that_is_not_served_is_told_by_a_good_signature_and_no_lost_context() -> None:
    query, wire = asked()
    heard = hear(query, answer(wire, rcode=dns.rcode.NOTAUTH, signer=OURS), OURS)
    assert (heard.rcode, heard.verified, heard.context_lost) == ("NOTAUTH", True, False)


def test_an_answer_out_of_time_says_to_set_the_clocks() -> None:
    query = dns.message.make_query("dma-main.example.test.", "A")
    wire = sign(query, KEY)
    response = dns.message.make_response(dns.message.from_wire(wire, keyring=False))
    heard = hear(query, sign_at(wire, response, time_s=1_700_000_000), KEY)
    assert (heard.verified, heard.cure) == (False, "set this host's clock and the primary's (NTP)")


@pytest.mark.parametrize(
    ("rcode", "error", "gone"),
    [(dns.rcode.NOTAUTH, 17, True), (dns.rcode.NOTAUTH, 18, False), (dns.rcode.NOERROR, 17, False)],
)
def test_a_negotiated_key_is_lost_where_the_server_says_so(
    rcode: dns.rcode.Rcode, error: int, *, gone: bool
) -> None:
    query, wire = asked()
    assert lost(query, refuse_signature(wire, error, rcode=rcode), OURS) is gone


def test_a_shared_key_is_never_lost() -> None:
    query, wire = asked(KEY)
    assert not lost(query, refuse_signature(wire, 17), KEY)
