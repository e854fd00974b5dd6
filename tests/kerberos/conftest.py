"""`realm` runs a test against BIND with MIT's Kerberos and against Samba; each is set up once a session."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.kerberos.client import signing
from tests.kerberos.site import MAIN, OWN, Site, clean
from tests.servers import kerberos, samba
from tests.servers.kerberos import Realm, require_libraries, running_realm
from tests.servers.programs import require
from tests.servers.samba import running_domain


@pytest.fixture(scope="session")
def mit_realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Realm]:
    require(*kerberos.PROGRAMS)
    require_libraries()
    with running_realm(tmp_path_factory.mktemp("realm")) as realm:
        yield realm


@pytest.fixture(scope="session")
def samba_domain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Realm]:
    require(*samba.PROGRAMS)
    require_libraries()
    if os.geteuid() != 0:
        pytest.skip("a domain controller of Samba has to be root")
    with running_domain(tmp_path_factory.mktemp("domain")) as realm:
        yield realm


@pytest.fixture
def bind(mit_realm: Realm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Realm:
    monkeypatch.setenv("KRB5_CONFIG", str(mit_realm.configure(tmp_path)))
    return mit_realm


@pytest.fixture
def domain(samba_domain: Realm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Realm:
    monkeypatch.setenv("KRB5_CONFIG", str(samba_domain.configure(tmp_path)))
    return samba_domain


@pytest.fixture(params=["bind", "domain"])
def realm(request: pytest.FixtureRequest) -> Realm:
    found: Realm = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def site(realm: Realm, tmp_path: Path) -> AsyncIterator[Site]:
    """A pair in both zones, with MAIN online and nothing of it in DNS but the agents' own addresses."""
    made = Site(tmp_path, realm)
    made.configure()
    made.online(MAIN)
    await clean(realm)
    async with signing(realm) as client:
        for name, address in OWN.items():
            assert (await client.add(name, address)).verified
    yield made
    realm.configure(tmp_path)
    await clean(realm)
