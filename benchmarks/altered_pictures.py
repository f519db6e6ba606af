"""Small changes to pictures, which make near-duplicates."""

from __future__ import annotations

import io
from collections.abc import Callable

from PIL import Image, ImageEnhance, ImageOps


def jpeg(picture: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def crop(picture: Image.Image, share: float) -> Image.Image:
    width, height = picture.size
    edge_x, edge_y = round(width * (1 - share) / 2), round(height * (1 - share) / 2)
    return picture.crop((edge_x, edge_y, width - edge_x, height - edge_y))


ALTERED: dict[str, Callable[[Image.Image], Image.Image]] = {
    "saved again as JPEG, quality 50": lambda picture: jpeg(picture, 50),
    "mirrored": ImageOps.mirror,
    "30 % brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.3),
    "cropped to 95 %": lambda picture: crop(picture, 0.95),
    "cropped to 90 %": lambda picture: crop(picture, 0.9),
    "cropped to 80 %": lambda picture: crop(picture, 0.8),
    "half the size": lambda picture: picture.reduce(2),
}
