"""The preprocessing of an encoder for square pictures of one size, in single precision."""

from __future__ import annotations

from math import ceil
from typing import final

import torch
from jaxtyping import Float32, UInt8
from torch import Tensor, nn

from metaadapter.apps.export.picture_pixels import PicturePixels
from metaadapter.apps.export.resampling import WHITE
from metaadapter.features.views import ZOOMED_FRACTION


def square_side(pixels: PicturePixels) -> int:
    """Return the smallest side from which no look enlarges a square picture."""
    return ceil(pixels.resized / ZOOMED_FRACTION) if pixels.zoom else pixels.resized


@final
class SquarePixels(nn.Module):
    """`PicturePixels` for one square picture of `square_side`: its matrices are constants.

    Phones have no double precision. So a sum that lies within rounding of one half may become the
    other neighbouring integer: some pixels in a million differ by 1 of 255.
    """

    down: Tensor
    across: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(self, pixels: PicturePixels) -> None:
        super().__init__()
        down = torch.stack(pixels.square_matrices(square_side(pixels))).float()
        self.register_buffer("down", down[:, None])
        self.register_buffer("across", down.mT.contiguous()[:, None])
        self.register_buffer("mean", pixels.mean)
        self.register_buffer("deviation", pixels.deviation)

    def forward(
        self, pictures: UInt8[Tensor, "1 height width 3"]
    ) -> Float32[Tensor, "1 looks 3 side side"]:
        """Return the preprocessed looks at a decoded, upright RGB picture."""
        planes = pictures.permute(0, 3, 1, 2).float()
        looks = []
        for down, across in zip(self.down, self.across, strict=True):
            square = _rounded(down @ _rounded(planes @ across))
            looks.append((square / WHITE - self.mean) / self.deviation)
        return torch.stack(looks, 1)


def _rounded(pixels: Tensor) -> Tensor:
    return (pixels + 0.5).floor().clamp(0, WHITE)
