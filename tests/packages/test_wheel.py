from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = ROOT / ".tools/bin/uv"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(directory)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    return directory


def beside_the_program(built: Path) -> set[str]:
    """Return the wheel's files that are installed below the environment's own directory."""
    (wheel,) = built.glob("*.whl")
    parts = (name.partition(".data/data/") for name in zipfile.ZipFile(wheel).namelist())
    return {inner for _, found, inner in parts if found}


def test_the_wheel_brings_the_manual_page_and_what_an_operator_copies(built: Path) -> None:
    assert {
        "share/man/man1/failover-dns.1",
        "share/doc/failover-dns/config/failover-dns.toml",
        "share/doc/failover-dns/config/dataminer/VIPAcquired.ps1",
        "share/doc/failover-dns/docs/windows.md",
        "share/doc/failover-dns/nssm/install.cmd",
        "share/doc/failover-dns/systemd/failover-dns.service",
    } <= beside_the_program(built)


def test_the_sdist_holds_everything_that_is_needed_to_build_and_test(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "daemon/failover_dns/py.typed",
        "packaging/build-deb",
        "packaging/failover-dns.1",
        "requirements.lock",
        "run",
        "tests/conftest.py",
    } <= names


@pytest.mark.skipif(not UV.exists(), reason="uv is not set up: ./run test does it")
def test_uv_tool_install_gives_the_command(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    environment = os.environ | {
        "UV_TOOL_DIR": str(tmp_path / "tools"),
        "UV_TOOL_BIN_DIR": str(tmp_path / "bin"),
    }
    command = [str(UV), "tool", "install", "--constraints", str(ROOT / "requirements.lock"), str(wheel)]
    command += ["--no-config", "--python", sys.executable]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=300)
    installed = tmp_path / "bin" / "failover-dns"
    done = subprocess.run([installed, "--version"], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout == "failover-dns 0.1.0\n"
    page = tmp_path / "tools/failover-dns/share/man/man1/failover-dns.1"
    assert page.read_text().startswith(".TH FAILOVER\\-DNS")
