"""Who signs for zones, as the configuration says; and what is told where the library for Kerberos is missing."""

from __future__ import annotations

import subprocess
import sys
from contextlib import AsyncExitStack
from getpass import getuser
from pathlib import Path

import pytest
from pydantic import SecretBytes

from failover_dns.conduct.signing import Shared
from failover_dns.core.kerberos import Credentials
from failover_dns.edge.settings.accounts import OWN, Account
from failover_dns.edge.settings.keyfile import Algorithm
from failover_dns.edge.settings.keys import TsigKey
from failover_dns.edge.signers import Signers
from tests.edge.commands import site
from tests.servers.embedded import running_embedded
from tests.servers.kerberos import require_libraries

KEY = TsigKey(name="failover-key.", algorithm=Algorithm.SHA256, secret=SecretBytes(b"sixteen or more octets"))
WITHOUT = """
import sys
sys.modules["gssapi"] = None
from failover_dns.edge.cli import main
sys.exit(main())
"""


async def test_a_key_is_shared_with_every_server() -> None:
    async with AsyncExitStack() as stack:
        signer = Signers(stack).of(KEY)
    assert isinstance(signer, Shared)
    assert (signer.name, signer.by_server) == ("failover-key.", False)


async def test_zones_of_one_account_share_its_security_contexts(tmp_path: Path) -> None:
    require_libraries()
    account = Account(name="dns", credentials=Credentials(keytab=tmp_path / "keytab"))
    other = Account(name="dns2", credentials=Credentials(ccache=tmp_path / "tickets"))
    async with AsyncExitStack() as stack:
        signers = Signers(stack, platform="linux")
        assert signers.of(account) is signers.of(account)
        assert signers.of(account) is not signers.of(other)
        assert signers.of(account).by_server


async def test_on_windows_the_account_is_the_one_that_the_service_runs_as() -> None:
    require_libraries()
    async with AsyncExitStack() as stack:
        assert Signers(stack, platform="win32").of(OWN).name == getuser()


@pytest.mark.parametrize("word", ["check", "run", "plan"])
def test_without_the_library_it_is_said_how_to_get_it(tmp_path: Path, word: str) -> None:
    with running_embedded() as server:
        here = site(tmp_path, server)
        (tmp_path / "key").chmod(0o600)
        text = here.configuration.read_text()
        key = f'key = "{server.keys["hmac-sha256"].name}"\n'
        assert text.count(key) == 2
        account = f'\n[accounts.dns]\nkeytab = "{tmp_path}/key"\n'
        here.configuration.write_text(text.replace(key, 'auth = "gss"\naccount = "dns"\n') + account)
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT, word, "--config", str(here.configuration)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 78
    assert "the library for Kerberos cannot be loaded" in done.stderr
    assert "install it: pip install 'failover-dns[gss]'" in done.stderr
    assert "Traceback" not in done.stderr
