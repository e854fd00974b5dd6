"""The names that the daemon and the commands both go by."""

from __future__ import annotations

PLACE = "control.json"
"""In the state directory: where the control channel is, for the commands."""

TOKEN = "control.token"  # noqa: S105 - a file's name
"""In the state directory: the secret that orders are to show; new at each start."""
