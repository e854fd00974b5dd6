"""A zone that its server must not change for now, or cannot: frozen by an operator, or without a journal."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

from failover_dns.conduct.signing import Shared
from failover_dns.conduct.zone import Sitting
from failover_dns.core.model import Change, Key, Record, RRset, Type
from failover_dns.core.outcome import Answer, Said
from tests.conduct.world import DEADLINE_S, FORWARD, connect
from tests.matrix.granted import MARK, running_granted
from tests.servers.client import DnsServer
from tests.servers.knot import PROGRAMS, knot_in, knotc
from tests.servers.programs import find_program, free_port, require

A = Key("dma-backup.example.test.", Type.A)
HELD = RRset(key=A, values=frozenset({ip_address("10.10.10.2")}), ttl_s=60)
MOVE = Change(zone=FORWARD, before=(HELD,), adds=(Record(A, ip_address("10.10.10.5")),))
UNFREEZE = (
    "grant key hmac-sha256.key. the names in zone example.test. (BIND: update-policy, allow-update), "
    "or unfreeze it"
)


async def put(server: DnsServer) -> Answer:
    async with connect(server) as primary:
        return await Sitting(FORWARD, primary, Shared(server.key), DEADLINE_S).send(MOVE)


@contextmanager
def bind_with(clause: str, controls: str = "") -> Iterator[DnsServer]:
    allowed = '    allow-update { key "hmac-sha256.key."; };\n'
    zone = f'zone "{FORWARD}" {{\n{MARK}{allowed}{clause}}};\n'
    require("named", "rndc")
    with running_granted("bind", zone + controls) as server:
        yield server


async def test_a_zone_frozen_in_bind_is_refused_and_taken_again_after_the_thaw(tmp_path: Path) -> None:
    port = free_port()
    controls = (
        f'controls {{ inet 127.0.0.1 port {port} allow {{ 127.0.0.1; }} keys {{ "hmac-sha256.key."; }}; }};\n'
    )
    with bind_with("", controls) as server:
        secret = base64.b64encode(server.key.secret).decode()
        (tmp_path / "rndc.key").write_text(
            f'key "hmac-sha256.key." {{ algorithm hmac-sha256; secret "{secret}"; }};'
        )

        def rndc(*words: str) -> None:
            command = [find_program("rndc") or "rndc", "-s", "127.0.0.1", "-p", str(port)]
            subprocess.run(
                [*command, "-k", str(tmp_path / "rndc.key"), *words],
                check=True,
                capture_output=True,
                timeout=30,
            )

        rndc("freeze", FORWARD)
        answer = await put(server)
        assert (answer.said, answer.rcode, answer.cure) == (Said.DENIED, "REFUSED", UNFREEZE)
        rndc("thaw", FORWARD)
        assert (await put(server)).said is Said.DONE


async def test_a_zone_frozen_in_knot_is_refused_and_taken_again_after_the_thaw(tmp_path: Path) -> None:
    require(*PROGRAMS)
    with knot_in(tmp_path) as server:
        knotc(tmp_path, "zone-freeze", FORWARD)
        answer = await put(server)
        assert (answer.said, answer.rcode, answer.cure) == (Said.DENIED, "REFUSED", UNFREEZE)
        knotc(tmp_path, "zone-thaw", FORWARD)
        assert (await put(server)).said is Said.DONE


async def test_a_journal_that_bind_cannot_write_is_a_failure_to_be_tried_again() -> None:
    with bind_with('    journal "no-such-directory/journal";\n') as server:
        answer = await put(server)
    assert (answer.said, answer.rcode, answer.cure) == (
        Said.FAILED,
        "SERVFAIL",
        "see its log: a journal it cannot write and a full disk are the usual causes",
    )
