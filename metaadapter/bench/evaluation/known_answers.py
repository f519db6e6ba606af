"""The answers of a method to the question whether a picture shows one of the classes."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from metaadapter.adapter.known import known_logits, known_threshold, prediction_sets
from metaadapter.adapter.weights import AdapterWeights, LogitFunction
from metaadapter.bench.evaluation.method import Method
from metaadapter.bench.peers.unknown_scores import AnsweredQueries, msp

KEEP = 0.95
"""The fraction of known pictures that the threshold of an adapter keeps."""
COVERAGE = 0.9
"""The probability with which its sets of classes include the correct one."""


def known_answers(
    method: Method,
    head: AdapterWeights | LogitFunction,
    queries: AnsweredQueries,
    way_Q: Int[Tensor, " Q"],
) -> dict[str, Float[Tensor, "T Q"]]:
    """The columns that `score_strangers` reads; `known` always, the others if the adapter has them.

    The column `known` is the score that the method's name asks for, or else the adapter's own
    logit of known, or else the largest probability.

    Args:
        method: The method.
        head: Its adapters of the tasks, or a function that answers.
        queries: The queries and its answers.
        way_Q: The way of each query, the same in all tasks; < 0 for a stranger.
    """
    if method.unknown_score is not None:
        return {"known": method.unknown_score(queries)}
    if not isinstance(head, AdapterWeights) or head.known_head is None:
        return {"known": msp(queries)}
    known_TQ = known_logits(queries.rows_TQD, head).double()
    threshold_T1 = known_threshold(head, KEEP).double()[:, None]
    sets_TQN = prediction_sets(queries.logits_TQN.double().softmax(-1), head, COVERAGE)
    correct_TQ1 = way_Q.clamp(min=0).to(sets_TQN.device)[None, :, None].expand(len(sets_TQN), -1, 1)
    return {
        "known": known_TQ,
        "kept": (known_TQ.sigmoid() >= threshold_T1).double(),
        "covered": sets_TQN.gather(-1, correct_TQ1)[..., 0].double(),
        "set_size": sets_TQN.sum(-1, dtype=torch.float64),
    }
