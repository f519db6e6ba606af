from __future__ import annotations

import open_clip
import pytest
import torch
from PIL import Image

from metaadapter.features import FrozenEncoder
from metaadapter.features.open_clip_model import EncoderSource, OpenClipModel

TEXT = {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2}
VIT = {"image_size": 32, "layers": 3, "width": 32, "head_width": 16, "patch_size": 8}
RESNET = {"image_size": 64, "layers": [1, 2, 1, 1], "width": 8}


def timm(name, pool, size):
    return {
        "timm_model_name": name,
        "timm_pool": pool,
        "timm_proj": "linear",
        "image_size": size,
    }


TOWERS = {
    "vit": VIT,
    "resnet": RESNET,
    "timm resnet": timm("resnet18", "avg", 64),
    "timm vit": timm("vit_tiny_patch16_224", "token", 224),
}


@pytest.fixture(scope="session")
def make_network():
    """Models of open_clip with random weights, by the name of their image tower."""

    def make(kind, *, custom_text=False):
        torch.manual_seed(0)
        cls = open_clip.CustomTextCLIP if custom_text else open_clip.CLIP
        network = cls(embed_dim=24, vision_cfg=TOWERS[kind], text_cfg=TEXT)
        for name, parameter in network.named_parameters():
            # open_clip begins with blocks of a ResNet that add nothing.
            if name.endswith("bn3.weight"):
                torch.nn.init.ones_(parameter)
        return network.eval().requires_grad_(False)

    return make


@pytest.fixture(scope="session")
def make_encoder(make_network):
    """The same as encoders."""

    def make(kind, **options):
        network = make_network(kind)
        size = network.visual.image_size
        side = size if isinstance(size, int) else size[0]

        def preprocess(picture):
            from torchvision.transforms.functional import to_tensor

            return to_tensor(picture.resize((side, side), Image.Resampling.BICUBIC))

        tokenize = open_clip.SimpleTokenizer(context_length=16)
        model = OpenClipModel(network, preprocess, tokenize)
        source = EncoderSource(f"{kind}/random", kind, None, "random")
        return FrozenEncoder(model, source, zoom=False, **options)

    return make


@pytest.fixture(scope="session")
def tiny():
    return FrozenEncoder.load("tiny", device="cpu", zoom=False)
