from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from failover_dns.core.orders import Freeze, Orders, Release, encode
from failover_dns.effects.orders import OrdersError, OrdersFile

FREEZE = Freeze(by="ana@ops-1", reason="patching", since_s=100.0, until_s=200.0)
ORDERS = Orders(freezes={"dma": FREEZE}, releases={"dma": Release(by="ana@ops-1", at_s=100.0)})


def test_no_file_is_no_orders(tmp_path: Path) -> None:
    assert OrdersFile(tmp_path / "missing").read() == Orders()


def test_what_was_written_is_read_by_another(tmp_path: Path) -> None:
    OrdersFile(tmp_path).write(ORDERS)
    assert OrdersFile(tmp_path).read() == ORDERS


def test_what_another_writes_later_is_taken_in(tmp_path: Path) -> None:
    reader = OrdersFile(tmp_path)
    for orders in (ORDERS, Orders(), ORDERS):
        OrdersFile(tmp_path).write(orders)
        assert reader.read() == orders


def test_a_file_that_was_removed_is_no_orders(tmp_path: Path) -> None:
    file = OrdersFile(tmp_path)
    file.write(ORDERS)
    assert file.read() == ORDERS
    file.path.unlink()
    assert file.read() == Orders()


def test_a_file_that_is_the_same_is_not_read_again(tmp_path: Path) -> None:
    file = OrdersFile(tmp_path)
    file.write(ORDERS)
    first = file.read()
    before = file.path.stat()
    with file.path.open("r+b") as same:
        same.write(b"[")
    os.utime(file.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.read() is first


def test_the_file_is_for_its_owner_only_and_so_is_a_directory_that_was_missing(tmp_path: Path) -> None:
    file = OrdersFile(tmp_path / "var" / "state")
    file.write(ORDERS)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("content", [b"", b"{}", b'{"v":2,"freezes":{},"releases":{}}', b"\xff"])
def test_a_damaged_file_is_an_error_with_a_cure_at_every_read_until_it_is_mended(
    tmp_path: Path, content: bytes
) -> None:
    file = OrdersFile(tmp_path)
    file.write(ORDERS)
    file.read()
    file.path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(
            OrdersError,
            match=r"orders\.json is damaged: .*; mend it, or remove it .*nothing is changed in DNS",
        ):
            file.read()
    file.path.write_bytes(encode(ORDERS))
    assert file.read() == ORDERS


def test_a_file_that_is_too_long_is_damaged(tmp_path: Path) -> None:
    file = OrdersFile(tmp_path)
    file.path.touch()
    os.truncate(file.path, 16 * 1024 * 1024 + 1)
    with pytest.raises(OrdersError, match="longer than"):
        file.read()


def test_what_cannot_be_read_is_an_error_with_a_cure(tmp_path: Path) -> None:
    (tmp_path / "orders.json").mkdir()
    with pytest.raises(OrdersError, match="cannot be read: Is a directory; let user"):
        OrdersFile(tmp_path).read()


def test_a_write_that_fails_leaves_the_orders_before_it_and_nothing_else(tmp_path: Path) -> None:
    OrdersFile(tmp_path).write(ORDERS)

    def refuse(_: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    with pytest.raises(OrdersError, match=r"cannot be written: No space left on device; .* holds on"):
        OrdersFile(tmp_path, replace=refuse).write(Orders())
    assert OrdersFile(tmp_path).read() == ORDERS
    assert [path.name for path in tmp_path.iterdir()] == ["orders.json"]


def test_a_file_that_a_reader_has_open_for_a_moment_is_replaced_after_it(tmp_path: Path) -> None:
    refusals = [PermissionError(errno.EACCES, "another program has it open")] * 2

    def replace(source: Path, target: Path) -> None:
        if refusals:
            raise refusals.pop()
        source.replace(target)

    OrdersFile(tmp_path, replace=replace).write(ORDERS)
    assert OrdersFile(tmp_path).read() == ORDERS


def test_a_file_that_stays_open_is_an_error_after_a_bounded_number_of_tries(tmp_path: Path) -> None:
    tries: list[Path] = []

    def refuse(_: Path, target: Path) -> None:
        tries.append(target)
        raise PermissionError(errno.EACCES, "another program has it open")

    with pytest.raises(OrdersError, match="another program has it open"):
        OrdersFile(tmp_path, replace=refuse).write(ORDERS)
    assert len(tries) == 20


def test_a_path_that_cannot_be_a_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OrdersError, match=r"file/state/orders\.json cannot be written"):
        OrdersFile(tmp_path / "file" / "state").write(ORDERS)
