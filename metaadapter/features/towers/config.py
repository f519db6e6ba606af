"""The configuration of an adapter's parts inside the towers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

TowerName = Literal["image", "text"]


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
    """Adapters in the blocks of an encoder; the names of their tensors begin with `inside/`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["bottleneck", "lora"]
    towers: Annotated[tuple[TowerName, ...], Field(min_length=1)]
    """The towers with adapters."""
    width: Annotated[int, Field(ge=1)]
    """The number of channels in the middle of each bottleneck, or the rank of LoRA."""
    alpha: Annotated[float, Field(gt=0)] | None = None
    """LoRA's product is multiplied by alpha / rank; None for bottlenecks."""
    n_steps: Annotated[int, Field(ge=0)] = 0
    """The number of gradient steps of their training; 0 if it is not recorded."""
    calibration: Calibration = Calibration()
    """The calibration of an adapter predicted from the pictures of which these parts learned."""

    def __str__(self) -> str:
        kind = (
            f"LoRA of rank {self.width}" if self.kind == "lora" else f"bottlenecks of {self.width}"
        )
        steps = f", trained with {self.n_steps} gradient steps" if self.n_steps else ""
        towers = f"{' and '.join(self.towers)} tower{'s' * (len(self.towers) > 1)}"
        return f"{kind} in blocks of the {towers}{steps}"


class PromptConfig(BaseModel):
    """Learned context vectors of the texts; the names of their tensors begin with `prompt/`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    n_context: Annotated[int, Field(ge=1)]
    """The number of learned vectors before the name of each class without a picture."""
    n_steps: Annotated[int, Field(ge=0)] = 0
    """The number of gradient steps of their training; 0 if it is not recorded."""

    def __str__(self) -> str:
        steps = f", trained with {self.n_steps} gradient steps" if self.n_steps else ""
        before = "the names of classes without a picture"
        return f"{self.n_context} context vectors before {before}{steps}"
