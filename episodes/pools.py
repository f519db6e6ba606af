"""Pools: unlabelled pictures of a task, of every kind that people have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from episodes.draws import draw_off_class
from episodes.errors import EpisodeError
from episodes.label_index import LabelIndex

# Dirichlet's concentration of the shares of the classes in a skewed pool, log-uniform within.
CONCENTRATION = 0.2, 2.0
# Of a pool with strangers, uniform up to this.
MOST_STRANGERS = 0.5


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """What pools are drawn; the fractions are of the tasks, and independent.

    Raises:
        EpisodeError: The range is empty, or a fraction is not within 0 to 1.
    """

    size: tuple[int, int] = (1, 20)
    """Least and most pictures of a class, log-uniform; the same in all tasks of a draw."""
    skewed: float = 0.5
    """Shares of the classes are drawn from a Dirichlet distribution, 0.2 to 2; else all equal."""
    strangers: float = 0.4
    """Up to half of the pool are pictures of classes that are not in the task."""
    foreign: float = 0.4
    """Such strangers are pictures of another source of the same encoder, where there is one."""
    copies: float = 0.05
    """The labelled pictures are in the pool once more."""

    def __post_init__(self) -> None:
        least, most = self.size
        if not 1 <= least <= most:
            raise EpisodeError(
                f"size must be (least, most) with 1 <= least <= most, got {least, most}"
            )
        for name in ("skewed", "strangers", "foreign", "copies"):
            if not 0 <= getattr(self, name) <= 1:
                raise EpisodeError(
                    f"{name} is a fraction of tasks, 0 to 1, got {getattr(self, name)}"
                )


def draw_pools(
    index: LabelIndex,
    starts_TN: Int[Tensor, "T N"],
    counts_TN: Int[Tensor, "T N"],
    classes_TN: Int[Tensor, "T N"],
    support_TNK: Int[Tensor, "T N K"],
    others: tuple[Tensor, ...],
    spec: PoolSpec,
    generator: torch.Generator,
) -> Int[Tensor, "T U"]:
    """Draw a pool for each task, in which no other picture of the task is, but for copies.

    Args:
        index: The pictures of each class.
        starts_TN: Where in `index.rows_n` the pictures of each class begin that pools may have.
        counts_TN: How many they are.
        classes_TN: The classes, −1 filling up.
        support_TNK: The labelled pictures, −1 filling up.
        others: Further pictures of the tasks that no pool may have, each with a leading task axis.
        spec: What pools are drawn.
        generator: The source of randomness.

    Returns:
        Row numbers, −1 filling up; a task whose pictures are all taken has no pool.
    """
    rng = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
    low, high = spec.size
    size = min(high, int(low * ((high + 1) / low) ** rng.random()))
    known, wanted, taken_by_task = [], [], []
    for task, classes in enumerate(classes_TN.tolist()):
        n_way = sum(number >= 0 for number in classes)
        counts = np.full(n_way, size)
        if rng.random() < spec.skewed:
            low_c, high_c = np.log(CONCENTRATION)
            shares = rng.dirichlet(np.full(n_way, np.exp(rng.uniform(low_c, high_c))))
            counts = rng.multinomial(n_way * size, shares)
        taken = torch.cat([each[task].flatten() for each in (support_TNK, *others)])
        taken_by_task.append(taken)
        parts = []
        for way, count in enumerate(counts.tolist()):
            start = int(starts_TN[task, way])
            there = index.rows_n[start : start + int(counts_TN[task, way])]
            left = there[~torch.isin(there, taken)]
            parts.append(left[torch.from_numpy(rng.permutation(len(left))[:count])])
        n_known = sum(map(len, parts))
        has_strangers = rng.random() < spec.strangers
        fraction = rng.uniform(0, MOST_STRANGERS) if has_strangers else 0.0
        wanted.append(round(n_known * fraction / (1 - fraction)))
        if rng.random() < spec.copies:
            parts.append(support_TNK[task][support_TNK[task] >= 0])
        known.append(torch.cat(parts))
    strangers_TO = classes_TN[:, :0]
    if max(wanted):
        places_TO = draw_off_class(classes_TN, index.counts_C, max(wanted), generator)
        strangers_TO = index.rows_at(places_TO)
    pools = []
    for one, taken, n_strangers, strangers in zip(
        known, taken_by_task, wanted, strangers_TO, strict=True
    ):
        free = strangers[(strangers >= 0) & ~torch.isin(strangers, taken)]
        pool = torch.cat([one, free[:n_strangers]])
        pools.append(pool[torch.from_numpy(rng.permutation(len(pool)))])
    return pad_sequence(pools, batch_first=True, padding_value=-1)
