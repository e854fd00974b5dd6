"""The loop for the tests of this folder: its clock can be put forward."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from tests.faults.server import HastyLoop


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"hasty": HastyLoop}
