"""The predicted weights: CLIP-Adapter in its general form, and the logits that it gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize, one_hot

from metaadapter.adapter.tensor_fields import TensorFields
from metaadapter.errors import DataError, UsageError


class KnownHead(NamedTuple):
    """The fields of `AdapterWeights` that predict whether a picture is known."""

    likeness: Tensor
    likeness_bias: Tensor
    known: Tensor
    known_quantiles: Tensor
    own_quantiles: Tensor
    reject_threshold: Tensor


@dataclass(frozen=True, slots=True)
class AdapterWeights(TensorFields):
    """One adapter, or T adapters if every tensor has a leading task axis.

    Letters: N classes, D feature width, R bottleneck. For a unit row x,

        x' = normalise(x + visual_ratio · up σ(down (x − centre) + bias)),  σ = ReLU
        logits = logit_scale · classes x' + class_bias

    CLIP-Adapter (Gao et al. 2021), TaskRes (Yu et al. 2023), GDA (Wang et al. 2024) and zero-shot
    CLIP are special cases. The visual bottleneck and the known head are optional: all fields of a
    part are tensors, or all are `None`.

    Raises:
        ValueError: Some fields of a part are missing.
    """

    classes: Float[Tensor, "*T N D"]
    """Class vectors (the adapted texts), of any length."""
    class_bias: Float[Tensor, "*T N"]
    """Added to the logits: the larger it is, the more probable is its class; −∞ excludes it."""
    logit_scale: Float[Tensor, "*T"]
    """The inverse temperature."""
    centre: Float[Tensor, "*T D"] | None = None
    down: Float[Tensor, "*T R D"] | None = None
    bias: Float[Tensor, "*T R"] | None = None
    up: Float[Tensor, "*T D R"] | None = None
    visual_ratio: Float[Tensor, "*T"] | None = None
    likeness: Float[Tensor, "*T N D"] | None = None
    """The scaled mean picture of each class; this and the next five fields are the known head."""
    likeness_bias: Float[Tensor, "*T N"] | None = None
    known: Float[Tensor, "*T 3"] | None = None
    """Weight of likeness, weight of doubt, and constant, in the logit of known."""
    known_quantiles: Float[Tensor, "*T G"] | None = None
    """The logits of known that are exceeded by the fractions `FRACTIONS` of known pictures."""
    own_quantiles: Float[Tensor, "*T G"] | None = None
    """The log-probabilities of the true class that are exceeded by the same fractions."""
    reject_threshold: Float[Tensor, "*T"] | None = None
    """A picture with a lower probability of known is unknown."""
    label_thresholds: Float[Tensor, "*T N"] | None = None
    """With these, a picture may show several classes: p = σ(logit) for each class by itself, and
    the picture shows those whose probability is at least their threshold."""

    def __post_init__(self) -> None:
        for part in (_VISUAL, KnownHead._fields):
            given = [name for name in part if getattr(self, name) is not None]
            if given and len(given) < len(part):
                missing = ", ".join(name for name in part if name not in given)
                raise ValueError(f"an adapter with {', '.join(given)} also needs {missing}")

    @classmethod
    def zero_shot(cls, text: Float[Tensor, "*T N D"], logit_scale: float) -> AdapterWeights:
        """Return CLIP's own classifier: unit text rows and the encoder's inverse temperature."""
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
    def known_head(self) -> KnownHead | None:
        """The fields that predict known, or `None` without them."""
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
        """Return the adapter of one task of a batch."""
        return self.map(lambda tensor: tensor[index])

    def tempered(self, temperature: float | Float[Tensor, " T"]) -> AdapterWeights:
        """Return adapters whose logits are those of this one divided by `temperature`."""
        divisor = torch.as_tensor(temperature).to(self.class_bias)
        return replace(
            self,
            class_bias=self.class_bias / divisor[..., None],
            logit_scale=self.logit_scale / divisor,
        )

    def _part(self, names: tuple[str, ...]) -> tuple[Tensor, ...] | None:
        tensors = self.tensors()
        return tuple(tensors[name] for name in names if name in tensors) or None


_VISUAL = ("centre", "down", "bias", "up", "visual_ratio")


def apply_adapter(
    features: Float[Tensor, "*T n D"], weights: AdapterWeights
) -> Float[Tensor, "*T n D"]:
    """Return the unit rows x' that the visual bottleneck makes of unit rows x; x without one.

    x' = normalise(x + visual_ratio · up ReLU(down (x − centre) + bias)), which is CLIP-Adapter (Gao
    et al. 2021) without its outer ReLU.
    """
    if weights.visual is None:
        return features
    centre, down, bias, up, visual_ratio = weights.visual
    hidden = ((features - centre[..., None, :]) @ down.mT + bias[..., None, :]).relu()
    moved = visual_ratio[..., None, None] * (hidden @ up.mT)
    return normalize(features + moved, dim=-1)


def classify(features: Float[Tensor, "*T n D"], weights: AdapterWeights) -> Float[Tensor, "*T n N"]:
    """Return the logits of unit rows; −∞ for classes that a batch masks out."""
    adapted = apply_adapter(features, weights)
    scale = weights.logit_scale[..., None, None]
    return scale * (adapted @ weights.classes.mT) + weights.class_bias[..., None, :]


LogitFunction = Callable[[Float[Tensor, "T Q D"]], Float[Tensor, "T Q N"]]
"""A function from unit rows of T tasks to log-probabilities, −∞ for masked-out classes."""


def logits_of(
    head: AdapterWeights | LogitFunction, query_TQD: Float[Tensor, "T Q D"]
) -> Float[Tensor, "T Q N"]:
    """Return the logits of unit rows; each row is classified by itself."""
    return classify(query_TQD, head) if isinstance(head, AdapterWeights) else head(query_TQD)


def probabilities(
    features: Float[Tensor, "*T n D"], weights: AdapterWeights
) -> Float[Tensor, "*T n N"]:
    """Return class probabilities in float64, so that they do not depend on the batch of a row.

    Raises:
        DataError: The weights are so large that the logits overflow.
    """
    exact = weights.to(dtype=torch.float64)
    return class_probabilities(classify(normalize(features.double(), dim=-1), exact), exact)


def shares_of(logits: Float[Tensor, "*T n N"], weights: AdapterWeights) -> Float[Tensor, "*T n N"]:
    """Return the probabilities of `class_probabilities`, also where they are no numbers."""
    return logits.softmax(-1) if weights.label_thresholds is None else logits.sigmoid()


def shown_labels(p: Float[Tensor, "n N"], weights: AdapterWeights) -> Bool[Tensor, "n N"]:
    """Return the classes that pictures show: the most probable, or those that reach a threshold."""
    if weights.label_thresholds is None:
        return one_hot(p.argmax(-1), p.shape[-1]).bool()
    return p >= weights.label_thresholds


def class_probabilities(
    logits: Float[Tensor, "*T n N"], weights: AdapterWeights
) -> Float[Tensor, "*T n N"]:
    """Return probabilities that add up to 1, or one for each class by itself (several labels).

    Raises:
        DataError: The weights are so large that the logits overflow.
    """
    result = shares_of(logits, weights)
    if not result.isfinite().all():
        raise DataError(_OVERFLOW)
    return result


_OVERFLOW = (
    "the adapter gives no probabilities: its weights are so large that logits overflow; adapt again"
)


def require_adapters(result: object, shape: tuple[int, ...], *, owner: str) -> AdapterWeights:
    """Return `result`; raise `UsageError` unless it is adapters with classes of this shape."""
    got = type(result).__name__
    if isinstance(result, AdapterWeights):
        if result.classes.shape == shape:
            return result
        got = f"classes of shape {tuple(result.classes.shape)}"
    raise UsageError(
        f"{owner} must return AdapterWeights of all tasks, with classes of shape {tuple(shape)} "
        f"(tasks, ways, width); got {got}"
    )


def require_head(
    result: object, shape: tuple[int, ...], *, owner: str
) -> AdapterWeights | LogitFunction:
    """Return `require_adapters`, or a function whose logits are checked for their shape."""
    if isinstance(result, AdapterWeights) or not callable(result):
        return require_adapters(result, shape, owner=owner)

    def logits(query_TQD: Float[Tensor, "T Q D"]) -> Float[Tensor, "T Q N"]:
        answer, expected = result(query_TQD), (*query_TQD.shape[:2], shape[1])
        if isinstance(answer, Tensor) and answer.shape == expected:
            return answer
        got = f"the shape {tuple(answer.shape)}" if isinstance(answer, Tensor) else repr(answer)
        raise UsageError(
            f"the function that {owner} returned must give logits of the shape {expected} (tasks, "
            f"queries, ways); got {got}"
        )

    return logits
