"""Tasks for evaluation: the same classes and queries at every number of shots."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from episodes.draws import draw_distinct
from episodes.errors import EpisodeError
from episodes.label_index import LabelIndex
from episodes.tasks import EpisodeRows


def nested_draws(
    index: LabelIndex,
    shots: tuple[int, ...],
    n_query: int,
    n_tasks: int,
    most_ways: int,
    seed: int,
) -> EpisodeRows:
    """Draw tasks with nested supports: a support of k + 1 shots contains the one of k shots.

    Classes with fewer than `max(shots) + 1` pictures are left out, so every class has all shots. A
    class with fewer than `max(shots) + n_query` pictures has fewer queries. A task has `most_ways`
    classes, or all if there are fewer. The same seed gives the same tasks.

    Returns:
        Row numbers with `max(shots)` shots; `rows.first(k)` gives the tasks with k.

    Raises:
        EpisodeError: Fewer than two classes have enough pictures.
    """
    generator = torch.Generator().manual_seed(seed)
    n_shot, counts_C = max(shots), index.counts_C
    usable_C = (counts_C > n_shot).nonzero()[:, 0]
    if len(usable_C) < 2:
        largest = counts_C.argsort(descending=True)[:3].tolist()
        listed = ", ".join(f"class {c} has {int(counts_C[c])}" for c in largest)
        raise EpisodeError(
            f"2 classes with {n_shot} shots and 1 query = {n_shot + 1} pictures are needed; the "
            f"largest classes: {listed}. Add pictures or ask for fewer shots"
        )
    classes_TN = _draw_classes(usable_C, n_tasks, most_ways, generator)
    starts_TN, counts_TN = index.starts_CM[classes_TN, 0], counts_C[classes_TN]
    rows_TNP = index.draw(starts_TN, counts_TN, n_shot + n_query, generator)
    return _tasks(classes_TN, rows_TNP[..., :n_shot], rows_TNP[..., n_shot:])


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
    """Draw tasks with labelled pictures from one domain and queries from another.

    Classes with fewer than `n_shot` pictures in the first domain, or none in the second, are left
    out. A class has `n_query` queries and a task `most_ways` classes, or all if there are fewer.
    The same seed gives the same tasks.

    Returns:
        Row numbers with `n_shot` shots; `rows.first(k)` gives the tasks with k.

    Raises:
        EpisodeError: Fewer than two classes have enough pictures.
    """
    generator = torch.Generator().manual_seed(seed)
    counts_CM = index.counts_CM
    is_usable_C = (counts_CM[:, support_domain] >= n_shot) & (counts_CM[:, query_domain] > 0)
    usable_C = is_usable_C.nonzero()[:, 0]
    if len(usable_C) < 2:
        raise EpisodeError(
            f"2 classes with {n_shot} pictures in domain {support_domain} and 1 in domain "
            f"{query_domain} are needed, got {len(usable_C)}; add pictures or ask for fewer shots"
        )
    classes_TN = _draw_classes(usable_C, n_tasks, most_ways, generator)
    support_TNK, query_TNQ = (
        index.draw(
            index.starts_CM[classes_TN, domain], counts_CM[classes_TN, domain], most, generator
        )
        for domain, most in ((support_domain, n_shot), (query_domain, n_query))
    )
    return _tasks(classes_TN, support_TNK, query_TNQ)


def _draw_classes(
    usable_C: Int[Tensor, " C"], n_tasks: int, most_ways: int, generator: torch.Generator
) -> Int[Tensor, "T N"]:
    if most_ways < 2:
        raise EpisodeError(f"a task has at least 2 ways, got most_ways={most_ways}")
    n_usable_T = torch.full((n_tasks,), len(usable_C))
    return usable_C[draw_distinct(n_usable_T, n_usable_T.clamp(max=most_ways), generator)]


def _tasks(
    classes_TN: Int[Tensor, "T N"],
    support_TNK: Int[Tensor, "T N K"],
    query_TNQ: Int[Tensor, "T N Q"],
) -> EpisodeRows:
    empty_TN0, empty_T0 = support_TNK[..., :0], classes_TN[:, :0]
    return EpisodeRows(classes_TN, support_TNK, empty_TN0, query_TNQ, empty_T0, empty_T0)
