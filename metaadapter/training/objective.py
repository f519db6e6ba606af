"""The loss terms that train a generator to classify and to ignore what should not matter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from episodes import Episodes
from metaadapter.adapter.divergence import divergence, symmetric_divergence
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, classify
from metaadapter.errors import MetaAdapterError, UsageError
from metaadapter.files.machine_errors import is_shortage
from metaadapter.files.user_code import explain
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.generator.generator import Generator
from metaadapter.training.loss_terms import (
    PART_TERMS,
    LossWeights,
    known_loss,
    pool_loss,
    query_loss,
)

Adapt = Callable[[AdapterWeights, Support], AdapterWeights]
OwnLoss = Callable[[Episodes, AdapterWeights, AdapterGenerator], Tensor]
"""A loss of your own: (tasks, the adapters predicted for them, the generator) → a scalar."""


def objective(
    generator: AdapterGenerator,
    episodes: Episodes,
    weights: LossWeights,
    *,
    adapt: Adapt | None = None,
    own: Mapping[str, OwnLoss] | None = None,
) -> dict[str, Float[Tensor, ""]]:
    """Return the loss terms of a batch of tasks, unweighted, by name.

    Terms with weight 0, and terms that the tasks cannot give, are left out. `adapt` changes the
    adapters before they classify the queries; `own` has the user's losses by name.
    """
    predict: Callable[[Support], AdapterWeights] = generator
    if isinstance(generator, Generator) and not (own or weights.pool):
        predict = partial(generator, known=False)
    support = Support.of_batch(episodes.batch, episodes.logit_scale, episodes.blocks)
    of_parts = {}
    if weights.pool and episodes.pool_mask_TU.any():
        of_parts["pool"] = pool_loss(generator, episodes, support)
    if weights.known:
        of_parts["known"] = known_loss(generator(support), episodes).mean()
    if weights.are_of(*PART_TERMS):
        return of_parts
    batch, counts_TQ = episodes.batch, episodes.batch.query_labels_TQ >= 0
    predicted, twin_mask_TNK = predict(support), episodes.twin_mask_TNK

    def logits(adapters: AdapterWeights) -> Tensor:
        return classify(batch.query_TQD, adapters)

    logits_TQN = logits(predicted)
    adapted_TQN = logits_TQN if adapt is None else logits(adapt(predicted, support))
    terms = {"query": query_loss(adapted_TQN, batch)}
    if weights.draws and _may_count(twin_mask_TNK):
        twin = replace(support, support_TNKD=episodes.twin_TNKD, support_mask_TNK=twin_mask_TNK)
        # Without a twin, the second prediction of a task would be zero-shot CLIP.
        has_twin_TQ = counts_TQ & twin_mask_TNK.any(-1).any(-1, keepdim=True)
        terms["draws"] = symmetric_divergence(logits_TQN, logits(predict(twin)), has_twin_TQ)
    unadapted = support.zero_shot()
    # Zero-shot CLIP cannot judge a class without a text, but would give it the logit 0.
    is_named_T1 = (batch.text_TND.any(-1) | ~batch.class_mask_TN).all(-1, keepdim=True)
    counts_TO = episodes.off_class_mask_TO & is_named_T1
    if weights.off_class and _may_count(counts_TO):
        target_TON, predicted_TON = (
            classify(episodes.off_class_TOD, adapters) for adapters in (unadapted, predicted)
        )
        terms["off_class"] = divergence(target_TON, predicted_TON, counts_TO)
    for name, loss in (own or {}).items():
        with own_code_errors("loss term", name):
            term = loss(episodes, predicted, generator)
        if not (isinstance(term, Tensor) and term.ndim == 0):
            raise UsageError(
                f"the loss term {name} must be a tensor without axes, such as a mean, got "
                f"{tuple(term.shape) if isinstance(term, Tensor) else repr(term)}"
            )
        terms[name] = term
    return terms | of_parts


def _may_count(mask: Tensor) -> bool:
    """Return whether an entry counts; a GPU is not asked, because without one the term is 0."""
    return mask.numel() > 0 and (mask.device.type != "cpu" or bool(mask.any()))


@contextmanager
def own_code_errors(kind: str, name: str | None) -> Iterator[None]:
    """Raise errors of the user's code `name` as `UsageError`; `None` stands for our own code."""
    try:
        yield
    except (MetaAdapterError, torch.linalg.LinAlgError):  # type: ignore[attr-defined]
        raise
    except Exception as error:
        if name is None or is_shortage(error):
            raise
        raise UsageError(f"the {kind} {name} failed: {explain(error)}") from error
