"""How well known pictures are told from others, and how well it is foretold how many are kept."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import softplus

from episodes import Episodes
from metaadapter.adapter.known import KEPT, known_logits
from metaadapter.adapter.weights import AdapterWeights, classify


def known_loss(weights: AdapterWeights, episodes: Episodes) -> Float[Tensor, " T"]:
    """The loss of the head that tells known pictures, of each task; of it alone differentiable.

    The sum of the cross-entropy of known and strange pictures, both kinds counted alike; of the
    mean over pairs of the two of how far they are in the wrong order (softplus); and of the pinball
    losses of the quantiles, each over its deviation (Koenker and Bassett 1978), of the known
    logits and of the own class's log-probability.

    Args:
        weights: The adapters of the tasks.
        episodes: Tasks with pictures of other classes; a task without any has no pairs.

    Raises:
        UsageError: The adapters have no such head.
    """
    batch = episodes.batch
    head = {name: getattr(weights, name) for name in ("known", "known_quantiles", "own_quantiles")}
    fixed = replace(weights.map(Tensor.detach), **head)
    known_TQ = known_logits(batch.query_TQD, fixed)
    strange_TO = known_logits(episodes.off_class_TOD, fixed)
    is_known_TQ, is_strange_TO = batch.query_labels_TQ >= 0, episodes.off_class_mask_TO
    entropy_T = _mean(softplus(-known_TQ), is_known_TQ) + _mean(softplus(strange_TO), is_strange_TO)
    apart_TX = (known_TQ[..., None] - strange_TO[:, None]).flatten(1)
    both_TX = (is_known_TQ[..., None] & is_strange_TO[:, None]).flatten(1)
    with torch.no_grad():
        log_p_TQN = classify(batch.query_TQD, fixed).log_softmax(-1)
        ways_TQ1 = batch.query_labels_TQ.clamp(min=0)[..., None]
        own_TQ = log_p_TQN.gather(-1, ways_TQ1)[..., 0].clamp(min=-20.0)
    return (
        entropy_T
        + _mean(softplus(-apart_TX), both_TX)
        + _pinball(known_TQ.detach(), is_known_TQ, fixed.known_quantiles)
        + _pinball(own_TQ, is_known_TQ, fixed.own_quantiles)
    )


def _pinball(
    values_TQ: Float[Tensor, "T Q"],
    mask_TQ: Bool[Tensor, "T Q"],
    quantiles_TG: Tensor | None,
) -> Float[Tensor, " T"]:
    assert quantiles_TG is not None  # known_logits has told
    below_G = 1 - values_TQ.new_tensor(KEPT)
    over_TQG = values_TQ[..., None] - quantiles_TG[:, None]
    each_TQG = torch.maximum(below_G * over_TQG, (below_G - 1) * over_TQG)
    each_TQ = (each_TQG / (below_G * (1 - below_G)).sqrt()).mean(-1)
    return _mean(each_TQ, mask_TQ)


def _mean(values_TX: Float[Tensor, "T X"], mask_TX: Bool[Tensor, "T X"]) -> Float[Tensor, " T"]:
    return values_TX.masked_fill(~mask_TX, 0.0).sum(-1) / mask_TX.sum(-1).clamp(min=1)
