"""The loss of the known head: how well it separates pictures, and how right its quantiles are."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import softplus

from episodes import Episodes
from metaadapter.adapter.known import FRACTIONS, known_logits
from metaadapter.adapter.weights import AdapterWeights, classify


def known_loss(weights: AdapterWeights, episodes: Episodes) -> Float[Tensor, " T"]:
    """Return the loss of the known head in each task, differentiable in that head alone.

    It is the sum of
    - the cross-entropies of the known and of the unknown pictures;
    - the mean softplus(unknown − known) of their logits over pairs, a ranking loss;
    - the pinball losses of the quantiles of the logit of known and of the log-probability of the
      true class (Koenker and Bassett 1978), each over √(q (1 − q)).

    Args:
        weights: The adapters of the tasks.
        episodes: Tasks with pictures of other classes; a task without any has no pairs.

    Raises:
        UsageError: The adapters have no known head.
    """
    batch = episodes.batch
    head = {name: getattr(weights, name) for name in ("known", "known_quantiles", "own_quantiles")}
    fixed = replace(weights.map(Tensor.detach), **head)
    known_TQ = known_logits(batch.query_TQD, fixed)
    unknown_TO = known_logits(episodes.off_class_TOD, fixed)
    is_known_TQ, is_unknown_TO = batch.query_labels_TQ >= 0, episodes.off_class_mask_TO
    entropy_T = _mean(softplus(-known_TQ), is_known_TQ) + _mean(softplus(unknown_TO), is_unknown_TO)
    apart_TX = (known_TQ[..., None] - unknown_TO[:, None]).flatten(1)
    both_TX = (is_known_TQ[..., None] & is_unknown_TO[:, None]).flatten(1)
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
    assert quantiles_TG is not None  # known_logits has checked it
    below_G = 1 - values_TQ.new_tensor(FRACTIONS)
    over_TQG = values_TQ[..., None] - quantiles_TG[:, None]
    pinball_TQG = torch.maximum(below_G * over_TQG, (below_G - 1) * over_TQG)
    pinball_TQ = (pinball_TQG / (below_G * (1 - below_G)).sqrt()).mean(-1)
    return _mean(pinball_TQ, mask_TQ)


def _mean(values_TX: Float[Tensor, "T X"], mask_TX: Bool[Tensor, "T X"]) -> Float[Tensor, " T"]:
    return values_TX.masked_fill(~mask_TX, 0.0).sum(-1) / mask_TX.sum(-1).clamp(min=1)
