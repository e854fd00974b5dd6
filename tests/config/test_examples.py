"""The configurations that docs/start goes through are right, and the endpoint of one of them is really asked."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from failover_dns.core.health import HttpSource
from failover_dns.core.keepalived import KeepalivedSource
from failover_dns.core.sources import FileSource
from failover_dns.edge.settings.load import load
from failover_dns.edge.settings.loaded import Loaded
from tests.edge.settings.test_load import secret_file

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"
PRINTED = 'key "failover-key" { algorithm hmac-sha256; secret "c2VjcmV0LW9mLWVub3VnaC1ieXRlcw=="; };'
ENDPOINT = CONFIG / "health-endpoint" / "role_endpoint.py"
HERE = "127.0.0.1"
ELSEWHERE = "192.0.2.5"
LONG_S = 30.0
POLL_S = 0.02
posix = pytest.mark.skipif(sys.platform == "win32", reason="binds addresses as Linux does")


def loaded(text: str, folder: Path, platform: str = "linux") -> Loaded:
    key = secret_file(folder, PRINTED)
    file = folder / "failover-dns.toml"
    file.write_text(re.sub("(?m)^secret_file = .*", f"secret_file = '{key}'", text), encoding="utf-8")
    return load(file, {}, platform=platform)


def kinds(found: Loaded) -> list[type]:
    return [type(source.what) for reads in found.sources["dma"] for source in reads.sources]


def example(product: str) -> str:
    return (CONFIG / product / "failover-dns.toml").read_text(encoding="utf-8")


def page(name: str) -> str:
    return (ROOT / "docs" / "start" / f"{name}.md").read_text(encoding="utf-8")


def test_the_example_for_dataminer_is_right(tmp_path: Path) -> None:
    text = example("dataminer")
    if sys.platform != "win32":  # its paths are absolute on Windows only
        text = text.replace("C:\\failover\\", "/srv/failover/")
    assert kinds(loaded(text, tmp_path)) == [FileSource, FileSource]


def test_the_example_for_a_health_endpoint_is_right(tmp_path: Path) -> None:
    assert kinds(loaded(example("health-endpoint"), tmp_path)) == [HttpSource, HttpSource]


def test_the_example_for_keepalived_is_right(tmp_path: Path) -> None:
    assert kinds(loaded(example("keepalived"), tmp_path)) == [KeepalivedSource, HttpSource]


def test_the_other_host_s_part_of_the_example_for_keepalived_is_right(tmp_path: Path) -> None:
    before, _, _ = example("keepalived").partition("  [[pairs.agents]]")
    (agents,) = re.findall(r"```toml\n(.*?)```", page("keepalived"), re.DOTALL)
    assert kinds(loaded(before + agents, tmp_path)) == [HttpSource, KeepalivedSource]


def test_keepalived_writes_where_the_daemons_read() -> None:
    conf = (CONFIG / "keepalived" / "keepalived.conf").read_text(encoding="utf-8")
    places = (CONFIG / "keepalived" / "tmpfiles.conf").read_text(encoding="utf-8")
    unit = (CONFIG / "keepalived" / "failover-role.service").read_text(encoding="utf-8")
    (fifo,) = re.findall(r'^ *fifo = "(.*)"', example("keepalived"), re.MULTILINE)
    (instance, role) = re.findall(r'notify "\S+ (\S+) (\S+)"', conf)[0]
    assert f"vrrp_notify_fifo {fifo} failover-dns\n" in conf
    assert f"p {fifo} 0600 failover-dns failover-dns\n" in places
    assert f"vrrp_instance {instance} {{" in conf
    folder, _, name = role.rpartition("/")
    assert f"d {folder} 0755 root root\n" in places
    assert f"--directory {folder}\n" in unit
    assert f":8080/{name}" in example("keepalived")


@pytest.mark.parametrize("name", ["dataminer", "health-endpoint"])
def test_what_a_guide_copies_is_there(name: str) -> None:
    named = re.findall(r"config/[\w./-]+\.\w+", page(name))
    assert named
    assert [path for path in named if not (ROOT / path).is_file()] == []


def test_what_the_guide_for_keepalived_copies_is_there() -> None:
    assert "cd /usr/share/doc/failover-dns/config/keepalived\n" in page("keepalived")
    copied = re.findall(r"^install -m \d+ (\S+) /etc", page("keepalived"), re.MULTILINE)
    assert sorted(copied) == sorted(path.name for path in (CONFIG / "keepalived").iterdir())


@contextmanager
def endpoint(virtual_ip: str, service_port: int) -> Iterator[str]:
    """Run the endpoint at an unused port; yield what it answers."""
    with socket.socket() as unused:
        unused.bind((HERE, 0))
        port = unused.getsockname()[1]
    words = [HERE, str(port), virtual_ip, str(service_port)]
    process = subprocess.Popen([sys.executable, str(ENDPOINT), *words], stderr=subprocess.PIPE)
    try:
        yield answer(port, process)
    finally:
        process.kill()
        process.communicate()


def answer(port: int, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + LONG_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://{HERE}:{port}/", timeout=LONG_S) as said:
                return str(said.read().decode())
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError):
                raise
            time.sleep(POLL_S)
    raise AssertionError(f"it does not listen: {process.poll()}")


@posix
def test_the_endpoint_is_online_with_the_virtual_ip_and_a_service_that_answers() -> None:
    with socket.create_server((HERE, 0)) as service, endpoint(HERE, service.getsockname()[1]) as said:
        assert said == "ONLINE"


@posix
def test_the_endpoint_is_switching_while_its_service_does_not_answer() -> None:
    with socket.socket() as unused:
        unused.bind((HERE, 0))  # bound and not listening: whoever connects is refused
        with endpoint(HERE, unused.getsockname()[1]) as said:
            assert said == "SWITCHING"


@posix
def test_the_endpoint_is_offline_without_the_virtual_ip() -> None:
    with endpoint(ELSEWHERE, 80) as said:
        assert said == "OFFLINE"
