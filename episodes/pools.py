"""Pools: unlabelled pictures for a task, drawn to be as varied as the pools of users."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from episodes.draws import draw_off_class
from episodes.label_index import LabelIndex

SIZE = 1, 20
"""Least and most pictures per class; the number is drawn once for all tasks, log-uniformly."""
# All shares are fractions of the tasks, drawn independently.
SKEWED = 0.5
"""The share in which class sizes have a Dirichlet distribution; else they are equal."""
CONCENTRATION = 0.2, 2.0
"""The range of the concentration of this distribution, drawn log-uniformly."""
STRANGERS = 0.4
"""The share with pictures of classes outside the task."""
MOST_STRANGERS = 0.5
"""The largest fraction of such pictures in a pool that has some, drawn uniformly."""
FOREIGN = 0.4
"""The share in which they come from another source with the same encoder, if there is one."""
COPIES = 0.05
"""The share whose pool also contains the labelled pictures."""


def draw_pools(
    index: LabelIndex,
    starts_TN: Int[Tensor, "T N"],
    counts_TN: Int[Tensor, "T N"],
    classes_TN: Int[Tensor, "T N"],
    support_TNK: Int[Tensor, "T N K"],
    others: tuple[Tensor, ...],
    generator: torch.Generator,
) -> Int[Tensor, "T U"]:
    """Return a pool of row numbers for each task, padded with −1; empty if no picture is free.

    A class has `counts_TN` pictures for pools, from `starts_TN` on in `index.rows_n`. Pools do not
    have pictures in `others`, and pictures of the support only as copies.
    """
    rng = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
    low, high = SIZE
    size = min(high, int(low * ((high + 1) / low) ** rng.random()))
    known, wanted, taken_by_task = [], [], []
    for task, classes in enumerate(classes_TN.tolist()):
        n_way = sum(number >= 0 for number in classes)
        counts = np.full(n_way, size)
        if rng.random() < SKEWED:
            low_c, high_c = np.log(CONCENTRATION)
            shares = rng.dirichlet(np.full(n_way, np.exp(rng.uniform(low_c, high_c))))
            counts = rng.multinomial(n_way * size, shares)
        taken = torch.cat([rows[task].flatten() for rows in (support_TNK, *others)])
        taken_by_task.append(taken)
        parts = []
        for way, count in enumerate(counts.tolist()):
            start = int(starts_TN[task, way])
            rows = index.rows_n[start : start + int(counts_TN[task, way])]
            free = rows[~torch.isin(rows, taken)]
            parts.append(free[torch.from_numpy(rng.permutation(len(free))[:count])])
        n_known = sum(map(len, parts))
        has_strangers = rng.random() < STRANGERS
        fraction = rng.uniform(0, MOST_STRANGERS) if has_strangers else 0.0
        wanted.append(round(n_known * fraction / (1 - fraction)))
        if rng.random() < COPIES:
            parts.append(support_TNK[task][support_TNK[task] >= 0])
        known.append(torch.cat(parts))
    strangers_TO = classes_TN[:, :0]
    if max(wanted):
        positions_TO = draw_off_class(classes_TN, index.counts_C, max(wanted), generator)
        strangers_TO = index.rows_at(positions_TO)
    pools = []
    for rows, taken, n_strangers, strangers in zip(
        known, taken_by_task, wanted, strangers_TO, strict=True
    ):
        free = strangers[(strangers >= 0) & ~torch.isin(strangers, taken)]
        pool = torch.cat([rows, free[:n_strangers]])
        pools.append(pool[torch.from_numpy(rng.permutation(len(pool)))])
    return pad_sequence(pools, batch_first=True, padding_value=-1)
