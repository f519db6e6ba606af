"""What a method answers to "does this picture show one of the classes at all?"."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from metaadapter.adapter.known import known_logits, known_threshold, prediction_sets
from metaadapter.adapter.weights import AdapterWeights, LogitFunction
from metaadapter.bench.evaluation.method import Method
from metaadapter.bench.peers.unknown.of_answers import msp
from metaadapter.bench.peers.unknown.queries import AnsweredQueries

KEEP = 0.95
"""The fraction of known pictures that an adapter is asked to keep."""
COVERAGE = 0.9
"""The chance with which its sets of classes are asked to have the right one."""


def known_answers(
    method: Method,
    head: AdapterWeights | LogitFunction,
    asked: AnsweredQueries,
    way_Q: Int[Tensor, " Q"],
) -> dict[str, Float[Tensor, "T Q"]]:
    """The columns that `score_strangers` reads, as far as the method has them.

    A method is judged by the score that its name asks for, else by the head that its adapter has
    for this, and one without by its largest probability.

    Args:
        method: What is measured.
        head: What it gave for the tasks.
        asked: The pictures and its answers.
        way_Q: The class of each picture, the same in all tasks; < 0 for a stranger.
    """
    if method.unknown_score is not None:
        return {"known": method.unknown_score(asked)}
    if not isinstance(head, AdapterWeights) or head.known_head is None:
        return {"known": msp(asked)}
    known_TQ = known_logits(asked.rows_TQD, head).double()
    threshold_T1 = known_threshold(head, KEEP).double()[:, None]
    sets_TQN = prediction_sets(asked.logits_TQN.double().softmax(-1), head, COVERAGE)
    own_TQ1 = way_Q.clamp(min=0).to(sets_TQN.device)[None, :, None].expand(len(sets_TQN), -1, 1)
    return {
        "known": known_TQ,
        "kept": (known_TQ.sigmoid() >= threshold_T1).double(),
        "covered": sets_TQN.gather(-1, own_TQ1)[..., 0].double(),
        "set_size": sets_TQN.sum(-1, dtype=torch.float64),
    }
