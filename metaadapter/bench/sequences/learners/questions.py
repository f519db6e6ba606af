"""What a continual learner is asked: pictures, and the tasks whose classes they may belong to."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.adapter.support import Support


@dataclass(frozen=True, slots=True)
class Questions:
    """Q pictures to be told apart into the C classes of some tasks.

    The columns of an answer are the classes of the first task asked about in their order, then
    those of the second, and so on. Tasks that are not learned yet may be among them: their classes
    are known by their texts alone.
    """

    rows_QD: Float[Tensor, "Q D"]
    """Unit rows of the pictures; each is to be answered by itself."""
    texts: dict[int, Float[Tensor, "_ D"]]
    """Task → unit rows of the texts of its classes."""
    logit_scale: float
    """The encoder's inverse temperature."""

    @property
    def tasks(self) -> tuple[int, ...]:
        """The tasks whose classes are possible answers, in the order of the columns."""
        return tuple(self.texts)

    @property
    def zero_shot_QC(self) -> Float[Tensor, "Q C"]:
        """CLIP's own logits, by the texts alone."""
        return self.logit_scale * self.rows_QD @ torch.cat(list(self.texts.values())).mT

    def is_of(self, tasks: Collection[int]) -> Bool[Tensor, " C"]:
        """True for the classes of these tasks."""
        return torch.cat(
            [torch.full((len(text),), task in tasks) for task, text in self.texts.items()]
        )


def gated(
    scores_QL: Float[Tensor, "Q L"], learned: Collection[int], questions: Questions
) -> Float[Tensor, "Q C"]:
    """Answers over all classes asked about, of a head that knows the classes of learned tasks.

    Zero-shot CLIP decides, as in RAIL (Xu et al., NeurIPS 2024, section 4): where its best class is
    of a learned task the head answers, and elsewhere the texts do. Where all tasks are learned that
    is the head's own answer, and where none is it is zero-shot CLIP's.

    Args:
        scores_QL: Scores of the L classes of those tasks asked about that are learned, in the order
            of the questions.
        learned: The tasks that are learned, asked about or not.
        questions: What is asked.

    Returns:
        Scores, −∞ for what the gate rules out.
    """
    zero_shot_QC = questions.zero_shot_QC
    is_learned_C = questions.is_of(learned)
    by_head_QC = torch.full_like(zero_shot_QC, -torch.inf)
    by_head_QC[:, is_learned_C] = scores_QL.to(zero_shot_QC)
    goes_to_head_Q1 = is_learned_C[zero_shot_QC.argmax(-1)][:, None]
    return torch.where(goes_to_head_Q1, by_head_QC, zero_shot_QC)


def shared(
    log_QL: Float[Tensor, "Q L"],
    log_known_Q: Float[Tensor, " Q"],
    log_other_Q: Float[Tensor, " Q"],
    learned: Collection[int],
    questions: Questions,
) -> Float[Tensor, "Q C"]:
    """Log-probabilities of all classes asked about, by how likely a picture is of a learned task.

    P(c | x) = P(known | x) P(c | x, known) for learned classes, and for the others 1 − P(known | x)
    times zero-shot CLIP's answer among them alone. Where all tasks are learned, P(known | x) is 1.

    Args:
        log_QL: log P(c | x, known) of the L classes of those tasks asked about that are learned, in
            the order of the questions.
        log_known_Q: log P(known | x).
        log_other_Q: log(1 − P(known | x)).
        learned: The tasks that are learned, asked about or not.
        questions: What is asked.
    """
    is_learned_C = questions.is_of(learned)
    if is_learned_C.all():
        return log_QL
    zero_shot_QC = questions.zero_shot_QC
    found_QC = torch.empty_like(zero_shot_QC)
    found_QC[:, is_learned_C] = (log_known_Q[:, None] + log_QL).to(zero_shot_QC)
    among_others = zero_shot_QC[:, ~is_learned_C].log_softmax(-1)
    found_QC[:, ~is_learned_C] = log_other_Q[:, None].to(zero_shot_QC) + among_others
    return found_QC


def merged(supports: Collection[Support]) -> Support:
    """One support of the classes of several, each of one task, in their order.

    Blocks and temperature are those of the first one, as all are of one encoder.
    """
    parts = [each.labelled_rows() for each in supports]
    first_ways = torch.tensor([0, *(each.n_way for each in supports)]).cumsum(0)
    rows, labels = zip(*parts, strict=True)
    first, *_ = supports
    scale_T = first.logit_scale_T
    return Support.of_rows(
        torch.cat(rows),
        torch.cat([own + start for own, start in zip(labels, first_ways, strict=False)]),
        torch.cat([each.text_TND[0] for each in supports]),
        logit_scale=None if scale_T is None else float(scale_T[0]),
        blocks=first.blocks,
    )
