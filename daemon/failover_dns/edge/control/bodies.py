"""What orders carry, as pydantic models: anything unknown or of another type is refused."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

PairName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,63}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
MAX_PAIRS = 10_000


class Body(BaseModel):
    """What an order carries."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ResyncOrder(Body):
    """Which pairs to look at now, all if none is named, and what to insist on."""

    pairs: list[PairName] = Field(default=[], max_length=MAX_PAIRS)
    supersede: bool = Field(
        default=False, description="Decide by what this daemon sees, although another daemon decided later."
    )
    mend_fence: bool = Field(
        default=False, description="Replace the TXT records that stand in the fence's place and are none."
    )


class Order(Body):
    """Which pairs, and by whom it is ordered."""

    pairs: list[PairName] = Field(min_length=1, max_length=MAX_PAIRS)
    by: Text = Field(default="control channel", description="Who orders it, for the change log.")


class FreezeOrder(Order):
    """Leave the DNS of pairs as it is, for a while or until they are thawed."""

    reason: Text = Field(description="Why, for whoever comes next.")
    for_s: float | None = Field(
        default=None, gt=0, le=8_640_000, description="How long; null until they are thawed."
    )


class ThawOrder(Order):
    """Let the DNS of frozen pairs be changed again."""

    reason: str = Field(default="", max_length=1000, description="Why, for whoever comes next.")


class ReleaseOrder(Order):
    """End the damping of pairs that switched too often."""


class ReloadOrder(Body):
    """Nothing: the configuration is read where it was read before."""
