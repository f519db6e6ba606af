"""The losses by which the meta-trained peers learn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from torch import Tensor

from episodes import EpisodeBatch
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.bench.peers.caml import Transformer, query_logits
from metaadapter.bench.peers.meta_adapter import Attention, meta_adapter
from metaadapter.bench.peers.meta_qda import Prior
from metaadapter.bench.peers.meta_qda import logits as meta_qda_logits
from metaadapter.training.loss_terms import query_loss
from tools.inner_steps import task_losses

Losses = Callable[[Mapping[str, Tensor], EpisodeBatch, float], Iterable[Tensor]]
"""Learned weights, tasks and temperature → losses; the gradients of all losses are added."""


def _attention_losses(
    learned: Mapping[str, Tensor], batch: EpisodeBatch, scale: float
) -> Iterable[Tensor]:
    weights = meta_adapter(Support.of_batch(batch, scale), Attention(**learned))
    yield len(batch.text_TND) * query_loss(classify(batch.query_TQD, weights), batch)


def _transformer_losses(
    learned: Mapping[str, Tensor], batch: EpisodeBatch, scale: float
) -> Iterable[Tensor]:
    support = Support.of_batch(batch, scale)
    logits_TQN = query_logits(support, batch.query_TQD, Transformer(**learned))
    yield len(batch.text_TND) * query_loss(logits_TQN, batch)


def _density_losses(
    learned: Mapping[str, Tensor], batch: EpisodeBatch, scale: float
) -> Iterable[Tensor]:
    support = Support.of_batch(batch, scale)
    logits_TQN = meta_qda_logits(support, batch.query_TQD, Prior(**learned))
    yield len(batch.text_TND) * query_loss(logits_TQN, batch)


LOSSES: dict[str, Losses] = {
    "Meta-Adapter": _attention_losses,
    "MAML": partial(task_losses, moves_adapter=True),
    "ANIL": partial(task_losses, moves_adapter=False),
    "CAML": _transformer_losses,
    "MetaQDA": _density_losses,
}
