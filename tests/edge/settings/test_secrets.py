import os
from pathlib import Path
from typing import Any

import pytest

from failover_dns.edge.settings.keyfile import Algorithm, read_secret
from failover_dns.edge.settings.problems import WrongError
from tests.edge.settings.test_load import GONE, SECRET, key_of, problems, put, read, secret_file, tables

OCTETS = b"secret-of-enough-bytes"
PRINTED = f'key "failover-key" {{\n\talgorithm hmac-sha384;\n\tsecret "{SECRET}";\n}};\n'


@pytest.mark.parametrize("content", [SECRET, f"{SECRET}\n", f"\ufeff {SECRET}\r\n"])
def test_a_bare_secret_is_base64(tmp_path: Path, content: str) -> None:
    file = read_secret(secret_file(tmp_path, content), {}, platform="linux")
    assert file.secret.get_secret_value() == OCTETS
    assert (file.name, file.algorithm) == (None, None)


def test_a_bare_secret_may_look_like_a_comment(tmp_path: Path) -> None:
    file = read_secret(secret_file(tmp_path, "//" + "A" * 22), {}, platform="linux")
    assert len(file.secret.get_secret_value()) == 18


@pytest.mark.parametrize(
    "content",
    [
        PRINTED,
        f"# made by tsig-keygen\nkey failover-key {{ secret {SECRET}; algorithm HMAC-SHA384.; }};",
        f'/* of\nthe */ key "failover-key" {{ // one\n algorithm "hmac-sha384"; secret "{SECRET}"; }};',
    ],
)
def test_a_key_file_says_name_algorithm_and_secret(tmp_path: Path, content: str) -> None:
    file = read_secret(secret_file(tmp_path, content), {}, platform="linux")
    assert file.secret.get_secret_value() == OCTETS
    assert (file.name, file.algorithm) == ("failover-key.", Algorithm.SHA384)
    assert "secret-of" not in repr(file)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("not base64!", "holds no secret in base64 and no key"),
        ("not-base64", "is not base64"),
        ("c2VjcmV0", "has 6 bytes, and fewer than 16 are weak"),
        (PRINTED + PRINTED, "holds no secret in base64 and no key as tsig-keygen prints it"),
        (
            PRINTED.replace("hmac-sha384", "hmac-md5"),
            "algorithm is none of hmac-sha256, hmac-sha384, hmac-sha512",
        ),
        (PRINTED.replace(SECRET, "c2VjcmV0"), "has 6 bytes"),
        (PRINTED.replace("algorithm", "secret"), "holds no secret in base64 and no key"),
        ("A" * 5000, "is larger than 4096 bytes"),
    ],
)
def test_a_file_without_a_strong_secret_is_refused(tmp_path: Path, content: str, what: str) -> None:
    with pytest.raises(WrongError) as raised:
        read_secret(secret_file(tmp_path, content), {}, platform="linux")
    assert what in raised.value.what
    assert raised.value.cure
    assert content.strip() not in str(raised.value) or not content.strip()


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\x80" * 32)
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(WrongError, match="is not text; make one with `tsig-keygen"):
        read_secret(tmp_path / "key", {}, platform="linux")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o644])
def test_a_file_that_others_may_read_or_change_is_refused_with_the_command_that_mends_it(
    tmp_path: Path, mode: int
) -> None:
    path = secret_file(tmp_path, mode=mode)
    with pytest.raises(WrongError) as raised:
        read_secret(path, {}, platform="linux")
    assert raised.value.what == f"{path} can be read or changed by its group or others (mode {mode:04o})"
    assert raised.value.cure.startswith(f"run `chmod 600 {path}`")


def test_windows_has_no_modes(tmp_path: Path) -> None:
    path = secret_file(tmp_path, mode=0o644)
    assert read_secret(path, {}, platform="win32").secret.get_secret_value() == OCTETS


def test_a_credential_of_systemd_s_may_be_readable_by_its_group_only(tmp_path: Path) -> None:
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    path = secret_file(tmp_path, mode=0o440)
    assert read_secret(path, environ, platform="linux").secret.get_secret_value() == OCTETS
    Path(path).chmod(0o444)
    with pytest.raises(WrongError, match=r"mode 0444"):
        read_secret(path, environ, platform="linux")


def test_what_only_links_out_of_the_credentials_is_none(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "key").symlink_to(secret_file(tmp_path, mode=0o440))
    with pytest.raises(WrongError, match=r"mode 0440"):
        read_secret(credentials / "key", {"CREDENTIALS_DIRECTORY": str(credentials)}, platform="linux")


def test_a_pipe_or_a_directory_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(WrongError, match="is not a regular file"):
            read_secret(path, {}, platform="linux")


def with_key(folder: Path, content: str, **key: Any) -> dict[str, Any]:
    found = tables(folder)
    found["keys"]["failover-key"] = {"secret_file": secret_file(folder, content, name="printed.key"), **key}
    return found


def test_a_key_file_s_algorithm_need_not_be_repeated(tmp_path: Path) -> None:
    assert key_of(read(with_key(tmp_path, PRINTED))).algorithm == "hmac-sha384"
    assert key_of(read(with_key(tmp_path, PRINTED, algorithm="hmac-sha384"))).algorithm == "hmac-sha384"


def test_a_bare_secret_needs_the_algorithm_in_the_configuration(tmp_path: Path) -> None:
    (problem,) = problems(put(tables(tmp_path), "keys.failover-key.algorithm", GONE))
    assert (
        "keys.failover-key.algorithm: is missing, and the file holds the secret alone; add the algorithm"
        in problem
    )


def test_a_key_file_of_another_algorithm_or_name_is_refused(tmp_path: Path) -> None:
    content = PRINTED.replace("failover-key", "other.key")
    said = problems(with_key(tmp_path, content, algorithm="hmac-sha256"))
    assert len(said) == 2
    assert (
        '.algorithm: "hmac-sha256" is not what the key file says, which is "hmac-sha384"; remove it'
        in said[0]
    )
    assert '.secret_file: the key in the file is called "other.key."; write [keys."other.key"] and' in said[1]


def test_a_key_file_with_a_name_that_dns_does_not_allow_is_refused(tmp_path: Path) -> None:
    (problem,) = problems(with_key(tmp_path, PRINTED.replace("failover-key", "a key")))
    assert "keys.failover-key.secret_file: " in problem


@pytest.mark.parametrize("key", ["secret_file", "algorithm", "secret", SECRET])
@pytest.mark.parametrize("value", [SECRET, "/" + SECRET[:-2] + "//", [SECRET], {SECRET: SECRET}])
def test_a_secret_in_a_wrong_place_is_not_repeated(tmp_path: Path, key: str, value: Any) -> None:
    found = put(tables(tmp_path), f"keys.failover-key.{key}", value)
    values = "".join(problems(found)).replace(f"keys.failover-key.{key}", "").replace(f'."{SECRET}"', "")
    assert SECRET not in values
    assert SECRET[:-2] not in values
