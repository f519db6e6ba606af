"""The preprocessing of an encoder as a module: from decoded pictures to the looks.

Pillow resizes one axis after the other. Each is a matrix, which the graph computes from the sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import ceil
from typing import Any, NamedTuple, final, no_type_check

import PIL
import torch
from jaxtyping import Float32, Float64, UInt8
from torch import Tensor, nn

from metaadapter.errors import UsageError
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.views import ZOOMED_FRACTION

# Steps of torchvision and open_clip that do not change a decoded RGB picture.
NO_EFFECT = {"ToTensor", "MaybeToTensor", "MaybeConvertMode", "_convert_to_rgb"}
# Pillow rounds its weights to this precision (libImaging/Resample.c, PRECISION_BITS).
STEPS = 2.0**22
WHITE = 255
# Pillow 13 resizes columns before rows if the height shrinks by more than twice as many pixels as
# the width; the order matters because each result is rounded to integers from 0 to 255.
BEGINS_WITH_COLUMNS = int(PIL.__version__.split(".")[0]) >= 13


@final
class PicturePixels(nn.Module):
    """Computes the looks that `encoder.look` gives, for a batch of pictures of one size.

    If `square`, pictures have `square_side` times `square_side` pixels (`side`), and matrices are
    constants in single precision, for phones have no double precision: some pixels in a million
    differ by 1 of 255, where a sum lies within rounding of one half.
    """

    mean: Tensor
    deviation: Tensor
    zoomed_fraction: Tensor
    down: Tensor
    across: Tensor

    def __init__(
        self, encoder: ImageEncoder, *, square: bool = False, side: int | None = None
    ) -> None:
        super().__init__()
        self._steps = _steps_of(encoder)
        self.zoom, self.square, self._side = encoder.zoom, square, side
        scaling = self._steps.scaling
        for name, values in (("mean", scaling.mean), ("deviation", scaling.std)):
            self.register_buffer(name, torch.tensor([*map(float, values)])[:, None, None])
        # ONNX would keep a constant in single precision, which rounds differently.
        fraction = torch.tensor(ZOOMED_FRACTION, dtype=torch.float64)
        self.register_buffer("zoomed_fraction", fraction)
        if square:
            down, across, _ = zip(*self._matrices(self.square_side, self.square_side), strict=True)
            self.register_buffer("down", torch.stack(down).float()[:, None])
            self.register_buffer("across", torch.stack(across).float()[:, None])
            del self.zoomed_fraction

    @property
    def square_side(self) -> int:
        """By default the smallest side from which no look enlarges a square picture."""
        resized = self._steps.resized
        return self._side or (ceil(resized / ZOOMED_FRACTION) if self.zoom else resized)

    def forward(
        self, pictures: UInt8[Tensor, "n height width 3"]
    ) -> Float32[Tensor, "n looks 3 side side"]:
        """Return the preprocessed looks at decoded, upright RGB pictures."""
        planes, looks = pictures.permute(0, 3, 1, 2), []
        planes = planes.float() if self.square else planes.double()
        matrices = self._constants() if self.square else self._matrices(*pictures.shape[1:3])
        for down, across, is_tall in matrices:
            square = _resized(planes, down, across, is_tall)
            looks.append((square.float() / WHITE - self.mean) / self.deviation)
        return torch.stack(looks, 1)

    def _constants(self) -> Iterator[tuple[Tensor, Tensor, None]]:
        for down, across in zip(self.down, self.across, strict=True):
            yield down, across, None

    def _matrices(self, height: Any, width: Any) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield, for each look, the matrices of rows and columns, and whether it is tall."""
        lengths = [torch.full((), side, dtype=torch.float64) for side in (height, width)]
        parts = [[(torch.zeros((), dtype=torch.float64), length) for length in lengths]]
        if self.zoom:
            parts.append([self._middle(length) for length in lengths])
        for (top, n_rows), (left, n_columns) in parts:
            shorter = torch.minimum(n_rows, n_columns)
            scaled = [self._resized_to(size, shorter) for size in (n_rows, n_columns)]
            down = self._matrix(height, top, n_rows, scaled[0])
            across = self._matrix(width, left, n_columns, scaled[1]).mT.contiguous()
            fewer = n_rows - scaled[0]
            yield down, across, (fewer > 0) & (fewer > 2 * (n_columns - scaled[1]))

    def _middle(self, length: Float64[Tensor, ""]) -> tuple[Tensor, Tensor]:
        size = (self.zoomed_fraction * length).round().clamp(min=1)
        return ((length - size) / 2).floor(), size

    def _resized_to(self, size: Tensor, shorter: Tensor) -> Tensor:
        resized = self._steps.resized
        if self._steps.keeps_shape:
            return (resized * size / shorter).floor()
        return torch.full_like(size, resized)

    def _matrix(
        self, n_in: int | torch.SymInt, first: Tensor, size: Tensor, resized: Tensor
    ) -> Float64[Tensor, "side n_in"]:
        """Return the weight of each input pixel in each output pixel, as in `Image.resize`.

        `size` pixels of an axis from `first` on become `resized`, and the middle is cut out.
        """
        steps = self._steps
        scale = size / resized
        kept = steps.rounded((resized - steps.side) / 2)
        target = torch.arange(steps.side, dtype=torch.float64) + kept
        source = torch.arange(n_in, dtype=torch.float64) - first  # type: ignore[arg-type]
        # In a smaller picture, a pixel averages more input pixels: the kernel grows with the scale.
        distance = (source + 0.5 - ((target + 0.5) * scale)[:, None]) / scale.clamp(min=1)
        is_inside = (source >= 0) & (source < size)
        weights = torch.where(is_inside, steps.kernel(distance), torch.zeros_like(distance))
        weights = weights / weights.sum(1, keepdim=True)
        return (weights * STEPS).round() / STEPS


def _resized(planes: Tensor, down: Tensor, across: Tensor, is_tall: Tensor | None) -> Tensor:
    square: Tensor
    if not BEGINS_WITH_COLUMNS or is_tall is None:
        square = _across_then_down(planes, down, across)
    elif torch.compiler.is_compiling():
        square = torch.cond(is_tall, _down_then_across, _across_then_down, (planes, down, across))
    else:  # torch.cond would compile again for each size
        square = (_down_then_across if is_tall else _across_then_down)(planes, down, across)
    return square


@no_type_check  # shapes cannot be checked within torch.cond
def _across_then_down(planes: Tensor, down: Tensor, across: Tensor) -> Tensor:
    return _rounded(down @ _rounded(planes @ across))


@no_type_check
def _down_then_across(planes: Tensor, down: Tensor, across: Tensor) -> Tensor:
    return _rounded(_rounded(down @ planes) @ across)


@no_type_check
def _rounded(pixels: Tensor) -> Tensor:
    return (pixels + 0.5).floor().clamp(0, WHITE)


def _cubic(distance: Float64[Tensor, "*n"]) -> Float64[Tensor, "*n"]:
    """The cubic kernel of Keys with a = −1/2, which Pillow calls BICUBIC."""
    a, x = -0.5, distance.abs()
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


def _linear(distance: Float64[Tensor, "*n"]) -> Float64[Tensor, "*n"]:
    """The triangular kernel, which Pillow calls BILINEAR."""
    return (1 - distance.abs()).clamp(min=0)


KERNELS: dict[str, Callable[[Tensor], Tensor]] = {"bicubic": _cubic, "bilinear": _linear}
"""Name of the interpolation in torchvision → kernel."""


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
