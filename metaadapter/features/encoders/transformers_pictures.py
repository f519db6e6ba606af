"""The preprocessing that a folder of transformers prescribes, for one picture at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from metaadapter.features.fingerprint import probe_picture

SMALL = 384  # ConvNeXt crops pictures below this size, and squeezes larger ones
TOLERANCE = 1e-5


def preprocessing_of(processor: Any) -> Callable[[Image.Image], Float[Tensor, "3 height width"]]:
    """Return the preprocessing of a processor, as a function of an upright RGB picture.

    It consists of steps of torchvision on Pillow, which is fast and can be exported; if these do
    not give the pixels of the processor, it is the processor itself.

    Raises:
        ValueError: The pixels of a wide and of a tall picture have different shapes.
    """

    def exact(picture: Image.Image) -> Tensor:
        pixels: Tensor = processor(images=picture, return_tensors="pt")["pixel_values"][0]
        return pixels

    square = probe_picture()
    probes = [square.crop((0, 0, width, height)) for width, height in ((256, 171), (171, 256))]
    expected = [exact(probe) for probe in probes]
    if expected[0].shape != expected[1].shape:
        raise ValueError("the processor gives pictures of several sizes")
    steps = _steps(processor)
    pixels = [steps(probe) for probe in probes]
    is_same = all(
        one.shape == other.shape and torch.allclose(one, other, rtol=0, atol=TOLERANCE)
        for one, other in zip(pixels, expected, strict=True)
    )
    return steps if is_same else exact


@final
class FloorCrop:
    """A crop of the middle whose odd margin is smaller above and to the left, unlike torchvision's.

    Args:
        size: The height and the width of the crop.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size

    def __call__(self, picture: Image.Image) -> Image.Image:
        """Return the middle part of a picture."""
        height, width = self.size
        left, top = (picture.width - width) // 2, (picture.height - height) // 2
        return picture.crop((left, top, left + width, top + height))


def _steps(processor: Any) -> Callable[[Image.Image], Tensor]:
    from torchvision import transforms

    kind = Image.Resampling(int(processor.resample)).name.lower()
    interpolation = transforms.InterpolationMode(kind)
    steps: list[Any] = []
    if processor.do_resize:
        shortest, height, width = (
            processor.size.get(key) for key in ("shortest_edge", "height", "width")
        )
        fraction = getattr(processor, "crop_pct", None)
        if not shortest:
            steps.append(transforms.Resize((height, width), interpolation))
        elif fraction is None:
            steps.append(transforms.Resize(shortest, interpolation))
        elif shortest < SMALL:
            steps.append(transforms.Resize(int(shortest / fraction), interpolation))
            steps.append(FloorCrop((shortest, shortest)))
        else:
            steps.append(transforms.Resize((shortest, shortest), interpolation))
    if getattr(processor, "do_center_crop", False):
        steps.append(FloorCrop((processor.crop_size["height"], processor.crop_size["width"])))
    scaling = transforms.Normalize(processor.image_mean, processor.image_std)
    composed: Callable[[Image.Image], Tensor]
    composed = transforms.Compose([*steps, transforms.ToTensor(), scaling])
    return composed
