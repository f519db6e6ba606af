"""The configuration of an adapter's parts inside the image tower."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["bottleneck", "lora"]


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
    """Adapters in the blocks of an image tower; the names of their tensors begin with `inside/`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Kind
    width: Annotated[int, Field(ge=1)]
    """The number of channels in the middle of each bottleneck, or the rank of LoRA."""
    n_steps: Annotated[int, Field(ge=0)] = 0
    """The number of gradient steps of their training; 0 if it is not recorded."""
    calibration: Calibration = Calibration()
    """The calibration of an adapter predicted from the pictures of which these parts learned."""

    def __str__(self) -> str:
        kind = (
            f"LoRA of rank {self.width}" if self.kind == "lora" else f"bottlenecks of {self.width}"
        )
        steps = f", trained with {self.n_steps} gradient steps" if self.n_steps else ""
        return f"{kind} in blocks of the image tower{steps}"
