"""The loss terms of a batch of tasks: those that ship, and the user's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from episodes import Episodes
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, classify
from metaadapter.data.machine_errors import is_shortage
from metaadapter.data.user_code import explain
from metaadapter.errors import MetaAdapterError, UsageError
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.generator.generator import Generator
from metaadapter.training.loss_terms import (
    PART_TERMS,
    LossWeights,
    known_loss,
    pool_loss,
    query_loss,
)
from metaadapter.training.task_span import in_span

OwnLoss = Callable[[Episodes, AdapterWeights, AdapterGenerator], Tensor]
"""A loss of your own: (tasks, the adapters predicted for them, the generator) → a scalar."""


def objective(
    generator: AdapterGenerator,
    episodes: Episodes,
    weights: LossWeights,
    *,
    own: Mapping[str, OwnLoss] | None = None,
) -> dict[str, Float[Tensor, ""]]:
    """Return the loss terms of a batch of tasks, unweighted, by name.

    Terms with weight 0, and that of pools if no task has one, are left out. `own` has the user's
    losses by name.
    """
    predict: Callable[[Support], AdapterWeights] = generator
    if isinstance(generator, Generator) and not (own or weights.pool):
        episodes = in_span(episodes)
        predict = partial(generator, known=False)
    support = Support.of_batch(episodes.batch, episodes.logit_scale, episodes.blocks)
    of_parts = {}
    if weights.pool and episodes.pool_mask_TU.any():
        of_parts["pool"] = pool_loss(generator, episodes, support)
    if weights.known:
        of_parts["known"] = known_loss(generator(support), episodes).mean()
    if weights.are_of(*PART_TERMS):
        return of_parts
    predicted = predict(support)
    terms = {"query": query_loss(classify(episodes.batch.query_TQD, predicted), episodes.batch)}
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
