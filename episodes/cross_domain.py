"""Tasks for evaluation with labelled pictures of one domain and queries of another."""

from __future__ import annotations

import torch
from torch import Tensor

from episodes.distinct import draw_distinct
from episodes.errors import EpisodeError
from episodes.label_index import LabelIndex
from episodes.rows import EpisodeRows

__all__ = ["cross_domain_draws"]


def cross_domain_draws(
    index: LabelIndex,
    *,
    support_domain: int,
    query_domain: int,
    n_shot: int,
    n_query: int,
    n_tasks: int,
    most_ways: int,
    seed: int,
) -> EpisodeRows:
    """Tasks with labelled pictures of one domain and queries of another.

    Args:
        index: Pictures of each class and domain. Classes without `n_shot` pictures in the one
            domain or any in the other are left out.
        support_domain: Where the labelled pictures come from.
        query_domain: Where the pictures to classify come from.
        n_shot: Labelled pictures a class; `rows.first(k)` gives tasks with fewer.
        n_query: Pictures to classify, a class, or all there are if they are fewer.
        n_tasks: Number of tasks.
        most_ways: Classes of a task, or all there are if they are fewer.
        seed: The same one gives the same tasks.

    Raises:
        EpisodeError: Fewer than two classes have enough pictures.
    """
    generator = torch.Generator().manual_seed(seed)
    has_shots_C = index.counts_CM[:, support_domain] >= n_shot
    usable_C = (has_shots_C & (index.counts_CM[:, query_domain] > 0)).nonzero()[:, 0]
    if len(usable_C) < 2:
        raise EpisodeError(
            f"2 classes with {n_shot} pictures in domain {support_domain} and 1 in domain "
            f"{query_domain} are needed, and {len(usable_C)} has them; ask for fewer shots"
        )
    n_usable_T = torch.full((n_tasks,), len(usable_C))
    ways_TN = draw_distinct(n_usable_T, n_usable_T.clamp(max=most_ways), generator)
    classes_TN = usable_C[ways_TN]

    def pick(domain: int, most: int) -> Tensor:
        counts_TN = index.counts_CM[classes_TN, domain]
        picks_TNP = draw_distinct(counts_TN, counts_TN.clamp(max=most), generator)
        places_TNP = picks_TNP + index.starts_CM[classes_TN, domain][..., None]
        return index.rows_at(torch.where(picks_TNP < 0, -1, places_TNP))

    support_TNK = pick(support_domain, n_shot)
    return EpisodeRows(
        classes_TN=classes_TN,
        support_TNK=support_TNK,
        twin_TNK=support_TNK[..., :0],
        query_TNQ=pick(query_domain, n_query),
        off_class_TO=classes_TN[:, :0],
    )
