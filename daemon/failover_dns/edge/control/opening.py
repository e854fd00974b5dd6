"""The control channel of a daemon, put together. One that cannot be opened is told of; DNS is kept right without."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version

from failover_dns.conduct.walk import Wake, Walk
from failover_dns.edge.control.api import About, Api, Working
from failover_dns.edge.control.live import Live
from failover_dns.edge.control.metrics import Metrics
from failover_dns.edge.control.server import opened
from failover_dns.edge.logs import Logger
from failover_dns.edge.settings.loaded import Loaded
from failover_dns.edge.settings.problems import WrongError
from failover_dns.effects import clock
from failover_dns.effects.lane import Lane


class Witness:
    """Hears of all that the control channel tells of: every walk, and the change log's lines."""

    def __init__(self) -> None:
        self.live = Live(clock=clock.now)
        self.metrics = Metrics(version("failover-dns"))
        self.listeners = (self.live.heard, self.metrics.heard)

    def __call__(self, walk: Walk, wake: Wake) -> None:
        """Take in a walk that has ended."""
        self.live(walk, wake)
        self.metrics(walk, wake)


@asynccontextmanager
async def control_channel(
    loaded: Loaded, working: Working, witness: Witness, *, log: Logger
) -> AsyncIterator[None]:
    """Answer for as long as this lasts, if the configuration wants it and it can be had."""
    if loaded.control is None:
        yield
        return
    lane = Lane("control channel")
    api = Api(
        About(version=version("failover-dns"), writer=loaded.writer, state_dir=loaded.state_dir),
        witness.live,
        witness.metrics,
        working=working,
        run=lane.run,
        clock=clock.now,
    )
    async with AsyncExitStack() as stack:
        stack.callback(lane.close)
        try:
            url = await stack.enter_async_context(opened(loaded.control, loaded.state_dir, api, log))
        except (OSError, WrongError) as error:
            cure = "correct [control]; DNS is kept right all the same, without it"
            log.error("control_unavailable", why=str(error), cure=cure)  # noqa: TRY400 - its text says it all
        else:
            log.info("control_listening", url=url)
        yield
