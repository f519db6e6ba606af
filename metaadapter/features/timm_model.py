"""Models of timm as encoders: image towers without texts."""

from __future__ import annotations

from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from metaadapter.features.encoder_model import EncoderModel, TwoTowers
from metaadapter.features.fingerprint import probe_picture
from metaadapter.features.second_tower import (
    SecondSource,
    require_row,
    timm_errors,
    timm_network,
)


@final
class TimmTower(nn.Module):
    """A model of timm without its classifier, from pixels to pooled features."""

    def __init__(self, trunk: nn.Module, config: dict[str, Any]) -> None:
        super().__init__()
        self.trunk = trunk
        self.preprocess_cfg = {"mean": config["mean"], "std": config["std"]}

    def forward(self, pixels: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n dim"]:
        """Return the features of preprocessed pictures."""
        features: Tensor = self.trunk(pixels)
        return features


def build_timm(source: SecondSource) -> EncoderModel:
    """Build the model on the CPU in float32, with the preprocessing that it prescribes."""
    from timm import data

    timm_data: Any = data
    with timm_errors(source):
        trunk = timm_network(source, None).eval()
        config = timm_data.resolve_model_data_config(trunk)
        preprocess = timm_data.create_transform(**config, is_training=False)
        with torch.inference_mode():
            require_row(trunk(preprocess(probe_picture())[None]))
    return EncoderModel(TwoTowers(TimmTower(trunk, config)), preprocess, tokenize=None)
