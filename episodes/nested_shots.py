"""Tasks for evaluation: the same classes and queries at every number of shots."""

from __future__ import annotations

import torch

from episodes.distinct import draw_distinct
from episodes.errors import EpisodeError
from episodes.label_index import LabelIndex
from episodes.rows import EpisodeRows

__all__ = ["nested_draws"]


def nested_draws(
    index: LabelIndex,
    shots: tuple[int, ...],
    n_query: int,
    n_tasks: int,
    most_ways: int,
    seed: int,
) -> EpisodeRows:
    """Draw tasks whose supports are nested: two shots are the one shot and another picture.

    Every class has all its shots: classes with fewer than `max(shots) + 1` pictures are left out,
    and a class with fewer than `max(shots) + n_query` has fewer queries.

    Args:
        index: the pictures of each class.
        shots: numbers of shots to compare, as in (1, 2, 4, 8, 16).
        n_query: pictures to classify, a class.
        n_tasks: number of tasks.
        most_ways: classes of a task, or all there are if they are fewer.
        seed: the same one gives the same tasks.

    Returns:
        Row numbers with `max(shots)` shots; `rows.first(k)` gives the tasks with k.

    Raises:
        EpisodeError: if fewer than two classes have enough pictures.
    """
    generator = torch.Generator().manual_seed(seed)
    n_shot, counts_C = max(shots), index.counts_C
    is_enough_C = counts_C > n_shot
    if int(is_enough_C.sum()) < 2 or most_ways < 2:
        raise EpisodeError(_too_few(index, n_shot, most_ways))
    usable_c = is_enough_C.nonzero()[:, 0]
    n_usable_T = torch.full((n_tasks,), len(usable_c))
    classes_TN = usable_c[draw_distinct(n_usable_T, n_usable_T.clamp(max=most_ways), generator)]
    counts_TN = counts_C[classes_TN]
    picks_TNP = draw_distinct(counts_TN, counts_TN.clamp(max=n_shot + n_query), generator)
    starts_TN1 = index.starts_CM[classes_TN, 0][..., None]
    rows_TNP = index.rows_at(torch.where(picks_TNP < 0, -1, picks_TNP + starts_TN1))
    return EpisodeRows(
        classes_TN=classes_TN,
        support_TNK=rows_TNP[..., :n_shot],
        twin_TNK=rows_TNP[..., :0],
        query_TNQ=rows_TNP[..., n_shot:],
        off_class_TO=classes_TN[:, :0],
    )


def _too_few(index: LabelIndex, n_shot: int, most_ways: int) -> str:
    if most_ways < 2:
        return f"a task has at least 2 ways, got most_ways={most_ways}"
    return (
        f"2 classes of {n_shot} shots and 1 query = {n_shot + 1} pictures are needed; "
        + ", ".join(
            f"class {index.names[c]!r} has {int(index.counts_C[c])}"
            for c in index.counts_C.argsort(descending=True)[:3].tolist()
        )
        + " (the largest). Add pictures or ask for fewer shots"
    )
