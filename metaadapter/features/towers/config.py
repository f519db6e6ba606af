"""What stands in an adapter's configuration about its parts inside the towers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

TowerName = Literal["image", "text"]


class Calibration(BaseModel):
    """What makes an adapter as sure of new pictures as it should be; by default nothing changes."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    temperature: Annotated[float, Field(ge=1)] = 1.0
    """Its logits are divided by this."""
    known_shift: Annotated[float, Field(le=0)] = 0.0
    """This is added to its thresholds of being known, which are logits."""
    own_scale: Annotated[float, Field(ge=1)] = 1.0
    """Its thresholds of sets, which are log-probabilities, are multiplied by this."""


class InsideConfig(BaseModel):
    """Adapters in the blocks of an encoder; their tensors have names that begin with `inside/`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["bottleneck", "lora"]
    towers: Annotated[tuple[TowerName, ...], Field(min_length=1)]
    """The towers that have adapters."""
    width: Annotated[int, Field(ge=1)]
    """Numbers in the middle of each bottleneck, or the rank of LoRA."""
    alpha: Annotated[float, Field(gt=0)] | None = None
    """What LoRA's product is multiplied by, times its rank; `None` for bottlenecks."""
    n_steps: Annotated[int, Field(ge=0)] = 0
    """The gradient steps that they were trained with; 0 where nobody told."""
    calibration: Calibration = Calibration()
    """How sure an adapter is that is predicted from the pictures that the tower was trained on."""

    def __str__(self) -> str:
        what = (
            f"LoRA of rank {self.width}" if self.kind == "lora" else f"bottlenecks of {self.width}"
        )
        steps = f", trained with {self.n_steps} gradient steps" if self.n_steps else ""
        towers = f"{' and '.join(self.towers)} tower{'s' * (len(self.towers) > 1)}"
        return f"{what} in blocks of the {towers}{steps}"


class PromptConfig(BaseModel):
    """Learned context vectors of the texts; their names begin with `prompt/`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    n_context: Annotated[int, Field(ge=1)]
    """The number of learned vectors before the name of each class without a picture."""
    n_steps: Annotated[int, Field(ge=0)] = 0
    """The gradient steps that they were trained with; 0 where nobody told."""

    def __str__(self) -> str:
        steps = f", trained with {self.n_steps} gradient steps" if self.n_steps else ""
        before = "the names of classes without a picture"
        return f"{self.n_context} context vectors before {before}{steps}"
