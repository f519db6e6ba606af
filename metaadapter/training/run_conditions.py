"""What the bits of a run's weights depend on: device, threads, data, packages and code."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import torch
from pydantic import BaseModel, Field

from metaadapter.errors import DataError, UsageError
from metaadapter.features.device import choose_device

MOST_THREADS = 4096


class Conditions(BaseModel):
    """As a checkpoint has them; one of an earlier version has not all of them."""

    device: str
    n_threads: Annotated[int, Field(ge=1, le=MOST_THREADS)] | None = None
    data: dict[str, str]
    """Digests by source."""
    versions: dict[str, str] = {}
    code: dict[str, str] = {}


def training_device(name: str) -> torch.device:
    """The device of that name; for "auto" the first GPU of CUDA, or else the CPU.

    Raises:
        UsageError: There is none, or it cannot train.
    """
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
    """Compute with so many threads inside the block, those of the process if None; gives them.

    Sums over another number of threads end in other bits.
    """
    before = torch.get_num_threads()
    if n_threads not in (None, before):
        warnings.warn(
            f"the run goes on with {n_threads} thread(s), as it began, where this process would "
            f"have {before}: so its weights stay those of an uninterrupted run to the bit",
            stacklevel=3,
        )
    torch.set_num_threads(n_threads or before)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


def require_same_conditions(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Check that a run that stopped under some conditions may go on; warn if bits will differ.

    Conditions are the `device`, the digests of `data` by source, the `versions` of packages and the
    digest of the `code`; a run of an earlier version has not all of them.

    Raises:
        DataError: Its data have changed.
    """
    changed = [name for name, digest in before["data"].items() if now["data"].get(name) != digest]
    if changed:
        raise DataError(
            f"the data of {', '.join(map(repr, changed))} are not those that the run began "
            "with: pictures, views, labels or texts have changed. Restore the stores, tell "
            "where they lie now with --set data.root=FOLDER, or start a new run with --out"
        )
    other = []
    if torch.device(before["device"]).type != torch.device(now["device"]).type:
        other.append(f"{now['device']} where it had {before['device']}")
    for kind in ("versions", "code"):
        pairs = [(name, was, now[kind].get(name)) for name, was in before.get(kind, {}).items()]
        other += [f"{name} {new} where it had {was}" for name, was, new in pairs if new != was]
    if other:
        warnings.warn(
            f"the run goes on with {', '.join(other)}: its weights will not be those of an "
            "uninterrupted run to the bit",
            stacklevel=2,
        )
