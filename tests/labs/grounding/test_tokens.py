from __future__ import annotations

import numpy as np
import torch

from metaadapter.labs.grounding.tokens import (
    EXAMPLE,
    PAIR,
    PHRASE,
    WORD,
    phrase_pieces,
    phrase_tokens,
)


def test_a_phrase_falls_into_itself_its_words_and_pairs_of_neighbours():
    assert phrase_pieces("The red mug, left of a lamp!") == [
        ("red mug left of lamp", PHRASE, 0),
        ("red", WORD, 0),
        ("mug", WORD, 1),
        ("left", WORD, 2),
        ("of", WORD, 3),
        ("lamp", WORD, 4),
        ("red mug", PAIR, 0),
        ("mug left", PAIR, 1),
        ("left of", PAIR, 2),
        ("of lamp", PAIR, 3),
    ]


def test_each_piece_has_the_vector_of_its_own_text(tiny):
    tokens = phrase_tokens(tiny, "the red mug", torch.zeros(1, tiny.dim))

    texts = ["red mug", "red", "mug", "red mug"]
    np.testing.assert_allclose(tokens.vectors_TLD[0, :4], tiny.encode_texts(texts), atol=1e-6)
    assert tokens.kinds_TL.tolist() == [[PHRASE, WORD, WORD, PAIR, EXAMPLE]]
