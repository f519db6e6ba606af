"""Labels of queries that nobody can read before the answers are in."""

from __future__ import annotations

from typing import Any, NoReturn, final

from jaxtyping import Float, Int
from torch import Tensor

from metaadapter.errors import MetaAdapterError

__all__ = ["LabelsRead", "SealedLabels"]


class LabelsRead(MetaAdapterError, PermissionError):
    """Something looked at evaluation labels before scoring."""


@final
class SealedLabels:
    """Labels that are handed out in exchange for answers, and for nothing else.

    Reading, indexing, comparing, converting or computing with them raises `LabelsRead`.
    """

    __slots__ = ("_open",)

    def __init__(self, labels_TQ: Int[Tensor, "T Q"]) -> None:
        # In a closure rather than an attribute, so that no attribute holds them.
        def unseal(answers_TQN: Float[Tensor, "T Q N"]) -> Int[Tensor, "T Q"]:
            if answers_TQN.shape[:2] != labels_TQ.shape:
                _refuse()
            return labels_TQ

        object.__setattr__(self, "_open", unseal)

    def open(self, answers_TQN: Float[Tensor, "T Q N"]) -> Int[Tensor, "T Q"]:
        """The labels, for logits of every query."""
        labels_TQ: Tensor = self._open(answers_TQN)
        return labels_TQ

    def __getattr__(self, name: str) -> NoReturn:
        _refuse()

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        _refuse()

    def __getitem__(self, key: Any) -> NoReturn:
        _refuse()

    def __iter__(self) -> NoReturn:
        _refuse()

    def __len__(self) -> NoReturn:
        _refuse()

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        _refuse()

    def __eq__(self, other: object) -> bool:
        _refuse()

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def __torch_function__(cls, *_: Any, **__: Any) -> NoReturn:
        _refuse()


def _refuse() -> NoReturn:
    raise LabelsRead(
        "evaluation labels were read before scoring: a method sees the support and nothing else, "
        "and labels open for the logits of all queries only"
    )
