from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.audit.haystack import Haystack

SECRET = bytes(range(200, 232))


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        base64.b64encode(SECRET),
        base64.urlsafe_b64encode(SECRET),
        SECRET.hex().encode(),
        SECRET.hex().upper().encode(),
        repr(SECRET).encode(),
        base64.b64encode(SECRET)[:-2],
    ],
)
def test_a_secret_is_found_however_it_is_written(text: bytes) -> None:
    hay = Haystack({"a key": SECRET})
    hay.add("the log", b'{"event": "started", "x": "' + text + b'"}')
    assert all(each.startswith("a key as ") and each.endswith(" in the log") for each in hay.betrayed())
    assert hay.betrayed()


def test_what_holds_no_secret_betrays_none(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(SECRET)
    (tmp_path / "log").write_text("nothing")
    hay = Haystack({"a key": SECRET})
    hay.add_files(tmp_path, but=frozenset({"token"}))
    assert hay.betrayed() == []
