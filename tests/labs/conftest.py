from __future__ import annotations

import numpy as np
import pytest

from metaadapter.generator.pretrained import load_generator
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
def generator():
    return load_generator("closed-form")


@pytest.fixture(scope="session")
def pictures():
    """Three classes of four noisy pictures each, and their labels."""
    rng = np.random.default_rng(0)
    colours = {"red": (200, 60, 60), "green": (60, 200, 60), "blue": (60, 60, 200)}
    result, labels = [], []
    for label, colour in colours.items():
        for _ in range(4):
            pixels = np.array(colour) + rng.normal(0, 60, (40, 48, 3))
            result.append(np.clip(pixels, 0, 255).astype(np.uint8))
            labels.append(label)
    return result, labels
