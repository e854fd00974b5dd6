"""TSIG (RFC 8945): the embedded primary and BIND verify, sign and refuse alike."""

from __future__ import annotations

import time
from typing import cast

import dns.message
import dns.rcode
import dns.tsig
import dns.update
import pytest
from dns.rdtypes.ANY.TSIG import TSIG

from tests.servers.client import DnsServer, sign_wire

ZONE = "example.test."


def tsig_of(answer: dns.message.Message) -> TSIG:
    assert answer.tsig is not None
    return cast("TSIG", answer.tsig[0])


@pytest.mark.parametrize("algorithm", ["hmac-sha256", "hmac-sha384", "hmac-sha512"])
def test_an_update_signed_with_each_algorithm_is_applied(primary: DnsServer, algorithm: str) -> None:
    update = primary.update(ZONE, key=primary.keys[algorithm])
    update.add("new", 60, "A", "10.10.10.8")
    assert primary.rcode(update) == "NOERROR"
    assert primary.records_of("new") == {"60 A 10.10.10.8"}


@pytest.mark.parametrize("tcp", [True, False], ids=["TCP", "UDP"])
def test_a_signed_query_has_a_signed_answer(primary: DnsServer, *, tcp: bool) -> None:
    answer = primary.send(primary.signed_query("dma-main.example.test.", "A"), tcp=tcp)
    assert answer.had_tsig


def test_an_unsigned_query_has_an_unsigned_answer(primary: DnsServer) -> None:
    assert not primary.query("dma-main.example.test.", "A").had_tsig


def test_a_failed_update_has_a_signed_answer(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.present("nobody")
    assert primary.send(update).had_tsig


def test_a_wrong_secret_answers_badsig_unsigned(primary: DnsServer) -> None:
    forged = dns.tsig.Key(primary.key.name, b"another secret", primary.key.algorithm)
    answer = primary.send_wire(primary.update(ZONE, key=forged).to_wire())
    assert answer.rcode() == dns.rcode.NOTAUTH
    assert (tsig_of(answer).error, tsig_of(answer).mac) == (dns.rcode.BADSIG, b"")


def test_an_unknown_key_answers_badkey_unsigned(primary: DnsServer) -> None:
    unknown = dns.tsig.Key("unknown.key.", b"a secret", primary.key.algorithm)
    answer = primary.send_wire(primary.update(ZONE, key=unknown).to_wire())
    assert answer.rcode() == dns.rcode.NOTAUTH
    assert (tsig_of(answer).error, tsig_of(answer).mac) == (dns.rcode.BADKEY, b"")


def test_a_known_key_with_another_algorithm_answers_badkey(primary: DnsServer) -> None:
    other = dns.tsig.Key(primary.key.name, primary.key.secret, "hmac-sha512")
    answer = primary.send_wire(primary.update(ZONE, key=other).to_wire())
    assert answer.rcode() == dns.rcode.NOTAUTH
    assert tsig_of(answer).error == dns.rcode.BADKEY


def test_a_query_with_an_unknown_key_answers_badkey(primary: DnsServer) -> None:
    query = dns.message.make_query("dma-main.example.test.", "A")
    query.use_tsig(dns.tsig.Key("unknown.key.", b"a secret"))
    answer = primary.send_wire(query.to_wire())
    assert answer.rcode() == dns.rcode.NOTAUTH
    assert tsig_of(answer).error == dns.rcode.BADKEY


@pytest.mark.parametrize("skew_s", [-400, 400])
def test_a_clock_400_s_off_answers_badtime_with_the_servers_time(primary: DnsServer, skew_s: int) -> None:
    now_s = int(time.time())
    wire = sign_wire(dns.update.UpdateMessage(ZONE).to_wire(), primary.key, time_s=now_s + skew_s)
    answer = primary.send_wire(wire)
    assert answer.rcode() == dns.rcode.NOTAUTH
    assert tsig_of(answer).error == dns.rcode.BADTIME
    assert abs(int.from_bytes(tsig_of(answer).other) - now_s) < 60


def test_badtime_is_signed_as_of_the_clients_time(primary: DnsServer) -> None:
    skewed_s = int(time.time()) - 400
    wire = sign_wire(dns.update.UpdateMessage(ZONE).to_wire(), primary.key, time_s=skewed_s)
    request_mac = tsig_of(dns.message.from_wire(wire, keyring=False)).mac
    answer = primary.send_wire(wire)
    theirs, answer.tsig = tsig_of(answer), None
    ours, _ = dns.tsig.sign(  # type: ignore[no-untyped-call]  # dnspython leaves it untyped
        answer.to_wire(), primary.key, theirs, time=skewed_s, request_mac=request_mac
    )
    assert (theirs.time_signed, theirs.mac) == (skewed_s, ours.mac)


@pytest.mark.parametrize("skew_s", [-200, 200])
def test_a_clock_200_s_off_is_accepted(primary: DnsServer, skew_s: int) -> None:
    update = dns.update.UpdateMessage(ZONE)
    update.add("new", 60, "A", "10.10.10.8")
    answer = primary.send_wire(sign_wire(update.to_wire(), primary.key, time_s=int(time.time()) + skew_s))
    assert answer.rcode() == dns.rcode.NOERROR
    assert primary.records_of("new") == {"60 A 10.10.10.8"}


def test_a_message_with_a_bad_signature_changes_nothing(primary: DnsServer) -> None:
    update = primary.update(ZONE)
    update.add("new", 60, "A", "10.10.10.8")
    wire = bytearray(update.to_wire())
    wire[-10] ^= 1
    answer = primary.send_wire(bytes(wire))
    assert tsig_of(answer).error == dns.rcode.BADSIG
    assert primary.records_of("new") == set()
