from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.edge.commands import Site, site
from tests.servers.client import DnsServer


@pytest.fixture
def here(tmp_path: Path, embedded: DnsServer) -> Site:
    return site(tmp_path, embedded)


@contextmanager
def watching(here: Site, *options: str) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    command = [sys.executable, "-m", "failover_dns", "watch", "--config", str(here.configuration), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout
        finally:
            process.kill()


def replace(here: Site, agent: str, role: str) -> None:
    beside = here.directory / "beside"
    beside.write_text(role)
    os.replace(beside, here.directory / f"{agent}.status")  # noqa: PTH105 - what a script does


def test_watch_shows_each_change_of_a_source_and_never_asks_or_changes_dns(here: Site) -> None:
    before = here.server.records("example.test.")
    with watching(here, "--json") as (process, lines):
        first = json.loads(lines.readline())
        assert (first["decision"], first["online"]) == ("move", "dma-main.example.test.")
        replace(here, "dma-main", "OFFLINE")
        second = json.loads(lines.readline())
        assert (second["decision"], second["reason"]) == ("hold", "nobody_online")
        replace(here, "dma-backup", "ONLINE")
        third = json.loads(lines.readline())
        assert third["online"] == "dma-backup.example.test."
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert here.server.records("example.test.") == before


def test_watch_tells_people_what_each_source_says_and_how_old_it_is(here: Site) -> None:
    with watching(here, "dma") as (_, lines):
        assert "pair dma: dma-main.example.test. is online (other_offline)" in lines.readline()
        agent = lines.readline()
        assert "dma-main.example.test.  ONLINE  read " in agent
        assert "dma-main.status: it says 'ONLINE'" in agent


def test_watch_goes_on_without_any_primary(here: Site) -> None:
    text = here.configuration.read_text()
    here.configuration.write_text(text.replace(f":{here.server.port}", ":1"))
    with watching(here, "--json") as (_, lines):
        assert json.loads(lines.readline())["online"] == "dma-main.example.test."
