"""What a run has to begin with again when it is resumed: its device, data and processes."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import BaseModel, Field

from metaadapter.errors import DataError, UsageError
from metaadapter.features.device import choose_device


class Conditions(BaseModel):
    """The conditions as a checkpoint stores them."""

    device: str
    n_processes: Annotated[int, Field(ge=1)]
    data: dict[str, str]
    """Digests by source."""


def training_device(name: str) -> torch.device:
    """Return the device with this name; "auto" is the first CUDA GPU, or the CPU without one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.partition(":")[0] == "mps":
        raise UsageError(
            "training solves its closed forms in float64, which device 'mps' does not have; use "
            "--device cpu"
        )
    return choose_device(name)


def require_same_conditions(before: Conditions, now: Conditions) -> None:
    """Raise an error if a run cannot continue.

    Each process has its own stream of tasks, so their number must stay.

    Raises:
        DataError: The data of the run have changed.
        UsageError: The number of processes has changed.
    """
    if before.n_processes != now.n_processes:
        raise UsageError(
            f"the run has {before.n_processes} process(es), each with its own stream of tasks, and "
            f"cannot continue with {now.n_processes}; start {before.n_processes} (torchrun "
            f"--nproc-per-node {before.n_processes} on one machine), or start a new run with --out"
        )
    changed = [name for name, digest in before.data.items() if now.data.get(name) != digest]
    if changed:
        raise DataError(
            f"the data of {', '.join(map(repr, changed))} have changed since the run began: "
            "pictures, views, labels or texts differ. Restore the stores, name their new folder "
            "with --set data.root=FOLDER, or start a new run with --out"
        )
