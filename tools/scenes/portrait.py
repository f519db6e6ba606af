"""A scene with one object that takes most of the picture, as in a photograph of that object."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from scipy import ndimage

from tools.scenes.cutouts import object_mask
from tools.scenes.scene import CANVASES, Placed, Scene, background, box_of, make_scene
from tools.scenes.sources import ObjectClass

# The fraction of portraits that keep the object's own photograph, if its ground is even.
OWN_GROUND_CHANCE = 0.6
# The fraction of the other portraits that have a scene of small objects behind the object.
CROWD_CHANCE = 0.3
# The object's width or height as a fraction of the scene's, whichever is larger. Above 1, the
# scene shows a part of the object.
LENGTHS = (0.3, 1.1)
# The logarithm of the largest factor by which an object is widened or narrowed.
STRETCH = 0.2
# Parts of a mask that are smaller than this fraction of the largest part are specks of the ground.
SPECK = 0.05
ATTEMPTS = 100


def make_portrait(
    classes: Sequence[ObjectClass],
    chances: np.ndarray,
    backgrounds: Sequence[Path],
    rng: np.random.Generator,
) -> Scene:
    """Draw an object of these classes that can be cut out, and show it large.

    Raises:
        RuntimeError: No drawn picture has an object that can be cut out.
    """
    is_own = rng.random() < OWN_GROUND_CHANCE
    usable = np.array([thing.source.cut == "plain" for thing in classes])
    if not (is_own and usable.any()):
        is_own = False
        usable = np.array([thing.source.cut != "whole" for thing in classes])
    chances = chances * usable / (chances * usable).sum()
    for _ in range(ATTEMPTS):
        thing = classes[rng.choice(len(classes), p=chances)]
        with Image.open(thing.paths[rng.integers(len(thing.paths))]) as file:
            photo = file.convert("RGBA")
        mask = object_mask(photo, thing.source.cut)
        if mask is None or not (mask > 127).any():
            continue
        size = CANVASES[rng.integers(len(CANVASES))]
        solid = _without_specks(mask)
        if rng.random() < 0.5:
            photo, mask, solid = ImageOps.mirror(photo), mask[:, ::-1], solid[:, ::-1]
        scale, corner = _window(box_of(solid), photo.size, size, rng)
        seen = _seen(Image.fromarray(np.uint8(255) * solid), scale, corner, size)
        if not (seen > 127).any():
            continue
        if is_own:
            picture = _extended(photo.convert("RGB"), mask, scale, corner, size)
        else:
            picture = _ground(thing, classes, chances, backgrounds, size, rng)
            photo.putalpha(Image.fromarray(mask * solid))
            cutout = photo.resize(_scaled(photo.size, scale))
            picture.paste(cutout, corner, cutout)
        box = box_of(seen > 127)
        return Scene(picture, (Placed(thing.name, thing.source.folder, None, "large", box, 1.0),))
    raise RuntimeError(
        f"none of {ATTEMPTS} drawn pictures has an object that can be cut out; give sources with "
        "transparent pictures or even grounds"
    )


def _without_specks(mask: np.ndarray) -> np.ndarray:
    pieces, n_pieces = ndimage.label(mask > 127)
    areas = ndimage.sum_labels(np.ones_like(pieces), pieces, np.arange(1, n_pieces + 1))
    kept: np.ndarray = np.isin(pieces, 1 + np.flatnonzero(areas >= SPECK * areas.max()))
    return kept


def _window(
    box: tuple[float, float, float, float],
    photo: tuple[int, int],
    size: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[tuple[float, float], tuple[int, int]]:
    """Return the factors of width and height, and the corner of the photograph in the scene."""
    stretch = np.exp(rng.uniform(-STRETCH, STRETCH) / 2)
    ratios = np.array([stretch, 1 / stretch])
    low, high = (np.array(box[n : n + 2]) * photo for n in (0, 2))
    factor = rng.uniform(*LENGTHS) * (np.array(size) / ((high - low) * ratios)).min()
    scale = factor * ratios
    # The middle is likelier than the rim, as in photographs of one thing.
    corner = rng.beta(2, 2, 2) * (np.array(size) - (high - low) * scale) - low * scale
    return (float(scale[0]), float(scale[1])), (round(corner[0]), round(corner[1]))


def _scaled(photo: tuple[int, int], scale: tuple[float, float]) -> tuple[int, int]:
    return max(1, round(photo[0] * scale[0])), max(1, round(photo[1] * scale[1]))


def _seen(
    mask: Image.Image, scale: tuple[float, float], corner: tuple[int, int], size: tuple[int, int]
) -> np.ndarray:
    canvas = Image.new("L", size)
    canvas.paste(mask.resize(_scaled(mask.size, scale)), corner)
    return np.asarray(canvas)


def _extended(
    photo: Image.Image,
    mask: np.ndarray,
    scale: tuple[float, float],
    corner: tuple[int, int],
    size: tuple[int, int],
) -> Image.Image:
    """Return the window of a photograph; the ground at its rim continues outside of it."""
    pixels = np.asarray(photo)
    on_ground = ndimage.binary_erosion(mask < 1, iterations=2, border_value=1)
    middle = np.median(pixels[on_ground], axis=0) if on_ground.any() else pixels.mean((0, 1))
    ground = np.where(on_ground[..., None], pixels, middle).astype(np.uint8)
    rows, columns = ((np.arange(size[n]) - corner[n]) / scale[n] for n in (1, 0))
    nearest_rows = np.clip(rows.astype(int), 0, photo.height - 1)
    nearest_columns = np.clip(columns.astype(int), 0, photo.width - 1)
    canvas = Image.fromarray(ground[nearest_rows][:, nearest_columns])
    canvas.paste(photo.resize(_scaled(photo.size, scale)), corner)
    return canvas


def _ground(
    thing: ObjectClass,
    classes: Sequence[ObjectClass],
    chances: np.ndarray,
    backgrounds: Sequence[Path],
    size: tuple[int, int],
    rng: np.random.Generator,
) -> Image.Image:
    if rng.random() < CROWD_CHANCE:
        crowd = make_scene(classes, chances, backgrounds, rng)
        if all(other.name != thing.name for other in crowd.objects):
            return crowd.picture.resize(size)
    return background(backgrounds[rng.integers(len(backgrounds))], size, rng)
