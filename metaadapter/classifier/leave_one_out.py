"""How well a support set predicts itself: each picture classified by an adapter of the others."""

from __future__ import annotations

import torch

from metaadapter.adapter import SupportSet, classify
from metaadapter.classifier.one_shot import predict_adapter
from metaadapter.generator import Generator

__all__ = ["leave_one_out"]


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
        An answer for each picture that is asked, in the order of the support; none if every class
        has one picture at most.
    """
    counts = support.labels.bincount(minlength=len(support.text))
    asked = (counts[support.labels] > 1).nonzero().flatten().tolist()
    right = []
    for left_out in asked:
        others = torch.arange(len(support.labels)) != left_out
        rest = SupportSet(support.features[others], support.labels[others], support.text)
        weights = predict_adapter(generator, rest, logit_scale)
        logits = classify(support.features[left_out, None], weights)
        right.append(int(logits.argmax()) == int(support.labels[left_out]))
    return right
