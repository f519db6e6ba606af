"""The conditions that decide the exact weights of a run: device, threads, data and code."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import torch
from pydantic import BaseModel, Field

from metaadapter.errors import DataError, UsageError
from metaadapter.features.device import choose_device
from metaadapter.training.run_folder import RESOLVED

MOST_THREADS = 4096


class Conditions(BaseModel):
    """The conditions as a checkpoint stores them."""

    device: str
    n_threads: Annotated[int, Field(ge=1, le=MOST_THREADS)]
    n_processes: Annotated[int, Field(ge=1)]
    data: dict[str, str]
    """Digests by source."""
    versions: dict[str, str]
    """Versions of packages."""
    code: dict[str, str]
    """The digest of the training code."""
    run: str
    """The digest of the run's configuration and of the user's code in it."""


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


@contextmanager
def computing_threads(n_threads: int | None) -> Iterator[int]:
    """Compute with this number of threads, by default the process's; rounding depends on it."""
    before = torch.get_num_threads()
    if n_threads not in (None, before):
        warnings.warn(
            f"the run continues with {n_threads} thread(s), as it began, where this process would "
            f"have {before}, so that its weights equal those of an uninterrupted run to the bit",
            stacklevel=3,
        )
    torch.set_num_threads(n_threads or before)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


def require_same_run(before: Conditions, now: Conditions, checkpoint: Path) -> None:
    """Raise `DataError` for the checkpoint of another run."""
    if before.run != now.run:
        raise DataError(
            f"the checkpoint {checkpoint} and {RESOLVED} beside it are of two runs, as their "
            "configurations differ: one of the two files was exchanged. Restore it from a copy, or "
            "start a new run with --out"
        )


def require_same_conditions(before: Conditions, now: Conditions) -> None:
    """Raise an error if a run cannot continue; warn if its weights will differ.

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
    differences = []
    if torch.device(before.device).type != torch.device(now.device).type:
        differences.append(f"{now.device} where it had {before.device}")
    for old, new in ((before.versions, now.versions), (before.code, now.code)):
        differences += [
            f"{name} {new.get(name)} where it had {value}"
            for name, value in old.items()
            if new.get(name) != value
        ]
    if differences:
        warnings.warn(
            f"the run continues with {', '.join(differences)}: its weights will not equal those of "
            "an uninterrupted run to the bit",
            stacklevel=2,
        )
