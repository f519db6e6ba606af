from __future__ import annotations

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.open_clip_model import EncoderSource, OpenClipModel
from metaadapter.generator.pretrained import load_generator

TEXT = {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2}
TOWERS = {
    "vit": {"image_size": 32, "layers": 3, "width": 32, "head_width": 16, "patch_size": 8},
    "resnet": {"image_size": 64, "layers": [1, 2, 1, 1], "width": 8},
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

    def make(kind, **options):
        torch.manual_seed(0)
        network = open_clip.CLIP(embed_dim=24, vision_cfg=TOWERS[kind], text_cfg=TEXT)
        for name, parameter in network.named_parameters():
            # open_clip begins with blocks of a ResNet that add nothing.
            if name.endswith("bn3.weight"):
                torch.nn.init.ones_(parameter)
        side = TOWERS[kind]["image_size"]

        def preprocess(picture):
            pixels = np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC))
            return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255

        tokenize = open_clip.SimpleTokenizer(context_length=16)
        model = OpenClipModel(network.eval().requires_grad_(False), preprocess, tokenize)
        source = EncoderSource(f"{kind}/random", kind, None, "random")
        return FrozenEncoder(model, source, **options)

    return make


@pytest.fixture(scope="session")
def tiny():
    return FrozenEncoder.load("tiny", device="cpu", zoom=False, blocks=("joint",))


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
