"""Networks with random weights: small models of open_clip, and generators."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import open_clip
import torch
from torch import nn

from metaadapter.features.encoders.encoder_model import EncoderModel
from metaadapter.features.encoders.encoder_source import EncoderSource
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from metaadapter.generator.generator import Generator, GeneratorConfig

TEXT = {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2}
VIT = {"image_size": 32, "layers": 3, "width": 32, "head_width": 16, "patch_size": 8}
RESNET = {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8}


def random_clip(vision: dict[str, Any], *, seed: int = 0, custom_text: bool = False) -> nn.Module:
    """A model of open_clip with this image tower, always the same for a seed."""
    torch.manual_seed(seed)
    kind = open_clip.CustomTextCLIP if custom_text else open_clip.CLIP
    network = kind(embed_dim=24, vision_cfg=vision, text_cfg=TEXT)
    for name, parameter in network.named_parameters():
        # open_clip begins with blocks of a ResNet that add nothing.
        if name.endswith("bn3.weight"):
            nn.init.ones_(parameter)
    return network.eval().requires_grad_(False)


def random_encoder(vision: dict[str, Any], name: str, **options: Any) -> FrozenEncoder:
    """An encoder of such a model, with a preprocessing of its own."""
    network, side = random_clip(vision), vision["image_size"]
    seen = {"size": side, "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4)}
    network.visual.preprocess_cfg = seen
    preprocess = open_clip.image_transform(side, False, mean=seen["mean"], std=seen["std"])
    model = EncoderModel(network, preprocess, open_clip.SimpleTokenizer(context_length=16))
    return FrozenEncoder(model, EncoderSource(f"{name}/random", name, "random"), **options)


@contextmanager
def unchanged(network: nn.Module) -> Iterator[None]:
    """Checks that a network has the same bits and no hook after the block."""
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    yield
    now = network.state_dict()
    assert now.keys() == before.keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in now.items())
    assert not any(module._forward_hooks for module in network.modules())


def generator_at_work(**sizes: int) -> Generator:
    """A generator in float64 all of whose outputs are at work, as after training."""
    generator = Generator(GeneratorConfig(n_heads=2, **sizes))
    draw = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for module in generator.modules():
            if isinstance(module, nn.Linear):
                module.weight.normal_(0, 0.3 / module.in_features**0.5, generator=draw)
                module.bias.normal_(0, 0.1, generator=draw)
    return generator.double()
