"""Learned vectors in the place of words, in towers of open_clip's configs and in `tiny`."""

from __future__ import annotations

import copy

import open_clip
import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.features.networks import shared_copy
from metaadapter.features.towers.soft_prompt import PromptedTexts, word_vectors
from tests.random_networks import unchanged

NAMES = ["fox", "a grey heron", "otter in the snow"]
TOKENIZE = open_clip.SimpleTokenizer(context_length=16)


@pytest.fixture(params=[False, True], ids=["CLIP", "CustomTextCLIP"])
def network(request, make_network):
    return make_network("vit", custom_text=request.param)


def texts_of(network, sentences):
    with torch.no_grad():
        return normalize(network.encode_text(TOKENIZE(sentences)), dim=-1)


def prompted(network, words="a photo of a", n_context=4):
    copied = shared_copy(network)
    return PromptedTexts(copied, TOKENIZE, word_vectors(copied, TOKENIZE, words, n_context))


def test_prompt__of_the_vectors_of_words__reads_as_the_words_to_the_bit(network):
    texts = prompted(network)

    with torch.no_grad():
        result = texts(texts.tokens(NAMES))

    assert torch.equal(result, texts_of(network, [f"a photo of a {name}." for name in NAMES]))


def test_prompt__own_vectors__equal_a_tower_whose_table_has_them(network):
    context = torch.randn(2, 16, generator=torch.Generator().manual_seed(3))
    texts = PromptedTexts(shared_copy(network), TOKENIZE, context)

    with torch.no_grad():
        result = texts(texts.tokens(NAMES))

    # The same by hand: two words of the vocabulary get the vectors as their own.
    other = copy.deepcopy(network)
    table = getattr(other, "text", other).token_embedding
    first, second = TOKENIZE(["zebra yacht"])[0, 1:3].tolist()
    with torch.no_grad():
        table.weight[[first, second]] = context
    expected = texts_of(other, [f"zebra yacht {name}." for name in NAMES])
    torch.testing.assert_close(result, expected)


def test_prompt__training_and_removal__leave_the_network_as_it_was(network):
    with unchanged(network):
        texts = prompted(network)
        start = texts.context.detach().clone()
        optimizer = torch.optim.Adam([texts.context], lr=0.1)

        for _ in range(3):
            optimizer.zero_grad()
            texts(texts.tokens(NAMES))[0, 0].backward()
            optimizer.step()

        assert (texts.context - start).abs().amax() > 0.05
        del texts


def test_shorten__texts__stay(network):
    texts = prompted(network)
    tokens = texts.tokens(NAMES)
    with torch.no_grad():
        whole = texts(tokens)

    shorter = texts.shorten(tokens)

    assert shorter.shape[1] == 11
    with torch.no_grad():
        torch.testing.assert_close(texts(shorter), whole)
    assert len(getattr(network, "text", network).positional_embedding) == 16


def test_tokens__long_name__is_cut_where_the_tower_ends(network):
    texts = prompted(network)

    tokens = texts.tokens(["fox " * 30])

    assert tokens.shape == (1, 16)
    assert tokens[0, -1] == tokens.max()
