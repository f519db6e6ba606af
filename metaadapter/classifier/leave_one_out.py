"""How well a support predicts itself: each picture classified by an adapter of all the others."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from metaadapter.adapter import Support, classify
from metaadapter.classifier.fine_tune import FineTune, fine_tune
from metaadapter.generator import AdapterGenerator

__all__ = ["LeftOut", "leave_one_out"]

TASKS_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What is predicted for pictures that are left out one by one, class by class.

    A picture that is the only one of its class is not among them: without it nothing shows the
    class.
    """

    pictures: Int[Tensor, " n"]
    """The place of each among all pictures of the support, class by class."""
    labels: Int[Tensor, " n"]
    """The class of each."""
    probabilities: Float[Tensor, "n N"]

    @property
    def predicted(self) -> Int[Tensor, " n"]:
        """The most probable class of each."""
        return self.probabilities.argmax(-1)

    @property
    def correct(self) -> Bool[Tensor, " n"]:
        """Whether the most probable class is the picture's own."""
        return self.predicted == self.labels


def leave_one_out(support: Support, generator: AdapterGenerator, *, n_steps: int = 0) -> LeftOut:
    """Classify each picture by an adapter predicted, and refined, from all the others.

    Args:
        support: One task.
        generator: Predicts each adapter.
        n_steps: Gradient steps from each prediction; 0 leaves it as it is.
    """
    support = support.to(device=generator.device)
    settings = FineTune(n_steps=n_steps)
    (mask_NK,) = support.present_TNK
    asked_NK = mask_NK & (mask_NK.sum(1, keepdim=True) > 1)
    pictures = mask_NK.flatten().cumsum(0)[asked_NK.flatten()] - 1
    labels, places = asked_NK.nonzero().unbind(1)
    found = [support.text_TND.new_empty(0, support.n_way)]
    for start in range(0, len(labels), TASKS_AT_ONCE):
        some = slice(start, start + TASKS_AT_ONCE)
        left_out = labels[some], places[some]
        many = support.repeated(len(labels[some]))
        kept_TNK = torch.ones_like(many.support_mask_TNK)
        kept_TNK[range(many.n_tasks), *left_out] = False
        weights = fine_tune(generator, many.kept(kept_TNK), settings).weights
        logits_T1N = classify(support.support_TNKD[0][left_out][:, None], weights)
        found.append(logits_T1N[:, 0].softmax(-1))
    return LeftOut(pictures.cpu(), labels.cpu(), torch.cat(found).cpu())
