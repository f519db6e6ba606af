"""Whether a pool from elsewhere helps an adapter, and by how much (docs/explanation/shift.md)."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.generator.domain_shift import domain_shift
from metaadapter.workflow.fit_adapter import predict_adapter

# docs/explanation/shift.md has the sets that they were chosen on.
LEAST_BY_NAMES, LEAST_BY_HALVES = 0.03, 0.35
"""The information, in nats, that two witnesses must share more with the pool than without it."""
RIGHT_OF_CHANGED = 0.6
"""The expected gain in accuracy, as a part of the answers that a helpful pool changes."""


def pool_gain(generator: AdapterGenerator, support: Support) -> float | None:
    """Return the accuracy that the pool of one task is expected to gain; None if nothing shows it.

    Nobody knows the labels of the pool. But the class names and the labelled pictures are two
    witnesses that know nothing of one another, and so are two halves of the labelled pictures. A
    pool helps if their answers for it share more information once the pictures have read it.
    """
    if not (_gains_by_names(generator, support) or _gains_by_halves(generator, support)):
        return None
    before_U = _answers(generator, support, reads_pool=False)
    after_U = _answers(generator, support, reads_pool=True)
    return RIGHT_OF_CHANGED * float((before_U != after_U).double().mean())


def is_from_elsewhere(support: Support) -> bool:
    """Return whether the pool of one task is of another domain than its labelled pictures."""
    if not support.n_pool or not support.present_TNK.any(-1).all():
        return False  # pictures of a class that has only a name look like pictures from elsewhere
    return float(domain_shift(support.exact).probability_T) > 0.5


def _gains_by_names(generator: AdapterGenerator, support: Support) -> bool:
    assert support.pool_TUD is not None
    (text_ND,), n_way = support.text_TND, support.n_way
    has_text_N = text_ND.any(-1)
    if has_text_N.sum() < 2:
        return False
    scores_UN = support.pool_TUD[0] @ text_ND.T
    named_U = scores_UN.masked_fill(~has_text_N, -torch.inf).argmax(-1)
    bare = replace(support, text_TND=torch.zeros_like(support.text_TND))
    before, after = (
        shared_information(named_U, _answers(generator, bare, reads_pool=reads), n_way)
        for reads in (False, True)
    )
    # (N − 1) / U is the standard deviation of a difference by chance.
    return after - before > max(LEAST_BY_NAMES, (n_way - 1) / support.n_pool)


def _gains_by_halves(generator: AdapterGenerator, support: Support) -> bool:
    mask_TNK = support.support_mask_TNK
    if not (support.present_TNK.sum(-1) > 1).all():
        return False
    is_first_TNK = mask_TNK.cumsum(-1) % 2 == 1
    one, other = support.kept(is_first_TNK), support.kept(~is_first_TNK)
    before, after = (
        shared_information(
            _answers(generator, one, reads_pool=reads),
            _answers(generator, other, reads_pool=reads),
            support.n_way,
        )
        for reads in (False, True)
    )
    return after - before > LEAST_BY_HALVES


def _answers(
    generator: AdapterGenerator, support: Support, *, reads_pool: bool
) -> Int[Tensor, " U"]:
    """Return the most probable class of each pool picture."""
    assert support.pool_TUD is not None
    weights = predict_adapter(generator, support if reads_pool else support.with_pool(None))
    answers_U: Tensor = classify(support.pool_TUD[0].double(), weights).argmax(-1)
    return answers_U


def shared_information(one: Int[Tensor, " U"], other: Int[Tensor, " U"], n_way: int) -> float:
    """Return the mutual information, in nats, of two classifications of the same pictures."""
    joint = torch.bincount(one * n_way + other, minlength=n_way**2).double()
    joint_NN: Float[Tensor, "N N"] = joint.reshape(n_way, n_way) / len(one)
    apart_NN = joint_NN.sum(1, keepdim=True) * joint_NN.sum(0, keepdim=True)
    terms_NN = torch.special.xlogy(joint_NN, joint_NN / apart_NN.clamp(min=1e-12))
    return float(terms_NN.sum())
