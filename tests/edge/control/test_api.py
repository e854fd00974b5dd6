from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from failover_dns.core.orders import Freeze
from failover_dns.effects.changelog import read_lines
from failover_dns.effects.orders import OrdersFile
from tests.edge.commands import Site
from tests.edge.control.channel import Channel, opened
from tests.servers.client import DnsServer


async def test_status_is_the_daemon_and_every_pair(channel: Channel) -> None:
    found = (await channel.ask("GET", "/v1/status", token="")).document
    assert (found["daemon"]["ready"], found["daemon"]["state_dir"]) == (True, str(channel.directory))
    [pair] = found["pairs"]
    assert (pair["pair"], pair["online"], pair["in_order"]) == ("dma", "dma-main.example.test.", True)
    assert {seen["agent"]: seen["role"] for seen in pair["agents"]} == {
        "dma-main.example.test.": "ONLINE",
        "dma-backup.example.test.": "OFFLINE",
    }
    assert pair["wrong"] == []


async def test_dns_is_shown_as_it_is_after_a_change(channel: Channel) -> None:
    pair = (await channel.ask("GET", "/v1/pairs/dma")).document
    zones = {shown["zone"]: shown["records"] for shown in pair["dns"]}
    assert "dma-main.example.test. A 10.10.10.5" in zones["example.test."]
    assert "5.10.10.10.in-addr.arpa. PTR dma-main.example.test." in zones["10.10.10.in-addr.arpa."]
    assert pair["last_change"]["cause"] == "start"
    assert set(pair["last_change"]["zones"].values()) == {"applied"}


async def test_a_pair_that_nobody_knows_is_not_found_and_the_known_are_named(channel: Channel) -> None:
    answer = await channel.ask("GET", "/v1/pairs/dmx")
    assert (answer.status, answer.document) == (
        404,
        {"what": "no pair is called dmx", "cure": "the pairs are: dma"},
    )


async def test_the_change_log_is_paged_from_its_newest_line(channel: Channel) -> None:
    lines = [json.loads(line) for line in read_lines(channel.directory)]
    found, path = [], "/v1/changes?limit=1"
    while path:
        page = (await channel.ask("GET", path)).document
        found += page["lines"]
        path = f"/v1/changes?limit=1&before={page['next']}" if page["next"] else ""
    assert found == lines[::-1]


async def test_the_change_log_is_filtered(channel: Channel) -> None:
    intents = (await channel.ask("GET", "/v1/changes?event=intent&pair=dma")).document["lines"]
    assert {line["event"] for line in intents} == {"intent"}
    assert len(intents) == 2
    for none in ("pair=dmx", "since=2999-01-01T00:00:00Z", "before=1", "event=thawed"):
        assert (await channel.ask("GET", f"/v1/changes?{none}")).document == {"lines": [], "next": None}


@pytest.mark.parametrize(
    "query",
    ["event=moved", "limit=0", "limit=1001", "limit=x", "before=-1", "since=yesterday", "since=2026-01-01"],
)
async def test_a_query_that_is_not_understood_is_refused(channel: Channel, query: str) -> None:
    answer = await channel.ask("GET", f"/v1/changes?{query}")
    assert (answer.status, query.partition("=")[0] in answer.document["what"]) == (400, True)


async def test_a_resync_answers_a_line_for_each_pair(channel: Channel) -> None:
    answer = await channel.ask("POST", "/v1/resync", {})
    [walk] = [json.loads(line) for line in answer.body.splitlines()]
    assert (walk["pair"], walk["decision"], walk["in_order"]) == ("dma", "move", True)
    assert answer.headers["content-type"] == "application/x-ndjson"


async def test_two_resyncs_at_once_are_both_answered(channel: Channel) -> None:
    answers = await asyncio.gather(*(channel.ask("POST", "/v1/resync", {"pairs": ["dma"]}) for _ in range(2)))
    assert [json.loads(answer.body)["in_order"] for answer in answers] == [True, True]


async def test_a_resync_brings_in_what_the_sources_say_now(channel: Channel, here: Site) -> None:
    here.status(main="OFFLINE", backup="ONLINE")
    walk = json.loads((await channel.ask("POST", "/v1/resync", {})).body)
    assert walk["online"] == "dma-backup.example.test."
    assert {change["verdict"]["verdict"] for change in walk["changes"]} == {"applied"}


async def test_a_freeze_is_ordered_as_the_command_orders_it(channel: Channel) -> None:
    answer = await channel.ask(
        "POST", "/v1/freeze", {"pairs": ["dma"], "by": "ana", "reason": "x", "for_s": 60}
    )
    [ordered] = answer.document["pairs"]
    freeze = OrdersFile(channel.directory).read().freezes["dma"]
    assert isinstance(freeze, Freeze)
    assert (freeze.by, freeze.reason) == ("ana", "x")
    assert (ordered["order"], ordered["changed"], ordered["by"]) == ("freeze", True, "ana")
    assert json.loads(list(read_lines(channel.directory))[-1])["event"] == "frozen"


async def test_orders_that_come_together_all_hold(here: Site) -> None:
    text = here.configuration.read_text()
    pair = text[text.index("[[pairs]]") :]
    second = pair.replace('"dma"', '"dmb"').replace("10.10.10.5", "10.10.10.6")
    second = (
        second.replace("dma-", "dmb-").replace("10.10.10.1", "10.10.10.3").replace("10.10.10.2", "10.10.10.4")
    )
    here.configuration.write_text(text + second)
    async with opened(here) as channel:
        await asyncio.gather(
            *(channel.ask("POST", "/v1/freeze", {"pairs": [name], "reason": "x"}) for name in ("dma", "dmb"))
        )
        assert set(OrdersFile(channel.directory).read().freezes) == {"dma", "dmb"}


async def test_damaged_orders_are_an_answer_and_not_a_defect(channel: Channel) -> None:
    (channel.directory / "orders.json").write_text("{")
    answer = await channel.ask("POST", "/v1/thaw", {"pairs": ["dma"]})
    assert (answer.status, "orders.json is damaged" in answer.document["what"]) == (503, True)


async def test_a_reload_that_is_refused_says_why(channel: Channel) -> None:
    assert (await channel.ask("POST", "/v1/reload", {})).document == {"reloaded": True}
    channel.refusals[0] = "look_s: 0 is out of range"
    answer = await channel.ask("POST", "/v1/reload", {})
    assert (answer.status, answer.document["what"]) == (409, "look_s: 0 is out of range")


async def test_a_log_that_cannot_be_written_is_not_ready(channel: Channel, tmp_path: Path) -> None:
    assert (await channel.ask("GET", "/readyz")).status == 200
    state = channel.directory
    state.rename(tmp_path / "elsewhere")
    try:
        assert (await channel.ask("GET", "/readyz")).status == 503
    finally:
        (tmp_path / "elsewhere").rename(state)
    assert (await channel.ask("GET", "/healthz")).status == 200


async def test_metrics_are_as_prometheus_reads_them(channel: Channel, here: Site) -> None:
    here.status(main="OFFLINE", backup="ONLINE")
    await channel.ask("POST", "/v1/resync", {})
    answer = await channel.ask("GET", "/metrics")
    found = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }
    pair, main = ("pair", "dma"), ("agent", "dma-main.example.test.")
    assert found["failover_dns_switches_total", pair] == 1.0
    assert found["failover_dns_outcomes_total", pair, ("rcode", "NOERROR"), ("verdict", "applied")] == 4.0
    assert found["failover_dns_event_to_verified_seconds_count", ("cause", "switch")] == 2.0
    assert found["failover_dns_agent_role", main, pair, ("role", "OFFLINE")] == 1.0
    assert found["failover_dns_online", main, pair] == 0.0
    assert found["failover_dns_queue_length", ("queue", "open_intents")] == 0.0
    assert found["failover_dns_in_order", pair] == 1.0
    assert found["failover_dns_source_age_seconds", main, pair] >= 0.0


async def test_a_path_or_method_that_is_not_there_is_json_too(channel: Channel) -> None:
    lost, wrong = await channel.ask("GET", "/v2"), await channel.ask("DELETE", "/v1/status")
    assert [(answer.status, set(answer.document)) for answer in (lost, wrong)] == [
        (404, {"what", "cure"}),
        (405, {"what", "cure"}),
    ]
    assert wrong.headers["allow"] == "GET"


async def test_what_a_resync_insists_on_holds_for_that_one(channel: Channel, embedded: DnsServer) -> None:
    update = embedded.update("example.test.")
    update.replace("_failover-dns.dma", 60, "TXT", '"somebody" "else"')
    assert embedded.rcode(update) == "NOERROR"
    before = json.loads((await channel.ask("POST", "/v1/resync", {})).body)
    mended = json.loads((await channel.ask("POST", "/v1/resync", {"mend_fence": True})).body)
    assert (before["in_order"], before["withheld"][0]["reason"]) == (False, "no_fence")
    assert mended["in_order"]
    pair = (await channel.ask("GET", "/v1/pairs/dma")).document
    assert (pair["in_order"], pair["wrong"]) == (True, [])


async def test_a_status_names_what_is_withheld_and_the_cure(channel: Channel, embedded: DnsServer) -> None:
    update = embedded.update("example.test.")
    update.replace("_failover-dns.dma", 60, "TXT", '"somebody" "else"')
    assert embedded.rcode(update) == "NOERROR"
    await channel.ask("POST", "/v1/resync", {})
    [trouble] = (await channel.ask("GET", "/v1/pairs/dma")).document["wrong"]
    assert "resync --mend-fence dma" in trouble["cure"]
