"""The interface of a continual learner: a state that grows task by task, and answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Generic, TypeVar

from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.bench.sequences.learners.questions import Questions

State = TypeVar("State")
NUMBER = 4
"""Bytes of a kept number: single precision, whatever the precision of the calculation."""


class Learner(ABC, Generic[State]):
    """Learns one task after the other; a state is a value that no later task changes.

    A user's learner is a subclass that is created without arguments and holds only settings.
    """

    sees_every_task: bool = False
    """Whether it learns all tasks before its first answer: an upper bound for the others."""

    @abstractmethod
    def start(self) -> State:
        """The state before the first task."""

    @abstractmethod
    def learn(self, state: State, support: Support, task: int) -> State:
        """The state after one more task; the given state stays as it is.

        Args:
            state: The state after the tasks so far.
            support: The support of this one task.
            task: The number of the task, from 0.
        """

    @abstractmethod
    def answer(self, state: State, questions: Questions) -> Float[Tensor, "Q C"]:
        """Scores of each possible class; the largest score is the answer."""

    def n_bytes(self, state: State) -> int:
        """Bytes that are kept from task to task, without texts, which all learners get."""
        return kept_bytes(state)


def kept_bytes(state: Any) -> int:
    """`NUMBER` bytes for each number in a state's tensors; of supports only the pictures count.

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
