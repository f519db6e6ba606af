"""The place of a phrase in pictures, by an adapter of classes: a heat map, a box and a score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo
from scipy import ndimage
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.files import load_adapter
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.data.decode import open_image
from metaadapter.data.inputs import open_readable
from metaadapter.data.output_folder import replace_file
from metaadapter.data.plain_text import one_line
from metaadapter.errors import UsageError
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.logit_scale import CLIP_LOGIT_SCALE
from metaadapter.features.prompts import readable_name
from metaadapter.labs.grounding.cross_modal import CrossModalAdapter, GroundingMaps, frozen_map
from metaadapter.labs.grounding.pretrained import shipped_for
from metaadapter.labs.grounding.tokens import (
    PictureTokens,
    dense_size,
    joint_of_first_look,
    phrase_tokens,
    phrase_words,
    picture_tokens,
)
from metaadapter.workflow.queries import load_base_encoder

Box = tuple[float, float, float, float]
# The frozen map is enlarged by this factor, so that its box is finer than a place.
FINER = 4
# A place is in the box if its heat is above this fraction of the way from mean to peak.
BOX_LEVEL = 0.5


class Grounding(NamedTuple):
    """The place of a phrase in a picture.

    Attributes:
        box: Left, top, right and bottom in fractions of the upright picture.
        score: The fraction of all heat that is in the box.
        heat: The heat of each place, row by row from the top; the sum is 1.
        presence: The estimated probability that the picture shows what the phrase names; `None`
            without a cross-modal adapter.
    """

    box: Box
    score: float
    heat: Float32[np.ndarray, "height width"]
    presence: float | None = None


def ground(
    encoder: FrozenEncoder,
    pictures: Sequence[Image.Image],
    phrase: str,
    adapter: CrossModalAdapter | None = None,
    examples: Float[Tensor, "examples dim"] | None = None,
) -> list[Grounding]:
    """Find what a phrase names in upright RGB pictures.

    Args:
        encoder: The frozen encoder.
        pictures: The pictures, at least one.
        phrase: What to find, as in "the red mug left of the lamp".
        adapter: A cross-modal adapter for this encoder; without it, the map shows the frozen
            encoder's similarities, which know no colours, places or relations.
        examples: Features, in the space of texts, of pictures that show things of this name; only
            a cross-modal adapter reads them.

    Raises:
        UsageError: The phrase has no word, or the encoder gives no patches.
    """
    vectors = None
    if adapter is not None and examples is not None:
        vectors = example_vectors(examples, adapter)
    words = phrase_tokens(encoder, phrase, vectors)
    size = dense_size(encoder) if adapter is None else adapter.config.size
    groundings = []
    for picture in pictures:
        tokens = picture_tokens(encoder, [picture], size)
        if adapter is None:
            scale = encoder.logit_scale or CLIP_LOGIT_SCALE
            groundings.append(_by_frozen_map(tokens, words.vectors_TLD[:, 0], scale))
        else:
            with torch.inference_mode():
                groundings.append(_at_peak(adapter(tokens, words)))
    return groundings


def example_vectors(
    regions: Float[Tensor, "examples dim"], adapter: CrossModalAdapter
) -> Float[Tensor, "examples dim"]:
    """Return unit vectors of examples, minus the mean of all pictures, to use as tokens."""
    return normalize(normalize(regions, dim=-1) - adapter.centre, dim=-1)


def box_around_peak(heat: Float[np.ndarray, "height width"]) -> Box:
    """Return the box around the hottest place and connected places that are almost as hot."""
    level = heat.mean() + BOX_LEVEL * (heat.max() - heat.mean())
    pieces, _ = ndimage.label(heat >= level)
    peak = np.unravel_index(int(heat.argmax()), heat.shape)
    down, across = ndimage.find_objects((pieces == pieces[peak]).astype(np.int8))[0]
    height, width = heat.shape
    left, right = across.start / width, across.stop / width
    return left, down.start / height, right, down.stop / height


def _by_frozen_map(tokens: PictureTokens, phrase: Tensor, logit_scale: float) -> Grounding:
    high, wide = (FINER * n for n in tokens.joint_NHWD.shape[1:3])
    logits = frozen_map(tokens.joint_NHWD, phrase, logit_scale, (high, wide))[0]
    heat = logits.flatten().softmax(0).reshape(high, wide).numpy()
    return _grounding(box_around_peak(logits.numpy()), heat)


def _at_peak(maps: GroundingMaps) -> Grounding:
    logits = maps.heat_Thw[0]
    heat = logits.flatten().softmax(0).reshape(logits.shape).numpy()
    left, top, right, bottom = maps.boxes_at_peak()[0].tolist()
    return _grounding((left, top, right, bottom), heat, float(maps.presence_T[0].sigmoid()))


def _grounding(
    box: Box, heat: Float32[np.ndarray, "height width"], presence: float | None = None
) -> Grounding:
    rows, columns = ((np.arange(n) + 0.5) / n for n in heat.shape)
    inside = np.outer(
        (rows >= box[1]) & (rows <= box[3]), (columns >= box[0]) & (columns <= box[2])
    )
    return Grounding(box, float(heat[inside].sum()), heat, presence)


# The cross-modal adapter was trained with at most this many examples.
MOST_EXAMPLES = 4


class ClassExamples(NamedTuple):
    """A class of an adapter, and unit features of its pictures in the space of texts."""

    label: str
    vectors: Float[Tensor, "examples dim"]


def class_examples(
    stored: StoredAdapter, encoder: FrozenEncoder, phrase: str
) -> ClassExamples | None:
    """Return the first class that a phrase names, with up to four of its pictures.

    Of several class names that begin at the same word, the longest is taken. Return `None` if the
    phrase names no class, or if no features of the class's pictures are stored.
    """
    if stored.support is None:
        return None
    words = phrase_words(phrase)
    named = []
    class_names = stored.config.class_names or [""] * len(stored.config.classes)
    for number, label in enumerate(stored.config.classes):
        names = {readable_name(str(label)), class_names[number]}
        for name in filter(None, map(phrase_words, names)):
            places = [n for n in range(len(words)) if words[n : n + len(name)] == name]
            named += [(place, -len(name), number) for place in places]
    if not named:
        return None
    _, _, number = min(named)
    rows, labels = stored.support.labelled_rows()
    chosen = rows[labels == number][:MOST_EXAMPLES].float()
    if not len(chosen):
        return None
    label = str(stored.config.classes[number])
    return ClassExamples(label, joint_of_first_look(encoder, chosen))


@dataclass(frozen=True, slots=True, eq=False)
class PhraseGrounder:
    """Finds one phrase in pictures."""

    phrase: str
    encoder: FrozenEncoder
    cross_modal: CrossModalAdapter | None
    """The cross-modal adapter that ships; `None` if it was trained with another encoder."""
    examples: ClassExamples | None
    has_other_features: bool
    """Whether the adapter's pictures are no examples, as their encoder has adapters inside."""

    def ground(self, picture: Image.Image) -> Grounding:
        """Find the phrase in an upright RGB picture."""
        vectors = self.examples and self.examples.vectors
        (grounding,) = ground(self.encoder, [picture], self.phrase, self.cross_modal, vectors)
        return grounding


def read_grounder(adapter: Path, phrase: str, encoder: str | None, device: str) -> PhraseGrounder:
    """Load the encoder of an adapter, and collect examples of the phrase from its classes."""
    stored = load_adapter(adapter)
    config = stored.config
    # The cross-modal adapter was trained on tokens of the frozen towers.
    loaded = load_base_encoder(adapter, config.origin, config.width, encoder, device, "fp32")
    if not isinstance(loaded, FrozenEncoder):
        raise UsageError(
            f"grounding reads tokens of places and words, which need an encoder of open_clip, "
            f"but the encoder {loaded.name} is of your own; make an adapter with another encoder, "
            "such as tiny"
        )
    cross_modal = shipped_for(loaded)
    has_other_features = cross_modal is not None and config.inside is not None
    examples = None
    if cross_modal is not None and not has_other_features:
        examples = class_examples(stored, loaded, phrase)
    return PhraseGrounder(phrase, loaded, cross_modal, examples, has_other_features)


# From cold to hot: dark blue, violet, orange, yellow. Their lightness rises, for readers who see no
# colours and for prints in grey.
RAMP = ((12, 8, 60), (120, 28, 120), (240, 110, 30), (252, 240, 120))
# The opacity of the colour where the map is cold and where it is hot.
COVER = (0.3, 0.65)
LINE = 120
LONGEST = 1600

# One of the keywords that the PNG specification names.
KEYWORD = "Description"


def overlay(picture: Image.Image, grounding: Grounding) -> Image.Image:
    """Draw the heat map and the box over a copy of the picture, at most 1,600 pixels long."""
    small = picture.copy()
    small.thumbnail((LONGEST, LONGEST))
    heat = Image.fromarray(_stretched(grounding.heat)).resize(small.size, Image.Resampling.BICUBIC)
    level = np.clip(np.asarray(heat), 0, 1)
    stops = np.linspace(0, 1, len(RAMP))
    colours = [np.interp(level, stops, [stop[channel] for stop in RAMP]) for channel in range(3)]
    cover = np.interp(level, (0, 1), COVER)[..., None]
    mixed = (1 - cover) * np.asarray(small) + cover * np.stack(colours, -1)
    result = Image.fromarray(mixed.round().astype(np.uint8))
    _draw_box(result, grounding.box)
    return result


def _stretched(heat: Float[np.ndarray, "height width"]) -> Float[np.ndarray, "height width"]:
    """Return square roots, from 0 to 1, because a softmax is too peaked to show its slopes."""
    low, high = float(heat.min()), float(heat.max())
    stretched: np.ndarray = np.sqrt((heat - low) / max(high - low, 1e-12)).astype(np.float32)
    return stretched


def _draw_box(picture: Image.Image, box: Box) -> None:
    width, height = picture.size
    left, top = box[0] * width, box[1] * height
    # A box may be narrower than a pixel, and Pillow refuses one that ends before it begins.
    corners = [left, top, max(left, box[2] * width - 1), max(top, box[3] * height - 1)]
    line = max(2, max(picture.size) // LINE)
    draw = ImageDraw.Draw(picture)
    # A dark line within a light one is visible on any background.
    draw.rectangle(corners, outline=(255, 255, 255), width=line)
    draw.rectangle(corners, outline=(0, 0, 0), width=max(1, line // 3))


def save_heat_map(file: Path, drawn: Image.Image, phrase: str) -> None:
    """Write the drawing of `overlay` as a PNG file into a folder that exists."""
    info = PngInfo()
    info.add_itxt(KEYWORD, one_line(phrase))
    replace_file(file, partial(drawn.save, format="PNG", pnginfo=info))


def phrase_of(file: Path) -> str | None:
    """Return the phrase stored with a heat map, as `one_line` writes it; `None` without one."""
    try:
        with open_readable(file) as opened:
            phrase = open_image(file, opened).info.get(KEYWORD)
    except Exception:  # a damaged file may raise nearly any type of error
        return None
    return None if phrase is None else str(phrase)
