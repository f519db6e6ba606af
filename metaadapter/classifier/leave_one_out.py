"""How well a support set predicts itself: each picture classified by an adapter of the others."""

from __future__ import annotations

import torch

from metaadapter.adapter import Support, classify
from metaadapter.generator import AdapterGenerator

__all__ = ["leave_one_out"]

TASKS_AT_ONCE = 32


def leave_one_out(support: Support, generator: AdapterGenerator) -> list[bool]:
    """Whether an adapter predicted from all the other pictures predicts each one's class.

    A picture that is the only one of its class is not asked: without it nothing shows its class.

    Args:
        support: One task.
        generator: Predicts each adapter.

    Returns:
        An answer for each picture that is asked, class by class; none if every class has one
        picture at most.
    """
    support = support.to(device=generator.device)
    (mask_NK,) = support.present_TNK
    asked = (mask_NK & (mask_NK.sum(1, keepdim=True) > 1)).nonzero()
    correct: list[bool] = []
    for some in torch.split(asked, TASKS_AT_ONCE):
        classes, places = some.unbind(1)
        many = support.repeated(len(some))
        left_TNK = torch.ones_like(many.support_mask_TNK)
        left_TNK[range(len(some)), classes, places] = False
        weights = generator.predict(many.kept(left_TNK))
        pictures_TD = support.support_TNKD[0, classes, places]
        logits_TN = classify(pictures_TD[:, None], weights)[:, 0]
        correct += (logits_TN.argmax(1) == classes).tolist()
    return correct
