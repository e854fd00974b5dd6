"""Some of the configured pairs, by their names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from failover_dns.edge.settings.loaded import Loaded
from failover_dns.edge.settings.problems import ConfigurationError, Problem


def chosen(loaded: Loaded, names: Iterable[str]) -> Loaded:
    """Return the configuration with only the pairs of these names, all if there are none."""
    wanted = set(names)
    known = {pair.name for pair in loaded.pairs}
    if wanted - known:
        raise ConfigurationError(
            Problem(
                where=str(loaded.path),
                what=f"no pair is called {name}",
                cure=f"the pairs are: {', '.join(sorted(known))}",
            )
            for name in sorted(wanted - known)
        )
    return replace(loaded, pairs=tuple(p for p in loaded.pairs if not wanted or p.name in wanted))
