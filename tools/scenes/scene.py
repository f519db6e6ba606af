"""One scene: objects pasted over a photograph, each with its box, size, colour and place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from tools.scenes.cutouts import COLOURS, cut_out, painted
from tools.scenes.sources import ObjectClass

# The widths and heights of scenes in pixels: lying, square, upright.
CANVASES = ((448, 336), (384, 384), (336, 448))
# The longer side of an object, as a fraction of the shorter side of the scene.
SIZES = {"small": (0.15, 0.22), "medium": (0.24, 0.38), "large": (0.42, 0.6)}
SIZE_CHANCES = (0.4, 0.4, 0.2)
N_OBJECTS, N_OBJECT_CHANCES = (2, 3, 4, 5, 6), (0.15, 0.25, 0.25, 0.2, 0.15)
# The probabilities that a further object repeats a class of the scene, and that it is painted.
TWIN_CHANCE, PAINT_CHANCE = 0.35, 0.45
# At least this fraction of an object must be visible.
LEAST_VISIBLE = 0.6
ATTEMPTS = 30
MOST_TURN = 12.0
BACKGROUND_AREA = (0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Placed:
    """An object of a scene.

    Attributes:
        name: The name of its class.
        source: The folder that its picture comes from.
        colour: The colour that it was painted in; `None` where it has its own.
        size: "small", "medium" or "large".
        box: Left, top, right and bottom of its visible part, in fractions of the scene.
        visible: The fraction of the object that no other object covers.
    """

    name: str
    source: str
    colour: str | None
    size: str
    box: tuple[float, float, float, float]
    visible: float

    @property
    def centre(self) -> tuple[float, float]:
        """The centre of the box, across and down, in fractions of the scene."""
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture and its objects, from the back to the front."""

    picture: Image.Image
    objects: tuple[Placed, ...]


def make_scene(
    classes: Sequence[ObjectClass],
    chances: np.ndarray,
    backgrounds: Sequence[Path],
    rng: np.random.Generator,
) -> Scene:
    """Draw a scene of objects of these classes, each class with its probability in `chances`."""
    size = CANVASES[rng.integers(len(CANVASES))]
    picture = background(backgrounds[rng.integers(len(backgrounds))], size, rng)
    drawn: list[tuple[ObjectClass, str | None, str, Image.Image]] = []
    for _ in range(rng.choice(N_OBJECTS, p=N_OBJECT_CHANCES)):
        twin = drawn[rng.integers(len(drawn))] if drawn and rng.random() < TWIN_CHANCE else None
        chosen = twin[0] if twin else classes[rng.choice(len(classes), p=chances)]
        cutout = _instance(chosen, rng)
        if cutout is None:
            continue
        colour = None
        if (twin and twin[1]) or (not twin and _may_be_painted(chosen, rng)):
            colour = str(rng.choice([name for name in COLOURS if not twin or name != twin[1]]))
            cutout = painted(cutout, colour)
        drawn.append((chosen, colour, str(rng.choice(list(SIZES), p=SIZE_CHANCES)), cutout))
    layers: list[np.ndarray] = []
    kept: list[tuple[ObjectClass, str | None, str]] = []
    for chosen, colour, size_name, cutout in drawn:
        small = _scaled(cutout, SIZES[size_name], min(size), rng)
        place = _free_place(small, size, layers, rng)
        if place is None:
            continue
        picture.paste(small, place, small)
        layers.append(_mask(small, place, size))
        kept.append((chosen, colour, size_name))
    covered = np.zeros((size[1], size[0]), dtype=bool)
    objects = []
    for (chosen, colour, size_name), mask in reversed(list(zip(kept, layers, strict=True))):
        seen = mask & ~covered
        covered |= mask
        visible = round(float(seen.sum() / mask.sum()), 3)
        box = box_of(seen)
        objects.append(Placed(chosen.name, chosen.source.folder, colour, size_name, box, visible))
    return Scene(picture, tuple(reversed(objects)))


def background(path: Path, size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """Return a part of a photograph, perhaps mirrored, lighter or darker."""
    with Image.open(path) as file:
        photo = file.convert("RGB")
    side = float(np.sqrt(rng.uniform(*BACKGROUND_AREA)))
    width, height = (max(1, round(side * length)) for length in photo.size)
    left = int(rng.integers(photo.width - width + 1))
    top = int(rng.integers(photo.height - height + 1))
    photo = ImageOps.fit(photo.crop((left, top, left + width, top + height)), size)
    if rng.random() < 0.5:
        photo = ImageOps.mirror(photo)
    return ImageEnhance.Brightness(photo).enhance(rng.uniform(0.7, 1.25))


def _instance(chosen: ObjectClass, rng: np.random.Generator) -> Image.Image | None:
    """Draw an object of the class; `None` if a few drawn pictures have no plain ground."""
    for _ in range(4):
        path = chosen.paths[rng.integers(len(chosen.paths))]
        cutout = cut_out(path, chosen.source.cut)
        if cutout is not None and min(cutout.size) > 8:
            return cutout
    return None


def _may_be_painted(chosen: ObjectClass, rng: np.random.Generator) -> bool:
    """Whether an object may be painted: strokes always, an object named by its colour never."""
    if chosen.source.cut == "strokes":
        return True
    named_colours = set(chosen.name.split()) & {*COLOURS, "grey", "gray", "rainbow", "golden"}
    return chosen.source.cut != "whole" and not named_colours and rng.random() < PAINT_CHANCE


def _scaled(
    cutout: Image.Image, bounds: tuple[float, float], shorter: int, rng: np.random.Generator
) -> Image.Image:
    if rng.random() < 0.5:
        cutout = ImageOps.mirror(cutout)
    turned = cutout.rotate(rng.uniform(-MOST_TURN, MOST_TURN), Image.Resampling.BICUBIC, True)
    longer = rng.uniform(*bounds) * shorter
    scale = longer / max(turned.size)
    return turned.resize([max(4, round(scale * side)) for side in turned.size])


def _free_place(
    small: Image.Image,
    size: tuple[int, int],
    layers: Sequence[np.ndarray],
    rng: np.random.Generator,
) -> tuple[int, int] | None:
    """A corner where the object hides little of earlier objects; `None` if there is none."""
    for _ in range(ATTEMPTS):
        left = int(rng.integers(max(1, size[0] - small.width)))
        top = int(rng.integers(max(1, size[1] - small.height)))
        mask = _mask(small, (left, top), size)
        if not mask.any():
            return None
        above = np.zeros_like(mask)
        enough = True
        for layer in (mask, *reversed(layers)):
            enough &= (layer & ~above).sum() >= LEAST_VISIBLE * layer.sum()
            above |= layer
        if enough:
            return left, top
    return None


def _mask(small: Image.Image, place: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    canvas = Image.new("L", size)
    canvas.paste(small.getchannel("A"), place)
    return np.asarray(canvas) > 127


def box_of(seen: np.ndarray) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the pixels of a mask, as fractions of its size."""
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    height, width = seen.shape
    left, right = columns[0] / width, (columns[-1] + 1) / width
    top, bottom = rows[0] / height, (rows[-1] + 1) / height
    return round(left, 4), round(top, 4), round(right, 4), round(bottom, 4)
