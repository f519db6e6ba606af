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
    *,
    domains: tuple[int, int] | None = None,
) -> EpisodeRows:
    """Draw tasks with nested supports: a support of k + 1 shots contains the one of k shots.

    Classes with fewer than `max(shots) + 1` pictures are left out, so every class has all shots. A
    class has up to `n_query` queries, and a task `most_ways` classes, or all if there are fewer.
    With two `domains` the shots are of the first one and the queries of the second. The same seed
    gives the same tasks.

    Returns:
        Row numbers with `max(shots)` shots; `rows.first(k)` gives the tasks with k.

    Raises:
        EpisodeError: Fewer than two classes have enough pictures.
    """
    generator = torch.Generator().manual_seed(seed)
    n_shot, counts_CM, where = max(shots), index.counts_CM, ""
    enough_C = index.counts_C > n_shot
    if domains is not None:
        labelled, asked = domains
        enough_C = (counts_CM[:, labelled] >= n_shot) & (counts_CM[:, asked] > 0)
        where = f" in domain {labelled} and {asked}"
    usable_C = enough_C.nonzero()[:, 0]
    if len(usable_C) < 2:
        raise EpisodeError(
            f"2 classes with {n_shot} shots and 1 query{where} are needed, got {len(usable_C)}; "
            f"the largest class has {max(index.counts_C.tolist(), default=0)} pictures. Add "
            "pictures or ask for fewer shots"
        )
    if most_ways < 2:
        raise EpisodeError(f"a task has at least 2 ways, got most_ways={most_ways}")
    n_usable_T = torch.full((n_tasks,), len(usable_C))
    classes_TN = usable_C[draw_distinct(n_usable_T, n_usable_T.clamp(max=most_ways), generator)]

    def draw(domain: int, counts_C: Tensor, most: int) -> Int[Tensor, "T N P"]:
        starts_TN, counts_TN = index.starts_CM[classes_TN, domain], counts_C[classes_TN]
        return index.draw(starts_TN, counts_TN, most, generator)

    if domains is None:
        rows_TNP = draw(0, index.counts_C, n_shot + n_query)
        support_TNK, query_TNQ = rows_TNP.tensor_split([n_shot], -1)
    else:
        support_TNK = draw(labelled, counts_CM[:, labelled], n_shot)
        query_TNQ = draw(asked, counts_CM[:, asked], n_query)
    empty_TN0, empty_T0 = support_TNK[..., :0], classes_TN[:, :0]
    return EpisodeRows(classes_TN, support_TNK, empty_TN0, query_TNQ, empty_T0, empty_T0)
