"""Tasks as a `Taskset` of learn2learn, for its algorithms and training loops."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.data import TensorDataset

INSTALL = """\
A plain `pip install learn2learn` fails to build on Python 3.11 and later, or downgrades numpy below
version 2. In a checkout, `make test-slow` installs learn2learn. Elsewhere (a C compiler is needed):
    pip install gym requests tqdm torchvision
    pip install --no-deps learn2learn==0.2.0 --config-settings="--build-option=build_ext\""""


def to_learn2learn(
    features_nD: Float[Tensor, "n D"],
    labels_n: Int[Tensor, " n"],
    n_way: int,
    n_shot: int,
    n_query: int,
    n_tasks: int,
) -> Any:
    """Return a learn2learn `Taskset` for a labelled table with one row per picture.

    Each of the `n_tasks` tasks is `(features, labels)` with `n_way × (n_shot + n_query)` rows,
    sorted by class, with the classes of the task numbered from 0. A task is drawn on first use,
    with the global random generators of Python and numpy, and then kept.

    Raises:
        ImportError: learn2learn is not installed or does not load.
    """
    data: Any = import_learn2learn().data
    table = data.MetaDataset(TensorDataset(features_nD, labels_n))
    draw = [
        data.transforms.FusedNWaysKShots(table, n=n_way, k=n_shot + n_query),
        data.transforms.LoadData(table),
        data.transforms.ConsecutiveLabels(table),
        data.transforms.RemapLabels(table, shuffle=False),
    ]
    return data.Taskset(table, task_transforms=draw, num_tasks=n_tasks)


def import_learn2learn() -> ModuleType:
    """Import learn2learn (about a second); `ImportError` says how to install it."""
    # learn2learn imports gym, whose notice to replace it only learn2learn's authors can follow.
    with suppress(ImportError):
        import_module("gym_notices.notices").notices.clear()
    try:
        return import_module("learn2learn")
    # Not only ImportError: newer versions of other packages break it in many ways.
    except Exception as reason:
        raise ImportError(
            f"learn2learn cannot be imported ({type(reason).__name__}: {reason}). {INSTALL}"
        ) from reason
