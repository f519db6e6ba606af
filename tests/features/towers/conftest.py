from __future__ import annotations

import pytest
import torch

from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from tests.random_networks import RESNET, VIT, random_clip


def timm(name, pool, size):
    return {
        "timm_model_name": name,
        "timm_pool": pool,
        "timm_proj": "linear",
        "image_size": size,
    }


TOWERS = {
    "vit": VIT,
    "resnet": RESNET | {"layers": [1, 2, 1, 1]},
    "timm resnet": timm("test_resnet", "avg", 64),
    "timm vit": timm("test_vit", "token", 160),
}


@pytest.fixture(scope="session")
def make_network():
    """Models of open_clip with random weights, by the name of their image tower."""
    return lambda kind, **options: random_clip(TOWERS[kind], **options)


@pytest.fixture(scope="session")
def forward():
    """Features of two pictures, which are always the same."""

    def run(network):
        size = network.visual.image_size
        side = size if isinstance(size, int) else size[0]
        draw = torch.Generator().manual_seed(1)
        pixels = torch.rand(2, 3, side, side, generator=draw)
        return network.encode_image(pixels)

    return run


@pytest.fixture(scope="session")
def answers(forward):
    """The same as an encoder runs it; where gradients are kept, torch attends by another kernel."""
    return torch.inference_mode()(forward)


@pytest.fixture(scope="session")
def train(forward):
    """A few large steps."""

    def steps(network, parameters):
        optimizer = torch.optim.AdamW(parameters, lr=0.05)
        for _ in range(3):
            optimizer.zero_grad()
            forward(network).sum().backward()
            optimizer.step()

    return steps


@pytest.fixture(scope="session")
def tiny():
    return FrozenEncoder.load("tiny", device="cpu", zoom=False)
