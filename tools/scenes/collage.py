"""A scene of whole photographs side by side: larger natural objects on their own background."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageOps

from tools.scenes.cutouts import object_mask
from tools.scenes.scene import CANVASES, Placed, Scene, box_of
from tools.scenes.sources import ObjectClass

# How the objects of photographs are cut out.
PHOTOGRAPHS = {"plain", "whole"}
# Left, top, right and bottom of each photograph, in fractions.
LAYOUTS = (
    ((0.0, 0.0, 1.0, 1.0),),
    ((0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)),
    ((0.0, 0.0, 1.0, 0.5), (0.0, 0.5, 1.0, 1.0)),
    ((0.0, 0.0, 0.5, 0.5), (0.5, 0.0, 1.0, 0.5), (0.0, 0.5, 1.0, 1.0)),
    ((0.0, 0.0, 0.5, 0.5), (0.5, 0.0, 1.0, 0.5), (0.0, 0.5, 0.5, 1.0), (0.5, 0.5, 1.0, 1.0)),
)
# If an object cannot be separated from its background, its box is this part of the middle.
MIDDLE = 0.85
TWIN_CHANCE = 0.2


def make_collage(
    classes: Sequence[ObjectClass], chances: np.ndarray, rng: np.random.Generator
) -> Scene:
    """Draw one to four photographs; no object hides another."""
    size = CANVASES[rng.integers(len(CANVASES))]
    picture, objects = Image.new("RGB", size), []
    chosen: list[ObjectClass] = []
    for part in LAYOUTS[rng.integers(len(LAYOUTS))]:
        twin = chosen and rng.random() < TWIN_CHANCE
        thing = chosen[-1] if twin else classes[rng.choice(len(classes), p=chances)]
        chosen.append(thing)
        left, top, right, bottom = (
            round(side * length) for side, length in zip(part, size + size, strict=True)
        )
        with Image.open(thing.paths[rng.integers(len(thing.paths))]) as file:
            photo = file.convert("RGBA")
        mask = object_mask(photo, thing.source.cut)
        if mask is not None and thing.source.cut != "whole":
            photo.putalpha(Image.fromarray(mask))
            mask_of_part = (
                np.asarray(ImageOps.fit(photo, (right - left, bottom - top)))[..., 3] > 127
            )
        else:
            mask_of_part = _middle(bottom - top, right - left)
        photo.putalpha(255)
        picture.paste(ImageOps.fit(photo.convert("RGB"), (right - left, bottom - top)), (left, top))
        seen = np.zeros((size[1], size[0]), dtype=bool)
        seen[top:bottom, left:right] = (
            mask_of_part if mask_of_part.any() else _middle(*mask_of_part.shape)
        )
        objects.append(Placed(thing.name, thing.source.folder, None, "large", box_of(seen), 1.0))
    return Scene(picture, tuple(objects))


def _middle(height: int, width: int) -> np.ndarray:
    middle = np.zeros((height, width), dtype=bool)
    down, across = (round(n * (1 - MIDDLE) / 2) for n in (height, width))
    middle[down : height - down, across : width - across] = True
    return middle
