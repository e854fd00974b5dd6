"""What scripts report is written in one step and reads back as the role that was meant."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from failover_dns.core.model import Role
from failover_dns.core.roles import WORDS, Format, fold, read_text
from failover_dns.effects.report import MAX_TRIES, UnwritableError, compose, write_status

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither these modes nor these links")

SINCE_S = 1_700_000_000.25
JSON_ROLE = Format(pointer="/state/role", since_pointer="/state/since")
unhurried = settings(deadline=None)
names = st.text().filter(lambda name: name != "-" and not (name.isascii() and name.isdigit()))
pointers = st.lists(
    names.map(lambda name: "/" + name.replace("~", "~0").replace("/", "~1")), min_size=1, max_size=4
).map("".join)


@pytest.mark.parametrize(
    ("role", "content"),
    [
        (Role.ONLINE, b"ONLINE\n"),
        (Role.OFFLINE, b"OFFLINE\n"),
        (Role.SWITCHING, b"SWITCHING\n"),
        (Role.UNKNOWN, b"UNKNOWN\n"),
    ],
)
def test_without_a_pointer_the_file_holds_one_word(tmp_path: Path, role: Role, content: bytes) -> None:
    write_status(str(tmp_path / "role"), role, SINCE_S)
    assert (tmp_path / "role").read_bytes() == content


def test_with_pointers_the_file_holds_json_with_the_role_and_its_since(tmp_path: Path) -> None:
    write_status(str(tmp_path / "role"), Role.ONLINE, SINCE_S, form=JSON_ROLE)
    content = (tmp_path / "role").read_bytes()
    assert json.loads(content) == {"state": {"role": "ONLINE", "since": "2023-11-14T22:13:20.250000+00:00"}}
    reading = read_text(content, JSON_ROLE)
    assert (reading.role, reading.since_s) == (Role.ONLINE, SINCE_S)


@unhurried
@given(
    role=st.sampled_from(Role), since_s=st.floats(min_value=0, max_value=4e9), pointer=pointers | st.none()
)
def test_what_is_written_reads_back_as_that_role(role: Role, since_s: float, pointer: str | None) -> None:
    form = Format(pointer=pointer)
    assert read_text(compose(role, since_s, form), form).role is role


@unhurried
@given(
    role=st.sampled_from(Role),
    since_s=st.floats(min_value=0, max_value=4e9),
    pointer=pointers,
    since=pointers,
)
def test_the_since_reads_back_too_unless_its_pointer_excludes_the_roles(
    role: Role, since_s: float, pointer: str, since: str
) -> None:
    form = Format(pointer=pointer, since_pointer=since)
    if f"{pointer}/".startswith(f"{since}/") or f"{since}/".startswith(f"{pointer}/"):
        with pytest.raises(UnwritableError, match="leads through what another pointer holds"):
            compose(role, since_s, form)
    else:
        reading = read_text(compose(role, since_s, form), form)
        assert reading.role is role
        assert reading.since_s == pytest.approx(since_s, abs=1e-5)


@unhurried
@given(
    role=st.sampled_from(Role),
    words=st.dictionaries(st.text() | st.sampled_from(sorted(WORDS)), st.sampled_from(Role)),
    pointer=pointers | st.sampled_from(["", None]),
)
def test_with_an_operators_own_words_the_role_reads_back_or_nothing_is_written(
    role: Role, words: dict[str, Role], pointer: str | None
) -> None:
    form = Format(pointer=pointer, words={fold(word): meant for word, meant in words.items()})
    try:
        content = compose(role, SINCE_S, form)
    except UnwritableError:
        return
    assert read_text(content, form).role is role


def test_an_operators_own_word_is_written_where_the_roles_name_is_none() -> None:
    form = Format(words={"aktiv": Role.ONLINE, "passiv": Role.OFFLINE})
    assert compose(Role.ONLINE, SINCE_S, form) == b"aktiv\n"
    assert compose(Role.UNKNOWN, SINCE_S, form) == b"UNKNOWN\n"


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (Format(words={"aktiv": Role.ONLINE}), "no word of the format stands for OFFLINE; add one"),
        (Format(pointer="/members/0/role"), "points into a list; only objects are written"),
        (Format(pointer="/members/-"), "points into a list"),
        (Format(pointer="/role", since_pointer="/history/0"), "points into a list"),
        (Format(pointer="/role", since_pointer="/role"), "leads through what another pointer holds"),
        (Format(pointer="/role", since_pointer="/role/since"), "leads through what another pointer holds"),
        (Format(pointer="/role", since_pointer="/role/since/at"), "leads through what another pointer holds"),
        (Format(pointer="/state/role", since_pointer="/state"), "leads through what another pointer holds"),
        (Format(pointer="", since_pointer="/since"), "does not read back as OFFLINE since"),
    ],
)
def test_a_format_that_cannot_say_it_is_refused_and_nothing_is_written(
    tmp_path: Path, form: Format, words: str
) -> None:
    with pytest.raises(UnwritableError, match=words):
        write_status(str(tmp_path / "role"), Role.OFFLINE, SINCE_S, form=form)
    assert list(tmp_path.iterdir()) == []


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_a_file_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    (tmp_path / "role").touch()
    (tmp_path / "role").chmod(mode)
    write_status(str(tmp_path / "role"), Role.ONLINE, SINCE_S)
    assert stat.S_IMODE((tmp_path / "role").stat().st_mode) == mode


@posix
def test_a_new_file_can_be_read_by_all(tmp_path: Path) -> None:
    write_status(str(tmp_path / "role"), Role.ONLINE, SINCE_S)
    assert stat.S_IMODE((tmp_path / "role").stat().st_mode) == 0o644


def test_a_reader_who_has_the_old_file_open_never_sees_half_of_the_new(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows lets nobody replace a file that is open")
    path = tmp_path / "role"
    write_status(str(path), Role.ONLINE, SINCE_S)
    with path.open("rb") as reader:
        write_status(str(path), Role.OFFLINE, SINCE_S)
        assert reader.read() == b"ONLINE\n"
    assert path.read_bytes() == b"OFFLINE\n"
    assert list(tmp_path.iterdir()) == [path]


@posix
def test_a_link_stays_and_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "role").symlink_to("state/role")
    write_status(str(tmp_path / "role"), Role.ONLINE, SINCE_S)
    assert (tmp_path / "role").is_symlink()
    assert (tmp_path / "state" / "role").read_bytes() == b"ONLINE\n"


def test_a_directory_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_status(str(tmp_path / "missing" / "role"), Role.ONLINE, SINCE_S)


def test_a_target_that_cannot_be_replaced_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "role").mkdir()
    with pytest.raises(OSError, match="role"):
        write_status(str(tmp_path / "role"), Role.ONLINE, SINCE_S, platform="linux")
    assert list(tmp_path.iterdir()) == [tmp_path / "role"]


class Held:
    """A replacement that is denied as often as said, as on Windows while a reader has the file open."""

    def __init__(self, times: int) -> None:
        self.denials = times
        self.asked = 0

    def __call__(self, source: str, target: Path) -> None:
        self.asked += 1
        if self.denials >= self.asked:
            raise PermissionError(13, "The process cannot access the file")
        Path(source).replace(target)


def test_on_windows_a_file_that_a_reader_has_open_is_replaced_when_he_is_done(tmp_path: Path) -> None:
    held = Held(2)
    write_status(str(tmp_path / "role"), Role.ONLINE, SINCE_S, platform="win32", replace=held)
    assert held.asked == 3
    assert (tmp_path / "role").read_bytes() == b"ONLINE\n"


def test_on_windows_trying_ends_and_leaves_nothing_behind(tmp_path: Path) -> None:
    held = Held(1000)
    with pytest.raises(PermissionError):
        write_status(str(tmp_path / "role"), Role.ONLINE, SINCE_S, platform="win32", replace=held)
    assert held.asked == MAX_TRIES
    assert list(tmp_path.iterdir()) == []


def test_elsewhere_a_denial_is_not_tried_again(tmp_path: Path) -> None:
    held = Held(1)
    with pytest.raises(PermissionError):
        write_status(str(tmp_path / "role"), Role.ONLINE, SINCE_S, platform="linux", replace=held)
    assert held.asked == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(role=st.sampled_from(Role))
def test_writing_again_and_again_leaves_one_file(tmp_path: Path, role: Role) -> None:
    write_status(str(tmp_path / "role"), role, SINCE_S)
    assert (tmp_path / "role").read_text().strip() == role
    assert len(list(tmp_path.iterdir())) == 1
