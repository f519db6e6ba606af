"""Turn phrases and pictures into tokens in one space."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from PIL import Image
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, normalize

from metaadapter.errors import UsageError
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.views import text_places
from metaadapter.labs.grounding.patches import patch_tokens

# The kinds of tokens.
PHRASE, WORD, PAIR, EXAMPLE = range(4)
# Letters and digits, with hyphens and apostrophes within.
WORDS = re.compile(r"[^\W_](?:[\w'’-]*[^\W_])?")
ARTICLES = {"a", "an", "the"}
# Further words are not read: a longer phrase is a sentence, not the name of a thing.
MOST_WORDS = 16

# A convolutional tower reads pictures of any size: enlarged by this factor, they show smaller
# things (docs/explanation/grounding.md). Towers with position embeddings keep their own size.
CLOSER = 12 / 7
STRIDE = 32


class PhraseTokens(NamedTuple):
    """The tokens of the phrases of several tasks."""

    vectors_TLD: Float[Tensor, "tasks length dim"]
    """Unit vectors in the space of pictures; the first is the whole phrase."""
    kinds_TL: Int[Tensor, "tasks length"]
    """`PHRASE`, `WORD`, `PAIR` of neighbouring words or `EXAMPLE`, a part of a picture."""
    places_TL: Int[Tensor, "tasks length"]
    """The place of a word or of a pair's first word in the phrase, from 0."""
    mask_TL: Bool[Tensor, "tasks length"]


def phrase_words(phrase: str) -> list[str]:
    """Return the words of a phrase in lower case, without articles."""
    return [word for word in WORDS.findall(phrase.lower()) if word not in ARTICLES]


def phrase_pieces(phrase: str) -> list[tuple[str, int, int]]:
    """Return text, kind and place of each piece of a phrase: the whole, words, pairs of words."""
    words = phrase_words(phrase)[:MOST_WORDS]
    if not words:
        raise UsageError(f"expected a phrase such as 'the red mug', but {phrase!r} has no word")
    pairs = [f"{first} {second}" for first, second in pairwise(words)]
    return [
        (" ".join(words), PHRASE, 0),
        *((word, WORD, place) for place, word in enumerate(words)),
        *((pair, PAIR, place) for place, pair in enumerate(pairs)),
    ]


def phrase_tokens(
    encoder: FrozenEncoder,
    phrases: Sequence[str],
    examples: Sequence[Float[Tensor, "_ dim"]] | None = None,
) -> PhraseTokens:
    """Encode phrases, each with the vectors of its examples, if there are any."""
    pieces = [phrase_pieces(phrase) for phrase in phrases]
    texts = sorted({text for phrase in pieces for text, _, _ in phrase})
    rows = torch.from_numpy(np.asarray(encoder.encode_texts(texts)))
    vectors = dict(zip(texts, joint_of_first_look(encoder, rows), strict=True))
    return join_tokens(
        [[(vectors[text], kind, place) for text, kind, place in phrase] for phrase in pieces],
        examples,
    )


def join_tokens(
    pieces: Sequence[Sequence[tuple[Tensor, int, int]]],
    examples: Sequence[Float[Tensor, "_ dim"]] | None = None,
) -> PhraseTokens:
    """Put the pieces and examples of several phrases, as vectors, into one batch."""
    all_examples = examples or [torch.empty(0)] * len(pieces)
    rows = [
        [*phrase, *((vector, EXAMPLE, 0) for vector in vectors)]
        for phrase, vectors in zip(pieces, all_examples, strict=True)
    ]
    length = max(map(len, rows))
    vectors = torch.zeros(len(rows), length, rows[0][0][0].shape[-1])
    kinds, places = torch.zeros(2, len(rows), length, dtype=torch.long)
    mask = torch.zeros(len(rows), length, dtype=torch.bool)
    for number, row in enumerate(rows):
        n = len(row)
        vectors[number, :n] = torch.stack([vector for vector, _, _ in row])
        kinds[number, :n] = torch.tensor([kind for _, kind, _ in row])
        places[number, :n] = torch.tensor([place for _, _, place in row])
        mask[number, :n] = True
    return PhraseTokens(vectors, kinds, places, mask)


def joint_of_first_look(
    encoder: FrozenEncoder, rows: Float[Tensor, "n dim"]
) -> Float[Tensor, "n joint"]:
    """Return unit vectors from the first look's joint block, which pictures and texts share."""
    first, *_ = text_places(encoder.dim, encoder.zoom, encoder.look_blocks)
    return normalize(rows[:, first[0]], dim=-1)


class PictureTokens(NamedTuple):
    """Tokens of pictures, row by row from the top."""

    joint_NHWD: Float[Tensor, "n height width dim"]
    """Vectors of any length in the space of texts."""
    stage_NhwC: Float[Tensor, "n fine_height fine_width stage_dim"]
    colour_Nhw6: Float[Tensor, "n fine_height fine_width 6"]
    """Mean and standard deviation of red, green and blue, 0 to 1."""


def picture_tokens(
    encoder: FrozenEncoder, pictures: Sequence[Image.Image], size: tuple[int, int]
) -> PictureTokens:
    """Encode upright RGB pictures, resized to `size` (width, height) without cropping."""
    tower: Any = encoder.network.visual
    width, height = size
    pixels = [
        np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))
        for picture in pictures
    ]
    rgb = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 255
    config = tower.preprocess_cfg
    mean, std = (torch.tensor(config[name]).view(3, 1, 1) for name in ("mean", "std"))
    with torch.inference_mode():
        tokens = patch_tokens(tower, ((rgb - mean) / std).to(encoder.device))
    joint, stage = (token.float().cpu().clone() for token in tokens)
    grid = (stage.shape[1], stage.shape[2])
    means = adaptive_avg_pool2d(rgb, grid)
    spread = (adaptive_avg_pool2d(rgb**2, grid) - means**2).clamp(min=0).sqrt()
    return PictureTokens(joint, stage, torch.cat([means, spread], 1).permute(0, 2, 3, 1))


def dense_size(encoder: FrozenEncoder) -> tuple[int, int]:
    """Return the width and height in pixels at which an encoder reads whole pictures for tokens."""
    tower: Any = encoder.network.visual
    size = tower.preprocess_cfg["size"]
    height, width = (size, size) if isinstance(size, int) else size
    trunk = getattr(tower, "trunk", None)
    if trunk is None or getattr(trunk, "pos_embed", None) is not None:
        return width, height
    wide, high = (round(CLOSER * side / STRIDE) * STRIDE for side in (width, height))
    return wide, high
