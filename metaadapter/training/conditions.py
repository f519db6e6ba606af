"""What the bits of a run depend on beside its configuration."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import torch

from metaadapter.errors import DataError, UsageError
from metaadapter.features.device import choose_device

__all__ = ["Conditions", "computing_threads", "training_device"]


@dataclass(frozen=True, slots=True)
class Conditions:
    """Where a run computes, and on what.

    Attributes:
        device: Its name, as torch has it.
        n_threads: That the CPU computes with; sums over several end in other bits.
        data: Digest of each source and validation set, by name.
    """

    device: str
    n_threads: int
    data: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)

    def require_continued_by(self, now: Conditions) -> None:
        """Check that a run that stopped under these conditions may go on; warn if bits will differ.

        Raises:
            DataError: Its data have changed.
        """
        changed = [name for name, digest in self.data.items() if now.data.get(name) != digest]
        if changed:
            raise DataError(
                f"the data of {', '.join(map(repr, changed))} are not those that the run began "
                "with: pictures, views, labels or texts have changed. Restore the stores, tell "
                "where they lie now with --set data.root=FOLDER, or start a new run with --out"
            )
        if torch.device(self.device).type != torch.device(now.device).type:
            warnings.warn(
                f"the run goes on with {now.device} where it had {self.device}: its weights will "
                "not be those of an uninterrupted run to the bit",
                stacklevel=2,
            )


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
    """Compute with so many threads inside the block, those of the process if None; gives them."""
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
