"""Keys sign with what the configuration says, and no text that we make shows a secret."""

from __future__ import annotations

import base64

import dns.message
import dns.rcode
import pytest

from failover_dns.core.errors import ReadError
from failover_dns.core.model import Key, Type
from failover_dns.wire.answer import judge
from failover_dns.wire.keys import ALGORITHMS, tsig_key
from failover_dns.wire.query import ask, read
from failover_dns.wire.sign import hear, sign
from tests.wire.answers import KEY, SECRET, answer, echo, refuse_signature, sent_update

SHOWN = (repr(SECRET)[2:-1], base64.b64encode(SECRET).decode(), SECRET.hex())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_algorithm_that_is_offered_signs_and_verifies(algorithm: str) -> None:
    key = tsig_key("Failover-Key", SECRET, algorithm)
    query = ask(Key("x.", Type.A))
    wire = sign(query, key)
    assert dns.message.from_wire(wire, keyring=key).had_tsig
    assert hear(query, answer(wire, signer=key), key).verified


def test_a_weak_algorithm_is_not_offered() -> None:
    assert set(ALGORITHMS) == {"hmac-sha256", "hmac-sha384", "hmac-sha512"}


@pytest.mark.parametrize("error", [16, 17, 18, 22, 99])
def test_no_judgement_shows_the_secret(error: int) -> None:
    request, wire = sent_update()
    texts = [
        repr(judge(request, octets, KEY, "example.test."))
        for octets in (
            refuse_signature(wire, error),
            answer(wire, rcode=dns.rcode.REFUSED),
            answer(wire, rcode=dns.rcode.NOTAUTH),
            echo(wire, dns.rcode.NXRRSET),
            b"not DNS",
        )
    ]
    assert not [secret for secret in (*SHOWN, "secret=") if any(secret in text for text in texts)]


@pytest.mark.parametrize("error", [16, 17, 18, 22, 99])
def test_no_failed_read_shows_the_secret(error: int) -> None:
    key = Key("x.", Type.A)
    query = ask(key)
    wire = sign(query, KEY)
    for octets in (refuse_signature(wire, error), answer(wire, rcode=dns.rcode.REFUSED), b"not DNS"):
        with pytest.raises(ReadError) as caught:
            read(key, query, octets, KEY)
        text = f"{caught.value} {caught.value!r}"
        assert not [secret for secret in (*SHOWN, "secret=") if secret in text]
