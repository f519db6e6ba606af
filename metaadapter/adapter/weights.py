"""What a generator predicts: CLIP-Adapter in its general form, as plain tensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.errors import UsageError

__all__ = ["AdapterWeights", "require_adapters"]


@dataclass(frozen=True, slots=True)
class AdapterWeights:
    """One adapter, or T of them when every tensor has a leading task axis.

    Letters: N classes, D feature width, R bottleneck, M cache entries. With x a unit row,

        x' = normalise(x + visual_ratio · up σ(down (x − centre) + bias)),  σ = ReLU
        logits = logit_scale · classes x' + class_bias + α Σ_m exp(−β_m (1 − ⟨key_m, x'⟩)) value_m

    CLIP-Adapter (Gao et al. 2021), Tip-Adapter (Zhang et al. 2022), TaskRes (Yu et al. 2023), GDA
    (Wang et al. 2024) and zero-shot CLIP are points in this space. The visual bottleneck and the
    cache are left out (`None`) as a whole when an adapter has none.
    """

    classes: Float[Tensor, "*T N D"]
    """Class vectors: the adapted text, of any length."""
    class_bias: Float[Tensor, "*T N"]
    logit_scale: Float[Tensor, "*T"]
    """The inverse temperature of the class vectors; it does not scale the cache."""
    centre: Float[Tensor, "*T D"] | None = None
    down: Float[Tensor, "*T R D"] | None = None
    bias: Float[Tensor, "*T R"] | None = None
    up: Float[Tensor, "*T D R"] | None = None
    visual_ratio: Float[Tensor, "*T"] | None = None
    keys: Float[Tensor, "*T M D"] | None = None
    """The unit rows in the cache."""
    values: Float[Tensor, "*T M N"] | None = None
    alpha: Float[Tensor, "*T"] | None = None
    beta: Float[Tensor, "*T M"] | None = None
    """How sharply the affinity to each key falls with the distance from the key."""
    reject_threshold: Float[Tensor, "*T"] | None = None
    """A query whose largest probability lies below it belongs to none of the classes."""

    def __post_init__(self) -> None:
        for part in (_VISUAL, _CACHE):
            there = [name for name in part if getattr(self, name) is not None]
            if there and len(there) < len(part):
                missing = ", ".join(name for name in part if name not in there)
                raise ValueError(f"an adapter with {', '.join(there)} also needs {missing}")

    @classmethod
    def zero_shot(cls, text: Float[Tensor, "*T N D"], logit_scale: float) -> AdapterWeights:
        """CLIP's own classifier: unit text rows and the encoder's temperature."""
        return cls(
            classes=text,
            class_bias=text.new_zeros(text.shape[:-1]),
            logit_scale=text.new_full(text.shape[:-2], logit_scale),
        )

    @property
    def visual(self) -> tuple[Tensor, ...] | None:
        """`(centre, down, bias, up, visual_ratio)`, or `None` without a bottleneck."""
        return self._part(_VISUAL)

    @property
    def cache(self) -> tuple[Tensor, ...] | None:
        """`(keys, values, alpha, beta)`, or `None` without a cache."""
        return self._part(_CACHE)

    @property
    def n_way(self) -> int:
        """The number of classes."""
        return self.classes.shape[-2]

    @property
    def width(self) -> int:
        """The width of the features."""
        return self.classes.shape[-1]

    def tensors(self) -> dict[str, Tensor]:
        """The tensors that are there, by field name."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: tensor for name, tensor in named.items() if tensor is not None}

    def map(self, change: Callable[[Tensor], Tensor]) -> AdapterWeights:
        """This adapter with `change` applied to every tensor."""
        return replace(self, **{name: change(tensor) for name, tensor in self.tensors().items()})

    def task(self, index: int) -> AdapterWeights:
        """The adapter of one task of a batch."""
        return self.map(lambda tensor: tensor[index])

    def to(
        self, *, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> AdapterWeights:
        """This adapter on another device or in another precision."""
        return self.map(lambda tensor: tensor.to(device=device, dtype=dtype))

    def _part(self, names: tuple[str, ...]) -> tuple[Tensor, ...] | None:
        tensors = self.tensors()
        return tuple(tensors[name] for name in names if name in tensors) or None


_VISUAL = ("centre", "down", "bias", "up", "visual_ratio")
_CACHE = ("keys", "values", "alpha", "beta")


def require_adapters(found: object, shape: tuple[int, ...], *, owner: str) -> AdapterWeights:
    """Check that what somebody's code gave for some tasks are their adapters.

    Args:
        found: What it gave.
        shape: The numbers of tasks and ways, and the width.
        owner: What to call the code, as in "peer 'mine'".

    Raises:
        UsageError: It is something else, or of another shape.
    """
    got = type(found).__name__
    if isinstance(found, AdapterWeights):
        if found.classes.shape == shape:
            return found
        got = f"classes of shape {tuple(found.classes.shape)}"
    raise UsageError(
        f"{owner} must return AdapterWeights of all tasks, with classes of shape {tuple(shape)} "
        f"(tasks, ways, width); got {got}"
    )
