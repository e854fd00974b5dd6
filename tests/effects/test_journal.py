"""Entries in the journal's native protocol, to a socket as the journal's is; `tests/systemd` has a real one."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from failover_dns.effects.journal import Journal, encode, is_stream


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(tmp_path / "socket"))
        journal.settimeout(20)
        yield journal


@pytest.fixture
def journal(listener: socket.socket) -> Iterator[Journal]:
    opened = Journal(listener.getsockname())
    yield opened
    opened.close()


def test_each_field_is_a_line() -> None:
    assert encode({"MESSAGE": "ready", "PRIORITY": "6"}) == b"MESSAGE=ready\nPRIORITY=6\n"


def test_a_value_of_several_lines_goes_with_its_length_and_adds_no_field() -> None:
    assert encode({"WHY": "one\nPRIORITY=0"}) == b"WHY\n\x0e\0\0\0\0\0\0\0one\nPRIORITY=0\n"


def test_a_value_that_is_no_text_is_written_all_the_same() -> None:
    assert encode({"WHY": "\udcff"}) == b"WHY=?\n"


def test_an_entry_is_one_datagram(journal: Journal, listener: socket.socket) -> None:
    assert journal.send({"MESSAGE": "ready", "EVENT": "ready"})
    assert listener.recv(4096) == b"MESSAGE=ready\nEVENT=ready\n"


@pytest.mark.skipif(sys.platform != "linux", reason="the journal is Linux's")
def test_a_large_entry_goes_as_a_sealed_file(journal: Journal, listener: socket.socket) -> None:
    text = "x" * 5_000_000
    assert journal.send({"MESSAGE": text})
    _, [descriptor], _, _ = socket.recv_fds(listener, 4096, 1)
    with os.fdopen(descriptor, "rb") as file:
        file.seek(0)
        assert file.read() == b"MESSAGE=" + text.encode() + b"\n"
        with pytest.raises(OSError, match="not permitted"):
            os.truncate(descriptor, 0)


def test_a_journal_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path / "nowhere"))
    assert not journal.send({"MESSAGE": "ready"})
    assert not journal.send({"MESSAGE": "x" * 5_000_000})
    journal.close()


def test_a_journal_that_takes_nothing_holds_nothing_up(journal: Journal) -> None:
    while journal.send({"MESSAGE": "x" * 1000}):
        pass


def test_standard_error_is_the_journals_if_it_is_the_very_stream(tmp_path: Path) -> None:
    with (tmp_path / "stream").open("w") as stream:
        status = os.fstat(stream.fileno())
        assert is_stream(f"{status.st_dev}:{status.st_ino}", stream.fileno())
        assert not is_stream(f"{status.st_dev}:{status.st_ino + 1}", stream.fileno())
        assert not is_stream(None, stream.fileno())
    assert not is_stream("1:1", 1_000_000)
