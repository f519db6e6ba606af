"""What a generator predicts, CLIP-Adapter in its general form, and what it does to features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import NamedTuple, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.errors import DataError, UsageError

Fields = TypeVar("Fields", bound="TensorFields")


@dataclass(frozen=True, slots=True)
class TensorFields:
    """A value whose fields are tensors, some of which may be missing."""

    def tensors(self) -> dict[str, Tensor]:
        """The tensors that are there, by field name."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in named.items() if isinstance(value, Tensor)}

    def map(self: Fields, change: Callable[[Tensor], Tensor]) -> Fields:
        """This value with `change` applied to every tensor."""
        return replace(self, **{name: change(tensor) for name, tensor in self.tensors().items()})

    def to(
        self: Fields, *, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> Fields:
        """This value on another device, its floating-point numbers in another precision."""
        return self.map(
            lambda each: each.to(device=device, dtype=dtype if each.is_floating_point() else None)
        )


class KnownHead(NamedTuple):
    """The fields of `AdapterWeights` that tell known pictures, all there or none."""

    likeness: Tensor
    likeness_bias: Tensor
    known: Tensor
    known_quantiles: Tensor
    own_quantiles: Tensor
    reject_threshold: Tensor


@dataclass(frozen=True, slots=True)
class AdapterWeights(TensorFields):
    """One adapter, or T of them when every tensor has a leading task axis.

    Letters: N classes, D feature width, R bottleneck, M cache entries. With x a unit row,

        x' = normalise(x + visual_ratio · up σ(down (x − centre) + bias)),  σ = ReLU
        logits = logit_scale · classes x' + class_bias + α Σ_m exp(−β_m (1 − ⟨key_m, x'⟩)) value_m

    CLIP-Adapter (Gao et al. 2021), Tip-Adapter (Zhang et al. 2022), TaskRes (Yu et al. 2023), GDA
    (Wang et al. 2024) and zero-shot CLIP are points in this space. The visual bottleneck and the
    cache are left out (`None`) as a whole when an adapter has none, and so is the head that tells
    known pictures.
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
    likeness: Float[Tensor, "*T N D"] | None = None
    """What pictures of each class are like; this and the next five are the head that tells known
    pictures from those of none of the classes (`adapter/known.py`)."""
    likeness_bias: Float[Tensor, "*T N"] | None = None
    known: Float[Tensor, "*T 3"] | None = None
    """Weights of likeness and of doubt, and the constant, in the logit of being known."""
    known_quantiles: Float[Tensor, "*T G"] | None = None
    """Logits of being known above which the fractions `KEPT` of known pictures lie."""
    own_quantiles: Float[Tensor, "*T G"] | None = None
    """Log-probabilities of their own class above which the same fractions lie."""
    reject_threshold: Float[Tensor, "*T"] | None = None
    """A picture whose probability of being known lies below it belongs to none of the classes."""

    def __post_init__(self) -> None:
        for part in (_VISUAL, _CACHE, KnownHead._fields):
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
    def known_head(self) -> KnownHead | None:
        """The fields that tell known pictures, or `None` without them."""
        head = self._part(KnownHead._fields)
        return None if head is None else KnownHead(*head)

    @property
    def n_way(self) -> int:
        """The number of classes."""
        return self.classes.shape[-2]

    @property
    def width(self) -> int:
        """The width of the features."""
        return self.classes.shape[-1]

    def task(self, index: int) -> AdapterWeights:
        """The adapter of one task of a batch."""
        return self.map(lambda tensor: tensor[index])

    def tempered(self, temperature: float) -> AdapterWeights:
        """The adapter whose logits are these divided by `temperature`."""
        names = {"class_bias", "logit_scale", "alpha"} & self.tensors().keys()
        return replace(self, **{name: getattr(self, name) / temperature for name in names})

    def _part(self, names: tuple[str, ...]) -> tuple[Tensor, ...] | None:
        tensors = self.tensors()
        return tuple(tensors[name] for name in names if name in tensors) or None


_VISUAL = ("centre", "down", "bias", "up", "visual_ratio")
_CACHE = ("keys", "values", "alpha", "beta")


def apply_adapter(
    features: Float[Tensor, "*T n D"], weights: AdapterWeights
) -> Float[Tensor, "*T n D"]:
    """Pass unit rows through the visual bottleneck; rows in and out have length 1.

    x' = normalise(x + visual_ratio · up ReLU(down (x − centre) + bias)), CLIP-Adapter (Gao et al.
    2021) without its outer ReLU. An adapter without a bottleneck gives the features back.
    """
    if weights.visual is None:
        return features
    centre, down, bias, up, visual_ratio = weights.visual
    hidden = ((features - centre[..., None, :]) @ down.mT + bias[..., None, :]).relu()
    moved = visual_ratio[..., None, None] * (hidden @ up.mT)
    return normalize(features + moved, dim=-1)


def classify(features: Float[Tensor, "*T n D"], weights: AdapterWeights) -> Float[Tensor, "*T n N"]:
    """Logits of unit rows; classes that a batch masks out have a bias of −∞."""
    adapted = apply_adapter(features, weights)
    scale = weights.logit_scale[..., None, None]
    from_classes = scale * (adapted @ weights.classes.mT) + weights.class_bias[..., None, :]
    return from_classes + cache_logits(adapted, weights)


def cache_logits(
    adapted: Float[Tensor, "*T n D"], weights: AdapterWeights
) -> Float[Tensor, "*T n N"] | float:
    """The logits that the cache adds for rows that have passed the bottleneck; 0 without one."""
    if weights.cache is None:
        return 0.0
    keys, values, alpha, beta = weights.cache
    affinity = (beta[..., None, :] * (adapted @ keys.mT - 1)).exp()
    return alpha[..., None, None] * (affinity @ values)


def probabilities(
    features: Float[Tensor, "*T n D"], weights: AdapterWeights
) -> Float[Tensor, "*T n N"]:
    """Class probabilities in float64, so that a row gets the same in whichever batch it comes.

    Raises:
        DataError: They are no numbers, for the adapter's weights are out of all bounds.
    """
    exact = weights.to(dtype=torch.float64)
    found = classify(normalize(features.double(), dim=-1), exact).softmax(-1)
    if not found.isfinite().all():
        raise DataError(
            "the adapter gives no probabilities: its weights are so large that logits overflow; "
            "adapt again"
        )
    return found


def require_adapters(found: object, shape: tuple[int, ...], *, owner: str) -> AdapterWeights:
    """Check that what code gave for tasks are their adapters, (tasks, ways, width) in shape.

    Raises:
        UsageError: It is something else, or of another shape. It names the `owner` of the code.
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
