"""An encoder that reads names through a learned prompt."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from metaadapter.errors import IncompatibleArtifact
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.towers.prompted_encoder import CONTEXT, SHIFT, START, PromptedEncoder
from metaadapter.features.towers.soft_prompt import word_vectors

NAMES = ["fox", "heron", "otter", "lynx"]


@pytest.fixture(scope="module")
def base():
    return FrozenEncoder.load("tiny", device="cpu")


@pytest.fixture(scope="module")
def start(base):
    return word_vectors(base.copied_network(), base.tokenize, "a photo of a", 4)


@pytest.fixture
def make_prompted(base, start):
    def make(seed, shift=None):
        draw = torch.Generator().manual_seed(seed)
        context = start + 0.1 * torch.randn(start.shape, generator=draw) * (seed > 0)
        shift = torch.zeros(512) if shift is None else shift
        return PromptedEncoder(base, {CONTEXT: context, START: start, SHIFT: shift})

    return make


def test_texts__vectors_that_did_not_move__are_those_of_the_encoder_to_the_bit(base, make_prompted):
    assert np.array_equal(make_prompted(0).encode_texts(NAMES), base.encode_texts(NAMES))


def test_texts__moved_vectors__add_what_changed_in_the_joint_block_alone(base, make_prompted):
    encoder = make_prompted(1)

    result = encoder.encode_texts(NAMES)

    hand_written = base.encode_texts(NAMES)
    with torch.no_grad():
        tokens = encoder._learned.tokens(NAMES)
        moved = (encoder._learned(tokens) - encoder._start(tokens)).numpy()
    joint = base.blocks[0]
    first, wide = hand_written[:, :joint], moved * np.linalg.norm(hand_written[0, :joint])
    expected = first + wide
    direction = expected / np.linalg.norm(expected, axis=1, keepdims=True)
    got = result[:, :joint] / np.linalg.norm(result[:, :joint], axis=1, keepdims=True)
    np.testing.assert_allclose(got, direction, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(result, axis=1), 1, atol=1e-6)
    assert not result[:, hand_written.any(0) == 0].any()
    assert np.abs(result - hand_written).max() > 0.01


def test_prompts__two_in_threads_over_one_encoder__answer_as_each_alone(base, make_prompted):
    encoders = [make_prompted(1), make_prompted(2)]
    alone = [encoder.encode_texts(NAMES) for encoder in encoders]

    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda n: encoders[n % 2].encode_texts(NAMES), range(8)))

    for n, result in enumerate(together):
        assert np.array_equal(result, alone[n % 2])
    assert np.abs(alone[0] - alone[1]).max() > 0.01


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        *((name, lambda _: None, f"lacks {name}") for name in (CONTEXT, START, SHIFT)),
        (SHIFT, lambda _: torch.zeros(3), "texts of the encoder tiny are 512 wide"),
        (START, lambda start: start[1:], "which should be equal"),
    ],
    ids=["no context", "no start", "no shift", "shift of another width", "shorter start"],
)
def test_prompt__tensor_that_does_not_fit__is_refused(base, start, name, change, message):
    tensors = {CONTEXT: start, START: start, SHIFT: torch.zeros(512), name: change(start)}

    with pytest.raises(IncompatibleArtifact, match=message):
        PromptedEncoder(base, {key: item for key, item in tensors.items() if item is not None})
