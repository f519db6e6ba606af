from __future__ import annotations

import numpy as np
import pytest
import torch

from metaadapter.errors import UsageError
from metaadapter.features.encoder import FrozenEncoder
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


@pytest.mark.parametrize("phrase", ["", "the", " – … "])
def test_a_phrase_without_a_word_is_refused(phrase):
    with pytest.raises(UsageError, match="expected a phrase such as 'the red mug', but"):
        phrase_pieces(phrase)


def test_a_sentence_is_read_up_to_its_sixteenth_word():
    assert len(phrase_pieces("word " * 40)) == 1 + 16 + 15


def test_each_piece_has_the_vector_of_its_own_text(tiny):
    tokens = phrase_tokens(tiny, ["the red mug", "an anchor"])

    texts = ["red mug", "red", "mug", "red mug"]
    np.testing.assert_allclose(tokens.vectors_TLD[0], tiny.encode_texts(texts), atol=1e-6)
    assert tokens.mask_TL.tolist() == [[True] * 4, [True, True, False, False]]


def test_vectors_do_not_depend_on_what_else_the_features_hold(tiny):
    wide = FrozenEncoder.load("tiny", zoom=True, blocks=["joint", "stages"])

    vectors = phrase_tokens(wide, ["anchor"]).vectors_TLD

    assert wide.dim > tiny.dim
    torch.testing.assert_close(vectors, phrase_tokens(tiny, ["anchor"]).vectors_TLD)


def test_examples_stand_behind_the_words(tiny):
    shown = torch.eye(512)[:2]

    tokens = phrase_tokens(tiny, ["mug", "red mug"], [shown, torch.empty(0, 512)])

    assert tokens.kinds_TL[0].tolist() == [PHRASE, WORD, EXAMPLE, EXAMPLE]
    torch.testing.assert_close(tokens.vectors_TLD[0, 2:], shown)
