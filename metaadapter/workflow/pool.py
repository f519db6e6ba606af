"""The unlabelled pictures of a task: how they are read, and how they change predictions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.config import AdapterConfig
from metaadapter.adapter.known import calibrated
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, probabilities
from metaadapter.data.user_code import is_user_code
from metaadapter.errors import UsageError
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.generator.pretrained import shared_generator
from metaadapter.workflow.fine_tuning import fine_tune_adapter
from metaadapter.workflow.fit_adapter import generator_that_predicted, predict_adapter
from metaadapter.workflow.given_arrays import unit_rows
from metaadapter.workflow.gradient_steps import FineTune
from metaadapter.workflow.new_class import without_copies
from metaadapter.workflow.unlabelled_pictures import MOST_UNLABELLED

# Above this fraction of a pool in one class, or like none of the classes, a user is warned.
MOST_IN_ONE_CLASS, MOST_UNLIKE = 0.8, 0.5


@dataclass(frozen=True, slots=True)
class PoolEffect:
    """The effect of unlabelled pictures on an adapter's predictions for them."""

    n: int
    """The number of unlabelled pictures."""
    changed: float
    """The fraction whose most probable class differs from the one predicted without the pool."""
    moved: float
    """The mean change of their probabilities: half the sum of the absolute differences."""
    shares: tuple[float, ...]
    """The fraction that is predicted to be of each class."""
    unlike: float
    """The fraction that is less like any labelled picture than each labelled one is like another of
    another class; 0 where fewer than two classes have labelled pictures."""

    def lines(self, classes: list[str]) -> list[str]:
        """Sentences for a person: the effect, then a warning if the pictures cannot help."""
        lines = [
            f"{self.n} unlabelled picture(s): {self.changed:.0%} of them are predicted differently "
            "than without them"
        ]
        first = int(np.argmax(self.shares))
        if self.unlike > MOST_UNLIKE:
            lines.append(
                f"{self.unlike:.0%} of them seem to be of none of the classes, for they are less "
                "like any labelled picture than your classes are like one another: they do not help"
            )
        elif self.shares[first] > MOST_IN_ONE_CLASS and len(classes) > 1 and self.n > 1:
            lines.append(
                f"{self.shares[first]:.0%} of them seem to be {classes[first]}: they say little "
                "about the other classes"
            )
        return lines


def pool_effect(stored: StoredAdapter) -> PoolEffect | None:
    """The effect of the unlabelled pictures of an adapter's support; `None` without any."""
    support = stored.support
    if support is None or support.pool_TUD is None:
        return None
    generator, _ = shared_generator(stored.config.generator)
    without = _predict(generator, support.with_pool(None), stored.config)
    rows = support.pool_TUD[0].double()
    before, after = (probabilities(rows, weights) for weights in (without, stored.weights))
    n_of = after.argmax(-1).bincount(minlength=after.shape[1]).double()
    return PoolEffect(
        n=len(rows),
        changed=float((before.argmax(-1) != after.argmax(-1)).double().mean()),
        moved=float((before - after).abs().sum(-1).mean() / 2),
        shares=tuple((n_of / len(rows)).tolist()),
        unlike=_unlike(support, rows),
    )


def _unlike(support: Support, pool: Float[Tensor, "u D"]) -> float:
    labelled, labels = support.labelled_rows()
    labelled = labelled.to(pool)
    if (labels == labels[:1]).all():
        return 0.0
    cosines = labelled @ labelled.T
    to_others = cosines.masked_fill(labels[:, None] == labels, -torch.inf).amax(1)
    return float(((pool @ labelled.T).amax(1) < to_others.min()).double().mean())


def require_together(stored: StoredAdapter, adapter: Path | str) -> AdapterGenerator:
    """The generator for `predict_together`, checked before pictures are encoded."""
    config = stored.config
    if stored.support is None:
        raise UsageError(
            f"the adapter {adapter} was saved without its support features, so nothing can be "
            "learned from the pictures; leave --together out, or adapt again"
        )
    if config.generator == "custom" or is_user_code(config.generator):
        raise UsageError(
            f"the adapter {adapter} was predicted by a generator of your own, which is code and "
            "never runs unasked; leave --together out, or use adapt --unlabelled"
        )
    return generator_that_predicted(config.generator, config.generator_id)


def predict_together(
    stored: StoredAdapter, rows: Float[np.ndarray, "u D"], adapter: Path | str
) -> StoredAdapter:
    """Predict the adapter again with these rows of unlabelled pictures added to its pool.

    The new rows come first; of all, `MOST_UNLABELLED` stay.
    """
    generator, config = require_together(stored, adapter), stored.config
    assert stored.support is not None
    pool, old = unit_rows(rows), stored.support.pool_TUD
    if old is not None:
        pool = torch.cat([pool, without_copies(old[0], pool)])[:MOST_UNLABELLED]
    support = stored.support.with_pool(pool)
    return replace(
        stored,
        weights=_predict(generator, support, config),
        config=config.model_copy(update={"n_unlabelled": support.n_pool}),
        support=support,
        signature=None,
    )


def _predict(
    generator: AdapterGenerator, support: Support, config: AdapterConfig
) -> AdapterWeights:
    if config.n_steps:
        steps = FineTune(n_steps=config.n_steps)
        weights = fine_tune_adapter(generator, support, steps)[0]
    else:
        weights = predict_adapter(generator, support)
    return weights if config.inside is None else calibrated(weights, config.inside.calibration)
