"""The bottlenecks inside an image tower: their width, training and calibration."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Calibration(BaseModel):
    """Corrections of an adapter's confidence in new pictures; no correction by default."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    temperature: Annotated[float, Field(ge=1)] = 1.0
    """The divisor of the logits."""
    known_shift: Annotated[float, Field(le=0)] = 0.0
    """Added to the thresholds of known, which are logits."""
    own_scale: Annotated[float, Field(ge=1)] = 1.0
    """Multiplies the thresholds of sets, which are log-probabilities."""


class InsideConfig(BaseModel):
    """Bottlenecks in an image tower; the names of their tensors begin with `inside/`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    width: Annotated[int, Field(ge=1)]
    """The number of channels in the middle of each bottleneck."""
    n_steps: Annotated[int, Field(ge=0)] = 0
    """The number of gradient steps of their training; 0 if it is not recorded."""
    calibration: Calibration = Calibration()
    """The calibration of an adapter predicted from the pictures of which these parts learned."""

    def __str__(self) -> str:
        steps = f", trained with {self.n_steps} gradient steps" if self.n_steps else ""
        return f"bottlenecks of {self.width} in blocks of the image tower{steps}"
