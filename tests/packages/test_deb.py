"""The .deb, installed by dpkg into a root of its own: this machine's system without what is beside Debian's."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.servers.programs import find_program

ROOT = Path(__file__).parents[2]
PYTHON = Path("/usr/bin/python3")
UNSHARE = ("unshare", "--mount", "--pid", "--net", "--fork")

# An overlay, thrown away at the end, over the system; checkouts, homes and local installations are hidden.
ENTER = """
mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay none -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
for hidden in work root home opt usr/local tmp run var/tmp; do
  [ ! -d "$1/root/$hidden" ] || mount -t tmpfs none "$1/root/$hidden"
done
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
cp "$2" "$1/root/tmp/failover-dns.deb"
exec chroot "$1/root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 sh -uc "$3"
"""

# Each step's output and exit code come after its name, on lines of their own.
STEPS = {
    "install": "dpkg -i /tmp/failover-dns.deb",
    "version": "failover-dns --version",
    "libraries": "cd /; /usr/bin/python3 -c 'import failover_dns'",
    "example": "failover-dns check",
    "check": """
        printf c2VjcmV0LW9mLWVub3VnaC1ieXRlcw== >/etc/failover-dns/failover-key.key
        chmod 600 /etc/failover-dns/failover-key.key
        sed -i 's,^secret_file,algorithm = "hmac-sha256"\\n&,' /etc/failover-dns/failover-dns.toml
        failover-dns check --json""",
    "manual": "man -w failover-dns && man failover-dns | cat",
    "bash": "bash -c '. /usr/share/bash-completion/completions/failover-dns && complete -p failover-dns'",
    "modes": "cd /etc/failover-dns; stat -c '%n %a %U' . keys failover-dns.toml",
    "unit": "systemd-analyze verify --man=no /lib/systemd/system/failover-dns.service",
    "guide": "ls /usr/share/doc/failover-dns /usr/share/doc/failover-dns/docs",
    "again": "dpkg --force-confdef -i /tmp/failover-dns.deb; grep algorithm /etc/failover-dns/failover-dns.toml",
    "remove": "mkdir /var/lib/failover-dns; dpkg -r failover-dns",
    "removed": "ls -d /usr/lib/failover-dns /usr/bin/failover-dns /etc/failover-dns/failover-dns.toml",
    "purge": "dpkg -P failover-dns",
    "purged": "ls -d /var/lib/failover-dns /etc/failover-dns/*",
}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, tuple[int, str]]:
    """Return the exit code and the output of each step."""
    if os.geteuid() != 0 or not PYTHON.exists() or find_program("dpkg-deb") is None:
        pytest.skip("needs root, dpkg and Debian's Python")
    if subprocess.run([*UNSHARE, "true"], check=False).returncode:
        pytest.skip("namespaces are not permitted here")
    directory = tmp_path_factory.mktemp("deb")
    subprocess.run([ROOT / "packaging/build-deb", directory], check=True, timeout=300)
    (package,) = directory.glob("failover-dns_*.deb")
    script = "".join(f"echo '== {name}'\n({step}) 2>&1\necho \"\n== $?\"\n" for name, step in STEPS.items())
    base = tmp_path_factory.mktemp("root")
    ran = subprocess.run(
        [*UNSHARE, "--kill-child", "sh", "-euc", ENTER, "sh", str(base), str(package), script],
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    parts = ran.stdout.split("\n== ")
    parts[0] = parts[0].removeprefix("== ")
    steps = zip(parts[::2], parts[1::2], strict=True)
    return {
        said.partition("\n")[0]: (int(code.partition("\n")[0]), said.partition("\n")[2])
        for said, code in steps
    }


def test_it_installs(done: Mapping[str, tuple[int, str]]) -> None:
    assert done["install"][0] == 0, done["install"][1]


def test_the_command_runs(done: Mapping[str, tuple[int, str]]) -> None:
    assert done["version"] == (0, "failover-dns 0.1.0\n")


def test_its_libraries_are_no_other_program_s(done: Mapping[str, tuple[int, str]]) -> None:
    code, said = done["libraries"]
    assert code == 1
    assert "No module named 'failover_dns'" in said


def test_the_example_as_it_is_says_that_the_key_is_missing(done: Mapping[str, tuple[int, str]]) -> None:
    code, said = done["example"]
    assert code == 78
    assert "keys.failover-key.secret_file: the file that it names cannot be read" in said


def test_check_asks_primaries_and_finds_none_without_a_network(done: Mapping[str, tuple[int, str]]) -> None:
    code, said = done["check"]
    assert code == 1, said
    assert "10.0.0.53" in said


def test_the_manual_page_is_found(done: Mapping[str, tuple[int, str]]) -> None:
    code, said = done["manual"]
    assert code == 0, said
    assert "EXIT STATUS" in said


def test_bash_completes_the_command(done: Mapping[str, tuple[int, str]]) -> None:
    code, said = done["bash"]
    assert (code, said.split()[-1]) == (0, "failover-dns")


def test_keys_are_for_root_only_and_the_configuration_for_the_service_too(
    done: Mapping[str, tuple[int, str]],
) -> None:
    assert done["modes"][1].split("\n")[:3] == [". 755 root", "keys 700 root", "failover-dns.toml 644 root"]


def test_systemd_finds_nothing_wrong_with_the_unit_in_place(done: Mapping[str, tuple[int, str]]) -> None:
    code, said = done["unit"]
    if "not found" in said and code == 127:
        pytest.skip("systemd-analyze is not installed")
    assert (code, [line for line in said.splitlines() if "failover-dns" in line]) == (0, [])


def test_it_brings_the_user_s_guide(done: Mapping[str, tuple[int, str]]) -> None:
    assert {"README.md", "configuration.md", "change-log.md", "config"} <= {*done["guide"][1].split()}


def test_an_edited_configuration_outlives_an_upgrade(done: Mapping[str, tuple[int, str]]) -> None:
    code, said = done["again"]
    assert (code, said.splitlines()[-1]) == (0, 'algorithm = "hmac-sha256"')


def test_a_removal_leaves_the_configuration_only(done: Mapping[str, tuple[int, str]]) -> None:
    assert done["remove"][0] == 0, done["remove"][1]
    found = [line for line in done["removed"][1].splitlines() if line.startswith("/")]
    assert found == ["/etc/failover-dns/failover-dns.toml"]


def test_a_purge_leaves_the_operator_s_keys_only(done: Mapping[str, tuple[int, str]]) -> None:
    assert done["purge"][0] == 0, done["purge"][1]
    found = [line for line in done["purged"][1].splitlines() if line.startswith("/")]
    assert found == ["/etc/failover-dns/failover-key.key"]
