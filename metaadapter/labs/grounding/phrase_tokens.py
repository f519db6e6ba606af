"""The words of a phrase as vectors in the space of pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.errors import UsageError
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.looks import text_places

# The kinds of tokens.
PHRASE, WORD, PAIR, EXAMPLE = range(4)
# Letters and digits, with hyphens and apostrophes within.
WORDS = re.compile(r"[^\W_](?:[\w'’-]*[^\W_])?")
ARTICLES = {"a", "an", "the"}
# Further words are not read: a longer phrase is a sentence, not the name of a thing.
MOST_WORDS = 16


class PhraseTokens(NamedTuple):
    """The tokens of the phrases of several tasks.

    Attributes:
        vectors_TLD: Unit vectors in the space of pictures; the first is the whole phrase.
        kinds_TL: `PHRASE`, `WORD`, `PAIR` of neighbouring words or `EXAMPLE`, a part of a picture.
        places_TL: The place of a word or of a pair's first word in the phrase, from 0.
        mask_TL: False for places that a shorter phrase leaves empty.
    """

    vectors_TLD: Float[Tensor, "tasks length dim"]
    kinds_TL: Int[Tensor, "tasks length"]
    places_TL: Int[Tensor, "tasks length"]
    mask_TL: Bool[Tensor, "tasks length"]


def phrase_words(phrase: str) -> list[str]:
    """The words of a phrase in lower case, without articles."""
    return [word for word in WORDS.findall(phrase.lower()) if word not in ARTICLES]


def phrase_pieces(phrase: str) -> list[tuple[str, int, int]]:
    """Text, kind and place of the pieces of a phrase: the whole, its words, and pairs of words.

    Raises:
        UsageError: The phrase has no word.
    """
    words = phrase_words(phrase)[:MOST_WORDS]
    if not words:
        raise UsageError(f"expected a phrase such as 'the red mug', got {phrase!r}: no word in it")
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
    """Unit vectors of the first look's joint block, which pictures and texts share."""
    first, *_ = text_places(encoder.dim, encoder.zoom, encoder.look_blocks)
    return normalize(rows[:, first[0]], dim=-1)
