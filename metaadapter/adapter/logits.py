"""The logits of queries, by adapters or by a function that no adapter can express."""

from __future__ import annotations

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.weights import AdapterWeights, classify

LogitFunction = Callable[[Float[Tensor, "T Q D"]], Float[Tensor, "T Q N"]]
"""From unit rows of T tasks to log-probabilities, −∞ for classes that a batch masks out.

For methods that need more of a picture than its products with a few vectors, such as its
neighbours.
"""


def logits_of(
    head: AdapterWeights | LogitFunction, query_TQD: Float[Tensor, "T Q D"]
) -> Float[Tensor, "T Q N"]:
    """Return the logits of unit rows; each row is classified by itself."""
    return classify(query_TQD, head) if isinstance(head, AdapterWeights) else head(query_TQD)
