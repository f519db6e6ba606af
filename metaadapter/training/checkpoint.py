"""A checkpoint: one safetensors file with all that a run needs to resume without any difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from metaadapter.data.checksums import sealed, unsealed
from metaadapter.data.output_folder import replace_file
from metaadapter.data.regular_files import regular
from metaadapter.data.safetensors_header import texts_of
from metaadapter.data.strict_json import json_text, parse_json
from metaadapter.errors import DataError, IncompatibleArtifact

SCHEMA = "metaadapter.training_checkpoint/1"
TENSORS = "tensors"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Tensors in named groups ("network", "optimizer", …), and plain values."""

    tensors: Mapping[str, Mapping[str, Tensor]]
    values: Mapping[str, Any]

    def save(self, path: Path) -> None:
        """Write the file at `path` in one step; a crash leaves the old file."""
        flat = {
            # Cloned: safetensors refuses tensors that share memory.
            f"{group}/{name}": tensor.detach().cpu().clone().contiguous()
            for group, members in self.tensors.items()
            for name, tensor in members.items()
        }
        about = {"schema": SCHEMA, "groups": list(self.tensors), **self.values}
        text = json_text(sealed(about, {TENSORS: _hash(flat)}))
        replace_file(path, save(flat, metadata={"format": "pt", "metaadapter": text}))


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint onto the CPU; `DataError` or `IncompatibleArtifact` says what is wrong."""
    try:
        content = regular(path).read_bytes()
        flat: dict[str, Tensor] = dict(sorted(load(content).items()))
    except (OSError, SafetensorError) as error:
        raise DataError(
            f"cannot read the checkpoint {path}: {error}; give --resume a run folder with a whole "
            "checkpoint, or start a new run with --out ANOTHER_FOLDER"
        ) from error
    try:
        values = parse_json(texts_of(content).get("metaadapter", "{}"))
        if values.get("schema") != SCHEMA:
            raise IncompatibleArtifact(
                f"{path} is not a training checkpoint of this version (expected schema "
                f"{SCHEMA!r}); start a new run with --out ANOTHER_FOLDER"
            )
        values, hashes = unsealed(values)
        if hashes[TENSORS] != _hash(flat):
            raise ValueError("the SHA-256 of its tensors has changed since it was written")
        groups: dict[str, dict[str, Tensor]] = {group: {} for group in values.pop("groups")}
        for key, tensor in flat.items():
            group, _, name = key.partition("/")
            groups[group][name] = tensor
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        if isinstance(error, IncompatibleArtifact):
            raise
        raise DataError(
            f"the checkpoint {path} is damaged or was changed: {error}; restore it from a copy, or "
            "start a new run with --out ANOTHER_FOLDER"
        ) from error
    del values["schema"]
    return Checkpoint(groups, values)


def _hash(tensors: Mapping[str, Tensor]) -> str:
    digest = sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
