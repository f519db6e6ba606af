"""Where in pictures a phrase is: a heat map, a box and a score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32
from PIL import Image
from scipy import ndimage
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.features.encoder import FrozenEncoder
from metaadapter.labs.grounding.cross_modal import CrossModalAdapter, Grounded, frozen_map
from metaadapter.labs.grounding.phrase_tokens import phrase_tokens
from metaadapter.labs.grounding.picture_tokens import PictureTokens, dense_size, picture_tokens

Box = tuple[float, float, float, float]
# The frozen map is drawn to this many times its own grid, so that its box is finer than a place.
FINER = 4
# A place belongs to the box if its heat is above this fraction of the way from mean to peak.
BOX_LEVEL = 0.5


class Found(NamedTuple):
    """Where a phrase is in a picture.

    Attributes:
        box: Left, top, right and bottom in fractions of the upright picture.
        score: How much of all heat is in the box, 0 to 1.
        heat: The heat of each place, row by row from the top; it sums to 1.
    """

    box: Box
    score: float
    heat: Float32[np.ndarray, "height width"]


def ground(
    encoder: FrozenEncoder,
    pictures: Sequence[Image.Image],
    phrase: str,
    adapter: CrossModalAdapter | None = None,
    examples: Float[Tensor, "examples dim"] | None = None,
) -> list[Found]:
    """Find what a phrase names in upright RGB pictures.

    Args:
        encoder: The frozen encoder.
        pictures: The pictures, at least one.
        phrase: What to look for, as in "the red mug left of the lamp".
        adapter: A cross-modal adapter of this encoder; without one the frozen encoder's own map
            is what is found, which knows no colours, places or relations.
        examples: Features, in the space of texts, of pictures that show things of this name;
            read by the cross-modal adapter alone.

    Raises:
        UsageError: There is no word in the phrase, or the encoder gives no patches.
    """
    shown = None
    if adapter is not None and examples is not None:
        shown = [example_vectors(examples, adapter)]
    words = phrase_tokens(encoder, [phrase], shown)
    size = dense_size(encoder) if adapter is None else adapter.config.size
    found = []
    for picture in pictures:
        tokens = picture_tokens(encoder, [picture], size)
        if adapter is None:
            found.append(_by_frozen_map(tokens, words.vectors_TLD[:, 0], encoder.logit_scale))
        else:
            with torch.inference_mode():
                found.append(_at_peak(adapter(tokens, words, torch.zeros(1, dtype=torch.long))))
    return found


def example_vectors(
    regions: Float[Tensor, "examples dim"], adapter: CrossModalAdapter
) -> Float[Tensor, "examples dim"]:
    """Mean tokens of examples, less what all pictures have in common."""
    return normalize(normalize(regions, dim=-1) - adapter.centre, dim=-1)


def box_around_peak(heat: Float[np.ndarray, "height width"]) -> Box:
    """The box around all places joined to the hottest one that are not much colder than it."""
    level = heat.mean() + BOX_LEVEL * (heat.max() - heat.mean())
    pieces, _ = ndimage.label(heat >= level)
    peak = np.unravel_index(int(heat.argmax()), heat.shape)
    down, across = ndimage.find_objects((pieces == pieces[peak]).astype(np.int8))[0]
    height, width = heat.shape
    left, right = across.start / width, across.stop / width
    return left, down.start / height, right, down.stop / height


def _by_frozen_map(tokens: PictureTokens, phrase: Tensor, logit_scale: float) -> Found:
    high, wide = (FINER * n for n in tokens.joint_NHWD.shape[1:3])
    logits = frozen_map(tokens.joint_NHWD, phrase, logit_scale, (high, wide))[0]
    heat = logits.flatten().softmax(0).reshape(high, wide).numpy()
    return _found(box_around_peak(logits.numpy()), heat)


def _at_peak(grounded: Grounded) -> Found:
    logits = grounded.heat_Thw[0]
    heat = logits.flatten().softmax(0).reshape(logits.shape).numpy()
    left, top, right, bottom = grounded.boxes_at_peak()[0].tolist()
    return _found((left, top, right, bottom), heat)


def _found(box: Box, heat: Float32[np.ndarray, "height width"]) -> Found:
    rows, columns = ((np.arange(n) + 0.5) / n for n in heat.shape)
    inside = np.outer(
        (rows >= box[1]) & (rows <= box[3]), (columns >= box[0]) & (columns <= box[2])
    )
    return Found(box, float(heat[inside].sum()), heat)
