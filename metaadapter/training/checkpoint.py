"""A checkpoint: a document and its tensors, all that a run needs to resume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load, save
from torch import Tensor

from metaadapter.data.checksums import read_document, write_document

SCHEMA = "metaadapter.training_checkpoint/1"
REMEDY = (
    "give --resume a run folder with a whole checkpoint, or start a new run with --out "
    "ANOTHER_FOLDER"
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Tensors in named groups ("network", "optimizer", …), and plain values."""

    tensors: Mapping[str, Mapping[str, Tensor]]
    values: Mapping[str, Any]

    def save(self, path: Path) -> None:
        """Write the document `path` and the tensors beside it; a crash leaves the old ones."""
        flat = {
            # Cloned: safetensors refuses tensors that share memory.
            f"{group}/{name}": tensor.detach().cpu().clone().contiguous()
            for group, members in self.tensors.items()
            for name, tensor in members.items()
        }
        about = {"schema": SCHEMA, "groups": list(self.tensors), **self.values}
        write_document(path, about, {_tensors_of(path): save(flat)})


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint onto the CPU; `DataError` or `IncompatibleArtifact` says what is wrong."""
    values, proof = read_document(path, SCHEMA, REMEDY)
    del values["schema"]
    groups: dict[str, dict[str, Tensor]] = {group: {} for group in values.pop("groups")}
    # Sorted, because safetensors gives them in any order.
    for key, tensor in sorted(load(proof.read(_tensors_of(path))).items()):
        group, _, name = key.partition("/")
        groups[group][name] = tensor
    return Checkpoint(groups, values)


def _tensors_of(path: Path) -> str:
    return path.with_suffix(".safetensors").name
