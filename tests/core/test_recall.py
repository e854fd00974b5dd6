"""What a restart must not forget: claims, their order, and the fence."""

from __future__ import annotations

from ipaddress import ip_address

from failover_dns.core.changelog import Claimed
from failover_dns.core.decide import Memory, Move, Reason, decide, remember
from failover_dns.core.fence import Fence, Known
from failover_dns.core.model import Agent, Instant, Observation, Pair, Role
from failover_dns.core.recall import NOTHING, claimed, recall

PAIR = Pair(
    name="dma", agents=(Agent(name="main."), Agent(name="backup.")), virtual_ips=(ip_address("10.10.10.5"),)
)
TEXT = "failover-dns/1 epoch=7 online=backup. writer=one time=2026-03-01T09:30:00.000Z"
SEVEN = Fence(epoch=7, online="backup.", writer="one", time_s=1_772_357_400.0)
NOW = Instant(mono_s=50.0, wall_s=1_772_357_460.0)


def look(main: Role, backup: Role, now: Instant = NOW) -> dict[str, Observation]:
    roles = {"main.": main, "backup.": backup}
    return {a: Observation(agent=a, role=role, read=now, source="") for a, role in roles.items()}


def claim(agent: str, role: Role, seen: str, *, began: bool = True) -> Claimed:
    return Claimed(agent=agent, role=role, since_s=None, seen=f"2026-03-01T09:{seen}.000Z", began=began)


def test_claims_are_written_with_when_they_were_first_seen() -> None:
    memory = remember(PAIR, Memory(), look(Role.ONLINE, Role.UNKNOWN), now=NOW)
    assert claimed(memory) == (claim("main.", Role.ONLINE, "31:00", began=False),)


def test_claims_keep_their_order_over_a_restart() -> None:
    old, new = claim("main.", Role.ONLINE, "20:00"), claim("backup.", Role.ONLINE, "29:59")
    memory = remember(PAIR, recall([old, new], TEXT, now=NOW).memory, look(Role.ONLINE, Role.ONLINE), now=NOW)
    found = decide(PAIR, look(Role.ONLINE, Role.ONLINE), memory, now=NOW)
    assert found == Move(to="backup.", reason=Reason.NEWER_CLAIM)


def test_a_claim_that_began_while_the_daemon_was_down_is_the_newer_one() -> None:
    before = [claim("main.", Role.OFFLINE, "29:00"), claim("backup.", Role.ONLINE, "29:59")]
    memory = remember(PAIR, recall(before, TEXT, now=NOW).memory, look(Role.ONLINE, Role.ONLINE), now=NOW)
    found = decide(PAIR, look(Role.ONLINE, Role.ONLINE), memory, now=NOW)
    assert found == Move(to="main.", reason=Reason.NEWER_CLAIM)


def test_the_fence_is_known_as_of_the_last_claim_before_it() -> None:
    found = recall([claim("backup.", Role.ONLINE, "29:59")], TEXT, now=NOW)
    decided = Instant(mono_s=-11.0, wall_s=1_772_357_399.0)
    assert found.known == Known(fence=SEVEN, first_seen=decided)


def test_what_says_offline_counts_as_seen_now() -> None:
    found = recall([claim("main.", Role.OFFLINE, "20:00")], TEXT, now=NOW)
    assert found.memory.claims["main."].first_seen == NOW


def test_a_clock_that_was_set_back_makes_no_claim_of_the_future() -> None:
    found = recall([claim("main.", Role.ONLINE, "59:00")], TEXT, now=NOW)
    assert found.memory.claims["main."].first_seen == NOW


def test_a_log_without_a_fence_leaves_none() -> None:
    assert recall([], "", now=NOW) == NOTHING
