"""`Learner`, the interface of a continual learner: its state grows with each task it learns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Generic, TypeVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.adapter.support import Support

State = TypeVar("State")
NUMBER = 4
"""The bytes of a kept number, in single precision, whatever the calculation uses."""


class Learner(ABC, Generic[State]):
    """Learns one task after the other; a state is a value that no later task changes.

    A user's learner is a subclass that can be created without arguments and has only settings.
    """

    sees_every_task: bool = False
    """Whether it learns all tasks before its first answer, as an upper bound for others."""

    @abstractmethod
    def start(self) -> State:
        """Return the state before the first task."""

    @abstractmethod
    def learn(self, state: State, support: Support, task: int) -> State:
        """Return the state after one more task, and leave the given state unchanged.

        Args:
            state: The state after the tasks so far.
            support: The support of this one task.
            task: The number of the task, from 0.
        """

    @abstractmethod
    def answer(self, state: State, questions: Questions) -> Float[Tensor, "Q C"]:
        """Return a score for each query and possible class; the largest score is the answer."""

    def n_bytes(self, state: State) -> int:
        """Return the bytes kept from task to task, without texts, which all learners get."""
        return kept_bytes(state)


def kept_bytes(state: Any) -> int:
    """Count `NUMBER` bytes for each number in a state's tensors; in a `Support`, in its pictures.

    A state consists of tensors, numbers, mappings, sequences and dataclasses.
    """
    if isinstance(state, Support):
        return int(state.present_TNK.sum()) * state.text_TND.shape[-1] * NUMBER
    if isinstance(state, Tensor):
        return state.numel() * NUMBER
    if isinstance(state, Mapping):
        return sum(map(kept_bytes, state.values()))
    if is_dataclass(state):
        return sum(kept_bytes(getattr(state, field.name)) for field in fields(state))
    if isinstance(state, Iterable) and not isinstance(state, str | bytes):
        return sum(map(kept_bytes, state))
    return 0


@dataclass(frozen=True, slots=True)
class Questions:
    """Q pictures to classify among the C classes of some tasks.

    Scores have a column for each class: first the classes of the first task, in their order, then
    those of the second task, and so on. Of a task not learned yet only the texts are known.
    """

    rows_QD: Float[Tensor, "Q D"]
    """The features of the pictures; each picture is classified by itself."""
    texts: dict[int, Float[Tensor, "_ D"]]
    """Task → the text features of its classes."""
    logit_scale: float
    """The encoder's inverse temperature."""

    @property
    def tasks(self) -> tuple[int, ...]:
        """The tasks whose classes are possible, in the order of the columns."""
        return tuple(self.texts)

    @property
    def zero_shot_QC(self) -> Float[Tensor, "Q C"]:
        """The logits of zero-shot CLIP, from the texts only."""
        return self.logit_scale * self.rows_QD @ torch.cat(list(self.texts.values())).mT

    def is_of(self, tasks: Collection[int]) -> Bool[Tensor, " C"]:
        """Return a mask over the columns: True for a class of one of these tasks."""
        return torch.cat(
            [torch.full((len(text),), task in tasks) for task, text in self.texts.items()]
        )


def gated(
    scores_QL: Float[Tensor, "Q L"], learned: Collection[int], questions: Questions
) -> Float[Tensor, "Q C"]:
    """Return scores for all possible classes, from a head for the classes of learned tasks.

    Zero-shot CLIP is the gate, as in RAIL (Xu et al., NeurIPS 2024, section 4): if its best class
    is in a learned task, the head predicts, else the texts do.

    Args:
        scores_QL: The head's scores for the L possible classes of learned tasks, in the order of
            the columns.
        learned: The learned tasks, also those whose classes are not possible.
        questions: The pictures and their possible classes.

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
    """Return log P(c | x) for all possible classes; "known" means that the task of c is learned.

    P(c | x) is P(known | x) P(c | x, known) for a learned class, and for another class it is
    (1 − P(known | x)) times its zero-shot probability among the unlearned classes. If all tasks are
    learned, P(known | x) is 1. `log_QL` is log P(c | x, known) for the L learned classes.
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
    """Join supports, each of one task, to the support of one task with all their classes."""
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
