"""What a generator is trained to do: classify, and not depend on what should not matter."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from episodes import Episodes
from metaadapter.adapter.consistency import (
    divergence,
    symmetric_divergence,
    text_alone,
    visual_alone,
    zero_shot,
)
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, classify
from metaadapter.data.own_code import explain, own_code_and_folder
from metaadapter.data.refusals import is_shortage
from metaadapter.errors import MetaAdapterError, UsageError
from metaadapter.generator.base import AdapterGenerator
from metaadapter.training.known_loss import known_loss
from metaadapter.training.pool_terms import POOL_TERMS, pool_terms
from metaadapter.training.query_loss import query_loss
from metaadapter.workflow.gradient_steps import support_loss

ANCHOR = 1.0
"""How strongly the predicted values hold in gradient steps."""
_NO_QUERY = (
    "the weight of the loss term query must be above 0, or else that of pool or known with no "
    "weight on terms that are of neither: the others alone do not teach to classify, and not every "
    "task has them"
)
Adapt = Callable[[AdapterWeights, Support], AdapterWeights]
OwnLoss = Callable[[Episodes, AdapterWeights, AdapterGenerator], Tensor]
"""A loss of one's own: (tasks, the adapters predicted for them, the generator) → a scalar."""


@dataclass(frozen=True, slots=True)
class LossWeights:
    """Weight of each term; one with weight 0 is not computed.

    `query`, or else `pool` or `known`, is above 0.
    """

    query: float = 1.0
    """Cross-entropy of the queries, divided by log(ways) so that large tasks do not outweigh."""
    draws: float = 0.0
    """Divergence between predictions from two supports of other pictures; from two domains where
    the source draws the second support from another one."""
    views: float = 0.0
    """Divergence between predictions from one support through two sets of views."""
    modalities: float = 0.0
    """Divergence between the visual adapter alone and the class vectors alone, in tasks whose
    classes all have texts."""
    off_class: float = 0.0
    """Divergence from zero-shot on pictures of classes that are not in the task; of tasks whose
    classes all have texts."""
    pool: float = 0.0
    """The loss of the queries and that of the pool's own pictures by the adapters with a pool, each
    over the loss without, so that tasks that are almost solved count as much. What a pool changes
    learns from this term and the next two alone, and the rest of the generator from the others."""
    pool_kept: float = 0.0
    """Divergence between predictions with and without the pool."""
    pool_halves: float = 0.0
    """Divergence between predictions with one half of the pool and with the other."""
    known: float = 0.0
    """How badly queries are told from pictures of other classes and of other sources, and how far
    from the stated fractions the quantiles of the head that tells them are. That head learns from
    this term alone, and nothing else does."""

    own: Mapping[str, float] = field(default_factory=dict)
    """Weights of losses of one's own, by FILE.py:FUNCTION; each is logged as FUNCTION."""

    def __post_init__(self) -> None:
        shipped = [name for name in asdict(self) if name != "own"]
        named = [*shipped, *map(_function, self.own)]
        for name in self.own:
            if own_code_and_folder(name) != (name, ""):
                raise UsageError(f"expected loss.own by FILE.py:FUNCTION, got {name!r}")
            if named.count(_function(name)) > 1:
                raise UsageError(
                    f"two loss terms are named {_function(name)}; rename the function in {name}"
                )
        for name, weight in self.by_name.items():
            if not 0 <= weight < math.inf:
                raise UsageError(
                    f"the weight of the loss term {name} must be a number of at least 0, got "
                    f"{weight}"
                )
        if self.query == 0 and not (self.pool or self.known):
            raise UsageError(_NO_QUERY)
        if self.query == 0 and not self.are_of_parts_alone:
            raise UsageError(_NO_QUERY)

    @property
    def of_pools(self) -> frozenset[str]:
        """The terms that need pools."""
        return frozenset(name for name in POOL_TERMS if getattr(self, name))

    @property
    def are_of_parts_alone(self) -> bool:
        """Whether no term has a weight but those of pools and `known`, of parts apart."""
        parts = (*POOL_TERMS, "known")
        return not any(each for name, each in self.by_name.items() if name not in parts)

    @property
    def is_of_known_alone(self) -> bool:
        """Whether no term but `known` has a weight."""
        return all(name == "known" for name, each in self.by_name.items() if each)

    @property
    def by_name(self) -> dict[str, float]:
        """The weight of each term, those of one's own by the names of their functions."""
        shipped = asdict(self)
        own = shipped.pop("own")
        return shipped | {_function(name): weight for name, weight in own.items()}


def weighted_sum(terms: Mapping[str, Float[Tensor, ""]], weights: LossWeights) -> Float[Tensor, ""]:
    """What is descended: each term times the weight of its name."""
    by_name = weights.by_name
    return torch.stack([by_name[name] * term for name, term in terms.items()]).sum()


def objective(
    generator: AdapterGenerator,
    episodes: Episodes,
    weights: LossWeights,
    *,
    adapt: Adapt | None = None,
    own: Mapping[str, OwnLoss] | None = None,
) -> dict[str, Float[Tensor, ""]]:
    """Loss terms of a batch of tasks, unweighted, by name.

    Args:
        generator: Predicts the adapters.
        episodes: Tasks with what their predictions are held against. A term that its tasks cannot
            give (views of a source that has one each) is left out.
        weights: Terms with weight 0 are left out.
        adapt: Gradient steps (adapter, support) → adapter, before the queries are judged.
        own: Losses of one's own by name.

    Raises:
        UsageError: A loss of one's own fails, or gives no scalar tensor.
    """
    support = Support.of_batch(episodes.batch, episodes.logit_scale, episodes.blocks)
    terms = pool_terms(generator, episodes, support, weights.of_pools)
    if weights.known:
        terms["known"] = known_loss(generator(support), episodes).mean()
    if weights.are_of_parts_alone:
        return terms
    return _labelled_terms(generator, episodes, support, weights, adapt, own or {}) | terms


def _labelled_terms(
    generator: AdapterGenerator,
    episodes: Episodes,
    support: Support,
    weights: LossWeights,
    adapt: Adapt | None,
    own: Mapping[str, OwnLoss],
) -> dict[str, Float[Tensor, ""]]:
    """The terms of the adapters without pools."""
    batch, counts_TQ = episodes.batch, episodes.batch.query_labels_TQ >= 0
    predicted, twin_mask_TNK = generator(support), episodes.twin_mask_TNK

    def answers(adapters: AdapterWeights) -> Tensor:
        return classify(batch.query_TQD, adapters)

    logits_TQN = answers(predicted)
    judged_TQN = logits_TQN if adapt is None else answers(adapt(predicted, support))
    terms = {"query": query_loss(judged_TQN, batch)}
    if weights.draws and twin_mask_TNK.any():
        twin = replace(support, support_TNKD=episodes.twin_TNKD, support_mask_TNK=twin_mask_TNK)
        # A task without a twin would be held against zero-shot CLIP.
        has_twin_TQ = counts_TQ & twin_mask_TNK.any(-1).any(-1, keepdim=True)
        terms["draws"] = symmetric_divergence(logits_TQN, answers(generator(twin)), has_twin_TQ)
    if weights.views and episodes.has_views:
        other = replace(support, support_TNKD=episodes.other_views_TNKD)
        terms["views"] = symmetric_divergence(logits_TQN, answers(generator(other)), counts_TQ)
    unadapted = zero_shot(support)
    # Zero-shot CLIP has no opinion on a class without a text: its logit would be 0 as if it had.
    is_named_T1 = (batch.text_TND.any(-1) | ~batch.class_mask_TN).all(-1, keepdim=True)
    if weights.modalities and is_named_T1.any():
        visual_TQN = answers(visual_alone(predicted, unadapted))
        text_TQN = answers(text_alone(predicted))
        terms["modalities"] = symmetric_divergence(visual_TQN, text_TQN, counts_TQ & is_named_T1)
    judged_TO = episodes.off_class_mask_TO & is_named_T1
    if weights.off_class and judged_TO.any():
        target_TON, predicted_TON = (
            classify(episodes.off_class_TOD, adapters) for adapters in (unadapted, predicted)
        )
        terms["off_class"] = divergence(target_TON, predicted_TON, judged_TO)
    for name, loss in own.items():
        with explained("loss term", name):
            term = loss(episodes, predicted, generator)
        terms[name] = _require_scalar(name, term)
    return terms


def adapt_steps(
    weights: AdapterWeights,
    support: Support,
    *,
    n_steps: int,
    lr: float,
    anchor: float = ANCHOR,
    order: Literal["first", "second"] = "first",
) -> AdapterWeights:
    """Fine-tune class vectors and biases of T adapters, each on its own support.

    Plain gradient descent at rate `lr` on the cross-entropy of the support plus `anchor` · the mean
    over classes of ‖w − w₀‖² + (b − b₀)², with w₀ and b₀ as predicted. Everything else stays as
    predicted, also a class that is masked out, whose bias is −∞, and a task without a picture.

    Order "second" differentiates through the steps as they are; "first" takes the gradients in them
    as constants (first-order MAML), at the price of a forward pass each.
    """
    point = weights.classes, weights.class_bias
    for _ in range(n_steps):
        gradients = _gradients(weights, point, support, anchor, second=order == "second")
        point = point[0] - lr * gradients[0], point[1] - lr * gradients[1]
    return replace(weights, classes=point[0], class_bias=point[1])


@contextmanager
def explained(kind: str, own: str | None) -> Iterator[None]:
    """Tell a fault in code of one's own, where `own` names some, as such and where in it."""
    try:
        yield
    except (MetaAdapterError, torch.linalg.LinAlgError):  # type: ignore[attr-defined]
        raise
    except Exception as error:
        if own is None or is_shortage(error):
            raise
        raise UsageError(f"the {kind} {own} failed: {explain(error)}") from error


def _gradients(
    start: AdapterWeights,
    point: tuple[Tensor, Tensor],
    support: Support,
    anchor: float,
    *,
    second: bool,
) -> tuple[Tensor, ...]:
    if not second:
        start, point = start.map(Tensor.detach), (point[0].detach(), point[1].detach())
    with torch.enable_grad():
        classes, bias = (x if x.requires_grad else x.detach().requires_grad_() for x in point)
        current = replace(start, classes=classes, class_bias=bias)
        loss_T = support_loss(current, support)
        loss_T = loss_T + anchor * _distance(current, start, support.present_TNK)
        return torch.autograd.grad(loss_T.sum(), (classes, bias), create_graph=second)


def _distance(weights: AdapterWeights, start: AdapterWeights, mask_TNK: Tensor) -> Tensor:
    """(T,) mean over classes of the squared distance from the start; 0 without a shot."""
    present_TN = start.class_bias.isfinite()
    moved_TN = torch.where(present_TN, weights.class_bias, 0.0)
    moved_TN = moved_TN - torch.where(present_TN, start.class_bias, 0.0)
    square_TN = (weights.classes - start.classes).square().sum(-1) + moved_TN.square()
    n_way_T = present_TN.sum(-1).clamp(min=1)
    has_shots_T = mask_TNK.any(-1).any(-1)
    return (square_TN * present_TN).sum(-1) / n_way_T * has_shots_T


def _require_scalar(name: str, term: Any) -> Float[Tensor, ""]:
    if not (isinstance(term, Tensor) and term.ndim == 0):
        raise UsageError(
            f"the loss term {name} must be a tensor without axes, such as a mean, got "
            f"{tuple(term.shape) if isinstance(term, Tensor) else repr(term)}"
        )
    return term


def _function(name: str) -> str:
    return name.rpartition(":")[2]
