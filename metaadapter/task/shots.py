"""Drawing a few pictures of each class."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

__all__ = ["draw_shots"]


def draw_shots(labels: Sequence[str], shots: int | None, seed: int) -> list[int]:
    """Draw at most `shots` pictures of each class, all of them for `None`; their numbers, sorted.

    The draws are nested, so that accuracies can be compared: k shots are among k + 1, and those of
    a class do not depend on which other classes there are.
    """
    if shots is None:
        return list(range(len(labels)))
    numbers = defaultdict(list)
    for number, label in enumerate(labels):
        numbers[label].append(number)
    drawn = []
    for label, in_class in numbers.items():
        # An undecodable folder name is carried by surrogates, which plain UTF-8 refuses.
        rng = np.random.default_rng([seed, *label.encode(errors="surrogateescape")])
        drawn.append(rng.permutation(in_class)[:shots])
    return sorted(np.concatenate(drawn).tolist())
