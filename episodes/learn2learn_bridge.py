"""The same tasks for learn2learn, whose algorithms and training loops take them as they are."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.data import TensorDataset


def to_learn2learn(
    features_nD: Float[Tensor, "n D"],
    labels_n: Int[Tensor, " n"],
    n_way: int,
    n_shot: int,
    n_query: int,
    n_tasks: int,
) -> Any:
    """Offer a labelled table, one row a picture, as a learn2learn `Taskset`.

    Its `n_tasks` tasks are `(features, labels)` of `n_way × (n_shot + n_query)` rows, the rows of a
    class together, the classes of each task numbered from 0. Each is drawn when first asked for,
    from Python's and numpy's global generators, and remembered.

    Raises:
        ImportError: learn2learn is not installed or does not load.
    """
    data = _import_learn2learn_data()
    table = data.MetaDataset(TensorDataset(features_nD, labels_n))
    draw = [
        data.transforms.FusedNWaysKShots(table, n=n_way, k=n_shot + n_query),
        data.transforms.LoadData(table),
        data.transforms.ConsecutiveLabels(table),
        data.transforms.RemapLabels(table, shuffle=False),
    ]
    return data.Taskset(table, task_transforms=draw, num_tasks=n_tasks)


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
