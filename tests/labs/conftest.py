from __future__ import annotations

import open_clip
import pytest
import torch

from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.open_clip_model import EncoderSource, OpenClipModel

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
        seen = {"size": side, "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4)}
        network.visual.preprocess_cfg = seen
        preprocess = open_clip.image_transform(side, False, mean=seen["mean"], std=seen["std"])
        tokenize = open_clip.SimpleTokenizer(context_length=16)
        model = OpenClipModel(network.eval().requires_grad_(False), preprocess, tokenize)
        source = EncoderSource(f"{kind}/random", kind, None, "random")
        return FrozenEncoder(model, source, **options)

    return make


@pytest.fixture(scope="session")
def tiny():
    """The encoder that the shipped weights are for, with its joint feature alone."""
    return FrozenEncoder.load("tiny", device="cpu", zoom=False, blocks=("joint",))
