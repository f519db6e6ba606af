"""Whitening of blocks: what all pictures vary in counts no more than what few of them differ in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.errors import IncompatibleArtifact

WHITENING_FILE = "whitening.safetensors"
# Added to each variance, of their mean: directions of less variance are not blown up further.
SHRINKAGE = 0.05


class Whitening(NamedTuple):
    """What makes the covariance of a block's unit rows the identity: (x − centre) @ matrix."""

    centre: Float[Tensor, " width"]
    matrix: Float[Tensor, "width width"]

    @classmethod
    def of_rows(cls, rows: Float[Tensor, "n width"]) -> Whitening:
        """That of the rows of a block, scaled to length 1, by the inverse root of the covariance.

        The root is symmetric, so that a row is moved no more than it must be.
        """
        unit = normalize(rows.double(), dim=-1)
        centre = unit.mean(0)
        variance, directions = torch.linalg.eigh((unit - centre).T @ (unit - centre) / len(unit))
        variance = variance.clamp(min=0)
        root = (variance + SHRINKAGE * variance.mean()).rsqrt()
        return cls(centre.float(), ((directions * root) @ directions.T).float())

    def require_width(self, width: int, *, owner: str) -> None:
        """Raise `IncompatibleArtifact` unless the blocks of the encoder `owner` are this wide."""
        if len(self.centre) != width:
            raise IncompatibleArtifact(
                f"{WHITENING_FILE} of the encoder {owner} is for a block {len(self.centre)} wide, "
                f"and its tower gives {width}; measure it anew with tools/whiten_blocks.py, or "
                "remove it"
            )

    def __call__(self, rows: Float[Tensor, "n width"]) -> Float[Tensor, "n width"]:
        """Whitened unit rows."""
        unit = normalize(rows.float(), dim=-1)
        return normalize((unit - self.centre.to(unit)) @ self.matrix.to(unit), dim=-1)


def write_whitening(folder: Path, whitening: Mapping[str, Whitening]) -> None:
    """Put the whitening of blocks, by name, beside the weights of an encoder's folder."""
    tensors = {}
    for name, each in whitening.items():
        tensors[f"{name}.centre"] = each.centre.contiguous()
        # Half precision moves a whitened row by less than a store's rounding does.
        tensors[f"{name}.matrix"] = each.matrix.half().contiguous()
    save_file(tensors, folder / WHITENING_FILE)


def read_whitening(folder: Path | None) -> dict[str, Whitening]:
    """The whitening of blocks in an encoder's folder, by name; empty where there is none.

    Raises:
        IncompatibleArtifact: The file is damaged.
    """
    file = None if folder is None else folder / WHITENING_FILE
    if file is None or not file.is_file():
        return {}
    try:
        tensors = load_file(file)
        names = {name.partition(".")[0] for name in tensors}
        found = {
            name: Whitening(tensors[f"{name}.centre"].float(), tensors[f"{name}.matrix"].float())
            for name in sorted(names)
        }
        if any(it.matrix.shape != (len(it.centre), len(it.centre)) for it in found.values()):
            raise ValueError("a matrix does not fit its centre")
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise IncompatibleArtifact(
            f"{file} is damaged: expected a centre and a square matrix of each block ({error}); "
            "restore it from a copy, or measure it anew with tools/whiten_blocks.py"
        ) from error
    return found
