"""The preprocessing of an encoder as a module: from decoded pictures to the looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, final

import torch
from jaxtyping import Float32, Float64, UInt8
from torch import Tensor, nn

from metaadapter.apps.export.resampling import (
    KERNELS,
    Axis,
    resampling_matrix,
    resized,
    resizes_down_first,
)
from metaadapter.errors import UsageError
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.views import ZOOMED_FRACTION

# Steps of torchvision and open_clip that do not change a decoded RGB picture.
NO_EFFECT = {"ToTensor", "MaybeToTensor", "MaybeConvertMode", "_convert_to_rgb"}


@final
class PicturePixels(nn.Module):
    """Computes the looks that `encoder.look` gives, for a batch of pictures of one size."""

    mean: Tensor
    deviation: Tensor
    zoomed_fraction: Tensor

    def __init__(self, encoder: ImageEncoder) -> None:
        super().__init__()
        self._steps = _steps_of(encoder)
        self.side, scaling = self._steps.side, self._steps.scaling
        self.zoom = encoder.zoom
        self._down_first = resizes_down_first()
        for name, values in (("mean", scaling.mean), ("deviation", scaling.std)):
            self.register_buffer(name, torch.tensor([*map(float, values)])[:, None, None])
        # ONNX would keep a constant in single precision, which rounds differently.
        fraction = torch.tensor(ZOOMED_FRACTION, dtype=torch.float64)
        self.register_buffer("zoomed_fraction", fraction)

    def forward(
        self, pictures: UInt8[Tensor, "n height width 3"]
    ) -> Float32[Tensor, "n looks 3 side side"]:
        """Return the preprocessed looks at decoded, upright RGB pictures."""
        height, width = (torch.full((), side, dtype=torch.float64) for side in pictures.shape[1:3])
        zero = torch.zeros((), dtype=torch.float64)
        pixels = pictures.permute(0, 3, 1, 2).double()
        looks = [self._look(pixels, (zero, height), (zero, width))]
        if self.zoom:
            looks.append(self._look(pixels, self._middle(height), self._middle(width)))
        return torch.stack(looks, 1)

    @property
    def resized(self) -> int:
        """The side that a square picture is resized to, before the middle is cut out."""
        return self._steps.resized

    def square_matrices(self, side: int) -> list[Float64[Tensor, "out in"]]:
        """Return, for each look at a square picture, the matrix that resizes its rows."""
        length, zero = (torch.tensor(float(n), dtype=torch.float64) for n in (side, 0))
        parts = [(zero, length), *([self._middle(length)] if self.zoom else [])]
        kernel = self._steps.kernel
        return [
            resampling_matrix(self._axis(first, size, size), side, self.side, kernel)
            for first, size in parts
        ]

    def _middle(self, length: Float64[Tensor, ""]) -> tuple[Tensor, Tensor]:
        size = (self.zoomed_fraction * length).round().clamp(min=1)
        return ((length - size) / 2).floor(), size

    def _look(
        self,
        pixels: Float64[Tensor, "n 3 height width"],
        rows: tuple[Tensor, Tensor],
        columns: tuple[Tensor, Tensor],
    ) -> Float32[Tensor, "n 3 side side"]:
        """Return the look at a part of the pictures, given (first, number) of rows and columns."""
        shorter = torch.minimum(rows[1], columns[1])
        square = resized(
            pixels,
            self._axis(*rows, shorter),
            self._axis(*columns, shorter),
            self.side,
            self._steps.kernel,
            down_first=self._down_first,
        )
        return (square.float() / 255 - self.mean) / self.deviation

    def _axis(self, first: Tensor, size: Tensor, shorter: Tensor) -> Axis:
        steps = self._steps
        scaled = torch.full_like(size, steps.resized)
        if steps.keeps_shape:
            scaled = (steps.resized * size / shorter).floor()
        return Axis(first, size, scaled, steps.rounded((scaled - self.side) / 2))


class _Steps(NamedTuple):
    """Preprocessing: resize, crop the middle, and scale the colours."""

    side: int
    """The side of the square that is left."""
    resized: int
    """The side that is resized to: of the square, or the shorter one."""
    keeps_shape: bool
    rounded: Callable[[Tensor], Tensor]
    """Rounds the margin above and to the left."""
    kernel: Callable[[Tensor], Tensor]
    scaling: Any


def _steps_of(encoder: ImageEncoder) -> _Steps:
    steps: dict[str, Any] = {}
    for step in getattr(encoder.preprocess, "transforms", [encoder.preprocess]):
        kind = getattr(step, "__name__", type(step).__name__)
        if kind not in NO_EFFECT:
            steps[kind] = step
    # torchvision's crop rounds half a pixel to the even side, as torch.round does.
    rounded = torch.floor if "FloorCrop" in steps else torch.round
    resize, crop, floor_crop, scaling = (
        steps.pop(kind, None) for kind in ("Resize", "CenterCrop", "FloorCrop", "Normalize")
    )
    crop = crop or floor_crop
    if steps or resize is None or scaling is None:
        raise _not_exportable(encoder, f"has {', '.join(steps) or 'no Resize and Normalize'}")
    interpolation = str(getattr(resize.interpolation, "value", resize.interpolation))
    if interpolation not in KERNELS or resize.max_size is not None:
        raise _not_exportable(encoder, f"resizes by {interpolation}, or to a longest side")
    keeps_shape = isinstance(resize.size, int) or len(resize.size) == 1
    resized = {*_sides(resize.size)}
    sides = resized if crop is None else {*_sides(crop.size)}
    is_square = len(resized) == len(sides) == 1 and (crop is not None or not keeps_shape)
    if not is_square or max(sides) > min(resized):
        raise _not_exportable(encoder, f"does not end in a square (Resize {resize.size})")
    kernel = KERNELS[interpolation]
    return _Steps(min(sides), min(resized), keeps_shape, rounded, kernel, scaling)


def _sides(size: int | Sequence[int]) -> tuple[int, ...]:
    return (size,) if isinstance(size, int) else tuple(size)


def _not_exportable(encoder: ImageEncoder, fault: str) -> UsageError:
    return UsageError(
        f"the preprocessing of the encoder {encoder.name} cannot be exported: expected from "
        "torchvision a Resize (bicubic or bilinear), perhaps a CenterCrop of a square, and a "
        f"Normalize; it {fault}. Export without --pixels"
    )
