"""Kerberos' rules: which credentials make sense, when a context is renewed, and what is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from failover_dns.core.errors import UnsentError
from failover_dns.core.kerberos import Credentials, LibraryError, Life, Trouble, explain

PATH = Path("/etc/failover-dns/failover.keytab")


def test_credentials_are_of_one_kind() -> None:
    with pytest.raises(ValueError, match="one of keytab, ccache and password_file"):
        Credentials(keytab=PATH, ccache=PATH)


def test_a_password_needs_its_principal() -> None:
    with pytest.raises(ValueError, match="a password needs the principal"):
        Credentials(password_file=PATH)
    assert Credentials(password_file=PATH, principal="failover@EXAMPLE.TEST").keytab is None


@pytest.mark.parametrize(
    ("now_s", "due", "over"), [(149.9, False, False), (150.0, True, False), (190.0, True, True)]
)
def test_a_context_is_renewed_at_half_its_life_and_used_for_nine_tenths_of_it(
    now_s: float, *, due: bool, over: bool
) -> None:
    life = Life(since_s=100.0, life_s=100.0)
    assert (life.due(now_s), life.over(now_s)) == (due, over)


@pytest.mark.parametrize("trouble", Trouble)
def test_every_trouble_has_words_and_a_cure(trouble: Trouble) -> None:
    error = explain(trouble, account="failover@EXAMPLE.TEST", server="dc1.example.test")
    assert error.what.startswith("signing in to dc1.example.test: ")
    assert error.cure
    assert "{" not in str(error)


def test_an_unknown_server_is_asked_after_by_name_with_what_the_library_said() -> None:
    error = explain(
        Trouble.SERVER_UNKNOWN, account="failover", server="dc1.example.test", said="Server not found"
    )
    assert error.what == (
        "signing in to dc1.example.test: the KDC does not know DNS/dc1.example.test: "
        "is this the server's own name? (Server not found)"
    )


def test_without_a_context_nothing_was_sent() -> None:
    assert isinstance(explain(Trouble.OTHER, account="a", server="s"), UnsentError)


def test_a_missing_library_is_a_matter_of_the_configuration() -> None:
    assert LibraryError.exit_code == 78
