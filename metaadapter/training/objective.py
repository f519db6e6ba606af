"""The loss terms that train a generator to classify and to ignore what should not matter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from episodes import Episodes
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, classify
from metaadapter.errors import MetaAdapterError, UsageError
from metaadapter.files.machine_errors import is_shortage
from metaadapter.files.user_code import explain
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.generator.generator import Generator
from metaadapter.training.divergence import divergence, symmetric_divergence
from metaadapter.training.loss_terms import (
    PART_TERMS,
    LossWeights,
    known_loss,
    pool_loss,
    query_loss,
)


def objective(
    generator: AdapterGenerator, episodes: Episodes, weights: LossWeights
) -> dict[str, Float[Tensor, ""]]:
    """Return the loss terms of a batch of tasks, unweighted, by name.

    Terms with weight 0, and terms that the tasks cannot give, are left out.
    """
    predict: Callable[[Support], AdapterWeights] = generator
    if isinstance(generator, Generator) and not weights.pool:
        predict = partial(generator, with_known=False)
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
    terms = {"query": query_loss(logits_TQN, batch)}
    if weights.draws and twin_mask_TNK.any():
        twin = replace(support, support_TNKD=episodes.twin_TNKD, support_mask_TNK=twin_mask_TNK)
        # Without a twin, the second prediction of a task would be zero-shot CLIP.
        has_twin_TQ = counts_TQ & twin_mask_TNK.any(-1).any(-1, keepdim=True)
        terms["draws"] = symmetric_divergence(logits_TQN, logits(predict(twin)), has_twin_TQ)
    # Zero-shot CLIP cannot judge a class without a text, but would give it the logit 0.
    is_named_T1 = (batch.text_TND.any(-1) | ~batch.class_mask_TN).all(-1, keepdim=True)
    counts_TO = episodes.off_class_mask_TO & is_named_T1
    if weights.off_class and counts_TO.any():
        rows_TOD = episodes.off_class_TOD
        target_TON = classify(rows_TOD, support.zero_shot())
        terms["off_class"] = divergence(target_TON, classify(rows_TOD, predicted), counts_TO)
    return terms | of_parts


@contextmanager
def own_code_errors(generator: str | None) -> Iterator[None]:
    """Raise errors of the user's generator as `UsageError`; `None` stands for our own code."""
    try:
        yield
    except (MetaAdapterError, torch.linalg.LinAlgError):  # type: ignore[attr-defined]
        raise
    except Exception as error:
        if generator is None or is_shortage(error):
            raise
        raise UsageError(f"the generator {generator} failed: {explain(error)}") from error
