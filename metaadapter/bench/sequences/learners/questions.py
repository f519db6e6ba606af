"""The queries of a continual learner: pictures, and the tasks whose classes they may show."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.adapter.support import Support


@dataclass(frozen=True, slots=True)
class Questions:
    """Q pictures to classify among the C classes of some tasks.

    The columns of scores are the classes of the first of these tasks in their order, then those of
    the second, and so on. Some tasks may not be learned yet: of their classes only the texts are
    known.
    """

    rows_QD: Float[Tensor, "Q D"]
    """Unit rows of the pictures; each is classified by itself."""
    texts: dict[int, Float[Tensor, "_ D"]]
    """Task → unit rows of the texts of its classes."""
    logit_scale: float
    """The encoder's inverse temperature."""

    @property
    def tasks(self) -> tuple[int, ...]:
        """The tasks whose classes are candidates, in the order of the columns."""
        return tuple(self.texts)

    @property
    def zero_shot_QC(self) -> Float[Tensor, "Q C"]:
        """The logits of zero-shot CLIP, by the texts alone."""
        return self.logit_scale * self.rows_QD @ torch.cat(list(self.texts.values())).mT

    def is_of(self, tasks: Collection[int]) -> Bool[Tensor, " C"]:
        """True for the classes of these tasks."""
        return torch.cat(
            [torch.full((len(text),), task in tasks) for task, text in self.texts.items()]
        )


def gated(
    scores_QL: Float[Tensor, "Q L"], learned: Collection[int], questions: Questions
) -> Float[Tensor, "Q C"]:
    """Return scores of all candidate classes, by a head for the classes of learned tasks.

    Zero-shot CLIP is the gate, as in RAIL (Xu et al., NeurIPS 2024, section 4): if its best class
    is of a learned task, the head predicts, else the texts do.

    Args:
        scores_QL: The head's scores of the L candidate classes of learned tasks, in the order of
            the columns.
        learned: The learned tasks, whether their classes are candidates or not.
        questions: The pictures and their candidates.

    Returns:
        The scores, −∞ for classes that the gate rules out.
    """
    zero_shot_QC = questions.zero_shot_QC
    is_learned_C = questions.is_of(learned)
    by_head_QC = torch.full_like(zero_shot_QC, -torch.inf)
    by_head_QC[:, is_learned_C] = scores_QL.to(zero_shot_QC)
    is_for_head_Q1 = is_learned_C[zero_shot_QC.argmax(-1)][:, None]
    return torch.where(is_for_head_Q1, by_head_QC, zero_shot_QC)


def shared(
    log_QL: Float[Tensor, "Q L"],
    log_known_Q: Float[Tensor, " Q"],
    log_other_Q: Float[Tensor, " Q"],
    learned: Collection[int],
    questions: Questions,
) -> Float[Tensor, "Q C"]:
    """Return log-probabilities of all candidate classes, with known as "of a learned task".

    P(c | x) is P(known | x) P(c | x, known) for learned classes, and (1 − P(known | x)) times the
    probability by zero-shot CLIP among the others. If all tasks are learned, P(known | x) is 1.

    Args:
        log_QL: log P(c | x, known) of the L candidate classes of learned tasks, in the order of the
            columns.
        log_known_Q: log P(known | x).
        log_other_Q: log(1 − P(known | x)).
        learned: The learned tasks, whether their classes are candidates or not.
        questions: The pictures and their candidates.
    """
    is_learned_C = questions.is_of(learned)
    if is_learned_C.all():
        return log_QL
    zero_shot_QC = questions.zero_shot_QC
    log_QC = torch.empty_like(zero_shot_QC)
    log_QC[:, is_learned_C] = (log_known_Q[:, None] + log_QL).to(zero_shot_QC)
    among_others = zero_shot_QC[:, ~is_learned_C].log_softmax(-1)
    log_QC[:, ~is_learned_C] = log_other_Q[:, None].to(zero_shot_QC) + among_others
    return log_QC


def merged(supports: Collection[Support]) -> Support:
    """Return one support of the classes of several supports, each of one task, in their order.

    Blocks and temperature are those of the first, because all have one encoder.
    """
    parts = [support.labelled_rows() for support in supports]
    first_ways = torch.tensor([0, *(support.n_way for support in supports)]).cumsum(0)
    rows, labels = zip(*parts, strict=True)
    first, *_ = supports
    scale_T = first.logit_scale_T
    return Support.of_rows(
        torch.cat(rows),
        torch.cat([ways + start for ways, start in zip(labels, first_ways, strict=False)]),
        torch.cat([support.text_TND[0] for support in supports]),
        logit_scale=None if scale_T is None else float(scale_T[0]),
        blocks=first.blocks,
    )
