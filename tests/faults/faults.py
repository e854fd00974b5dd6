"""What a primary can do wrong with one message."""

from __future__ import annotations

import time
from collections.abc import Callable

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rrset
import dns.tsig
from dns.rdataclass import IN
from dns.rdatatype import SOA

from failover_dns.sandbox.server import SandboxServer
from tests.faults.server import Call, Fault
from tests.wire.answers import KEY, OTHER_SECRET, answer, blank_response, echo, refuse_signature, signed

BADSIG, BADKEY, BADTIME = 16, 17, 18


async def silent(call: Call) -> None:
    await call.keep_silent()


async def too_late(call: Call) -> None:
    """Do it at once and answer when nobody listens any more."""
    reply = call.done()
    await call.keep_silent()
    call.say(reply)


async def drip(call: Call) -> None:
    """Do it, and answer octet by octet: the deadline ends in the middle."""
    reply = call.done()
    call.writer.write(len(reply).to_bytes(2))
    call.server.haste.hold(call.wire)
    for octet in reply:
        call.writer.write(bytes([octet]))
        await call.writer.drain()
        if await call.is_given_up():
            return
    raise AssertionError("nobody gave up")


async def hang_up(call: Call) -> None:
    await call.cut()


async def hang_up_in_the_length(call: Call) -> None:
    await call.cut(b"\x00")


async def hang_up_in_the_middle(call: Call) -> None:
    reply = answer(call.wire)
    await call.cut(len(reply).to_bytes(2) + reply[:20])


async def speak_http(call: Call) -> None:
    await call.cut(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


async def garbage(call: Call) -> None:
    call.say(b"\xff" * 40)


async def nothing_at_all(call: Call) -> None:
    call.say(b"")


async def wrong_id(call: Call) -> None:
    number = int.from_bytes(call.wire[:2]) ^ 1
    call.say(number.to_bytes(2) + answer(call.wire)[2:])


async def someone_elses_question(call: Call) -> None:
    """Answer, under a good signature, what was not asked."""
    response = blank_response(call.wire)
    response.question = [dns.rrset.RRset(dns.name.from_text("other.test."), IN, SOA)]
    call.say(signed(call.wire, response))


async def unsigned_noerror(call: Call) -> None:
    call.say(answer(call.wire, signer=None))


async def signed_by_another(call: Call) -> None:
    call.say(answer(call.wire, signer=OTHER_SECRET))


async def our_own_message(call: Call) -> None:
    call.say(echo(call.wire, dns.rcode.NOERROR))


async def truncated(call: Call) -> None:
    call.say(answer(call.wire, flags=dns.flags.AA | dns.flags.TC))


async def without_authority(call: Call) -> None:
    call.say(answer(call.wire, flags=dns.flags.Flag(0)))


async def nothing_is_there(call: Call) -> None:
    """Answer NOERROR, well signed, with nothing in it: an update is ignored, an RRset denied."""
    call.say(answer(call.wire))


async def no_record_is_there(call: Call) -> None:
    """Deny every RRset but the SOA, well signed."""
    asked = dns.message.from_wire(call.wire, keyring=False).question[0]
    call.say(call.done() if asked.rdtype == SOA else answer(call.wire))


async def answer_twice(call: Call) -> None:
    """Leave an answer on the connection for whoever asks next."""
    reply = call.done()
    call.say(reply, reply)


async def bad_signature(call: Call) -> None:
    call.say(refuse_signature(call.wire, BADSIG))


async def unknown_key(call: Call) -> None:
    call.say(refuse_signature(call.wire, BADKEY))


async def bad_time(call: Call) -> None:
    """Say that the clocks differ, with the server's own time: it is 1000 s ahead."""
    call.say(refuse_signature(call.wire, BADTIME, other=(int(time.time()) + 1000).to_bytes(6)))


def says(rcode: dns.rcode.Rcode, signer: dns.tsig.Key | None = KEY) -> Fault:
    """Do nothing and answer `rcode`; signer None leaves the answer unsigned."""

    async def fault(call: Call) -> None:
        call.say(answer(call.wire, rcode=rcode, signer=signer))

    return fault


def does_it_and_then(fault: Fault) -> Fault:
    """Do what the message asks for, and then play `fault`."""

    async def both(call: Call) -> None:
        call.done()
        await fault(call)

    return both


def later(fault: Fault) -> tuple[Fault, Callable[[], None]]:
    """Play `fault`, and do what the message asks for when the function returned is called."""
    waiting: list[Call] = []

    async def keep(call: Call) -> None:
        waiting.append(call)
        await fault(call)

    def do_it() -> None:
        while waiting:
            waiting.pop(0).done()

    return keep, do_it


def by_another(server: SandboxServer) -> Fault:
    """Let another server answer: one with an older copy, or the primary behind a secondary."""

    async def fault(call: Call) -> None:
        call.say(*server.answers(call.wire, is_stream=True))

    return fault


async def die(call: Call) -> None:
    call.server.die()


async def do_it_and_die(call: Call) -> None:
    call.done()
    call.server.die()
