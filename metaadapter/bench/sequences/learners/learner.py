"""What a continual learner is: a state that grows by one task after the other, and answers."""

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
"""Bytes of a number that is kept: single precision, whatever it is calculated in."""


class Learner(ABC, Generic[State]):
    """Learns task after task; its state is a value that no later task changes.

    A learner of one's own is a subclass that is made without arguments; it holds settings alone.
    """

    sees_every_task: bool = False
    """Whether it has learned all tasks before it is first asked: a ceiling to the others."""

    @abstractmethod
    def start(self) -> State:
        """The state before the first task."""

    @abstractmethod
    def learn(self, state: State, support: Support, task: int) -> State:
        """The state with one task more; the one given stays as it is.

        Args:
            state: After the tasks so far.
            support: The labelled pictures and texts of the task: the one task of the support.
            task: Its number, 0 for the first one.
        """

    @abstractmethod
    def answer(self, state: State, questions: Questions) -> Float[Tensor, "Q C"]:
        """Scores of each class asked about: the largest is the answer."""

    def n_bytes(self, state: State) -> int:
        """The bytes kept between tasks, without the texts, which all learners get."""
        return kept_bytes(state)


def kept_bytes(state: Any) -> int:
    """`NUMBER` bytes for each number of a state's tensors; of supports the pictures alone count.

    A state is made of tensors, numbers, mappings, sequences and dataclasses.
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
