"""The same tasks for learn2learn, and learn2learn's tasks as ours."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.data import TensorDataset

from episodes.batch import EpisodeBatch
from episodes.errors import EpisodeError

__all__ = ["from_learn2learn", "to_learn2learn"]


def to_learn2learn(
    features_nD: Float[Tensor, "n D"],
    labels_n: Int[Tensor, " n"],
    n_way: int,
    n_shot: int,
    n_query: int,
    n_tasks: int,
    *,
    keep_labels: bool = False,
) -> Any:
    """Offer a labelled table as a learn2learn `Taskset`.

    Args:
        features_nD: one row a picture.
        labels_n: class number of each.
        n_way: classes of a task.
        n_shot: labelled pictures a class.
        n_query: pictures to classify, a class.
        n_tasks: number of tasks; each is drawn when first asked for, and remembered.
        keep_labels: keep the class numbers; otherwise each task's classes are numbered from 0,
            as is usual there.

    Returns:
        A `Taskset` whose tasks are `(features, labels)` of `n_way × (n_shot + n_query)` rows, the
        rows of a class together. It draws from Python's and numpy's global generators.

    Raises:
        ImportError: if learn2learn is not installed or does not load.
    """
    data = _import_learn2learn_data()
    table = data.MetaDataset(TensorDataset(features_nD, labels_n))
    draw = [
        data.transforms.FusedNWaysKShots(table, n=n_way, k=n_shot + n_query),
        data.transforms.LoadData(table),
        data.transforms.ConsecutiveLabels(table),
    ]
    if not keep_labels:
        draw.append(data.transforms.RemapLabels(table, shuffle=False))
    return data.Taskset(table, task_transforms=draw, num_tasks=n_tasks)


def from_learn2learn(
    taskset: Any,
    n_tasks: int,
    n_way: int,
    n_shot: int,
    text_CD: Float[Tensor, "C D"] | None = None,
) -> EpisodeBatch:
    """Turn the first tasks of a learn2learn `Taskset` into a batch.

    Args:
        taskset: gives `(features, labels)` for each of 0 … n_tasks − 1, as a `Taskset` does.
        n_tasks: number of tasks to take.
        n_way: classes of each.
        n_shot: the first so many pictures of a class are its support, the others its queries.
        text_CD: text feature of each class. The tasks' labels must then be class numbers (no
            `RemapLabels`; `to_learn2learn(…, keep_labels=True)`).

    Returns:
        The tasks; texts are zeros without `text_CD`.

    Raises:
        EpisodeError: if a task has other ways, or too few or unequally many pictures of a class.
    """
    tasks = []
    for number in range(n_tasks):
        features_nD, labels_n = taskset[number]
        tasks.append(_group(features_nD, labels_n, n_way, n_shot, number))
    features_TNPD = torch.stack([features for features, _ in tasks])
    classes_TN = torch.stack([classes for _, classes in tasks])
    if text_CD is not None and int(classes_TN.max()) >= len(text_CD):
        raise EpisodeError(
            f"text features are those of {len(text_CD)} classes, but a task has label "
            f"{int(classes_TN.max())}"
        )
    support_TNKD, query_TNQD = features_TNPD[:, :, :n_shot], features_TNPD[:, :, n_shot:]
    labels_Q = torch.arange(n_way).repeat_interleave(query_TNQD.shape[2])
    return EpisodeBatch(
        support_TNKD=support_TNKD,
        support_mask_TNK=torch.ones(support_TNKD.shape[:3], dtype=torch.bool),
        query_TQD=query_TNQD.flatten(1, 2),
        query_labels_TQ=labels_Q.repeat(n_tasks, 1),
        text_TND=torch.zeros_like(features_TNPD[:, :, 0])
        if text_CD is None
        else text_CD[classes_TN],
        class_mask_TN=torch.ones_like(classes_TN, dtype=torch.bool),
    )


def _group(
    features_nD: Float[Tensor, "n D"],
    labels_n: Int[Tensor, " n"],
    n_way: int,
    n_shot: int,
    number: int,
) -> tuple[Float[Tensor, "N P D"], Int[Tensor, " N"]]:
    counts_C = labels_n.bincount()
    classes_N = counts_C.nonzero()[:, 0]
    counts_N = counts_C[classes_N]
    if len(classes_N) != n_way or counts_N.min() != counts_N.max() or counts_N[0] <= n_shot:
        raise EpisodeError(
            f"task {number} of the task set should have {n_way} classes, each of {n_shot} shots "
            f"and the same number of queries, at least 1; it has {counts_N.tolist()} pictures "
            f"of {len(classes_N)} classes"
        )
    order_n = labels_n.argsort(stable=True)
    return features_nD[order_n].reshape(n_way, -1, features_nD.shape[1]), classes_N


def _import_learn2learn_data() -> Any:
    # learn2learn's passenger gym prints an appeal to leave it, which only its authors could follow.
    with suppress(ImportError):
        import_module("gym_notices.notices").notices.clear()
    try:
        return import_module("learn2learn.data")
    # Not ImportError alone: it is old, and what newer packages took away is missed in many ways.
    except Exception as reason:
        raise ImportError(
            f"learn2learn cannot be imported ({type(reason).__name__}: {reason}); "
            "install it as the package's `learn2learn` extra says"
        ) from reason
