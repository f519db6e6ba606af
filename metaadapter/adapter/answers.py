"""What a method gives for tasks: their adapters, or a function where no adapter says the same."""

from __future__ import annotations

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.weights import AdapterWeights, classify

Answers = Callable[[Float[Tensor, "T Q D"]], Float[Tensor, "T Q N"]]
"""From unit rows of T tasks to log-probabilities, −∞ for classes that a batch masks out.

For heads that ask more of a picture than its products with a few vectors, such as its neighbours.
"""


def answer(
    found: AdapterWeights | Answers, query_TQD: Float[Tensor, "T Q D"]
) -> Float[Tensor, "T Q N"]:
    """Logits of unit rows, each by itself, whichever form the head has."""
    return classify(query_TQD, found) if isinstance(found, AdapterWeights) else found(query_TQD)
