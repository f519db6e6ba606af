"""Whitening of blocks, so that no direction dominates in which all pictures vary."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.errors import IncompatibleArtifact

WHITENING_FILE = "whitening.safetensors"


class Whitening(NamedTuple):
    """The map (x − centre) @ matrix, which gives unit rows the identity as their covariance."""

    centre: Float[Tensor, " width"]
    matrix: Float[Tensor, "width width"]

    def require_width(self, width: int, *, owner: str) -> None:
        """Raise `IncompatibleArtifact` unless the blocks of the encoder `owner` are this wide."""
        if len(self.centre) != width:
            raise IncompatibleArtifact(
                f"{WHITENING_FILE} of the encoder {owner} is for a block {len(self.centre)} wide, "
                f"but its tower gives {width}; measure it again with tools/whiten_blocks.py, or "
                "remove it"
            )

    def __call__(self, rows: Float[Tensor, "n width"]) -> Float[Tensor, "n width"]:
        """Whiten rows and scale them to length 1."""
        unit = normalize(rows.float(), dim=-1)
        return normalize((unit - self.centre.to(unit)) @ self.matrix.to(unit), dim=-1)


def read_whitening(folder: Path | None) -> dict[str, Whitening]:
    """Read the whitening of blocks, by name, from an encoder's folder; empty without a file."""
    file = None if folder is None else folder / WHITENING_FILE
    if file is None or not file.is_file():
        return {}
    try:
        tensors = load_file(file)
        names = {name.partition(".")[0] for name in tensors}
        whitening = {
            name: Whitening(tensors[f"{name}.centre"].float(), tensors[f"{name}.matrix"].float())
            for name in sorted(names)
        }
        for block in whitening.values():
            if block.matrix.shape != (len(block.centre), len(block.centre)):
                raise ValueError("a matrix does not fit its centre")
            if not (block.centre.isfinite().all() and block.matrix.isfinite().all()):
                raise ValueError("a number is NaN or infinite")
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise IncompatibleArtifact(
            f"{file} is damaged: expected a centre and a square matrix for each block ({error}); "
            "restore it from a copy, or measure it again with tools/whiten_blocks.py"
        ) from error
    return whitening
