"""How well a support set predicts itself: each picture classified by an adapter of the others."""

from __future__ import annotations

import torch

from metaadapter.adapter import SupportSet, classify
from metaadapter.classifier.one_shot import by_class
from metaadapter.generator import Generator

__all__ = ["leave_one_out"]

TASKS_AT_ONCE = 32


def leave_one_out(
    support: SupportSet, generator: Generator, logit_scale: float | None
) -> list[bool]:
    """Whether an adapter predicted from all the other pictures labels each one rightly.

    A picture that is the only one of its class is not asked: without it nothing shows its class.

    Args:
        support: unit rows, labels and texts.
        generator: predicts each adapter.
        logit_scale: of the encoder.

    Returns:
        An answer for each picture that is asked, class by class; none if every class has one
        picture at most.
    """
    device = next(generator.parameters()).device
    shots_NKD, mask_NK = (part.to(device) for part in by_class(support))
    text_ND = support.text.to(device)
    asked = (mask_NK & (mask_NK.sum(1, keepdim=True) > 1)).nonzero()
    right: list[bool] = []
    for some in torch.split(asked, TASKS_AT_ONCE):
        classes, places = some.unbind(1)
        mask_TNK = mask_NK.repeat(len(some), 1, 1)
        mask_TNK[range(len(some)), classes, places] = False
        weights = generator.predict(
            shots_NKD.expand(len(some), -1, -1, -1),
            text_ND.expand(len(some), -1, -1),
            mask_TNK,
            logit_scale=logit_scale,
        )
        logits_TN = classify(shots_NKD[classes, places][:, None], weights)[:, 0]
        right += (logits_TN.argmax(1) == classes).tolist()
    return right
