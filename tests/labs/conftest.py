from __future__ import annotations

import pytest

from metaadapter.features.encoder import FrozenEncoder
from tests.random_networks import RESNET, VIT, random_encoder

TOWERS = {
    "vit": VIT,
    "resnet": RESNET | {"layers": [1, 2, 1, 1]},
    "timm": {
        "timm_model_name": "test_efficientnet",
        "timm_pool": "avg",
        "timm_proj": "linear",
        "image_size": 64,
    },
}


@pytest.fixture(scope="session")
def make_encoder():
    """Encoders with random weights, by the kind of their image tower."""
    return lambda kind, **options: random_encoder(TOWERS[kind], kind, **options)


@pytest.fixture(scope="session")
def tiny():
    """The encoder that the shipped weights are for, with its joint feature alone."""
    return FrozenEncoder.load("tiny", device="cpu", zoom=False, blocks=("joint",))
