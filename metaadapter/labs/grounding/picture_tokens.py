"""Tokens of a frozen encoder for each place of whole pictures, with their colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.towers.tokens import patch_tokens

# Convolutions take any size: this many times the encoder's own shows smaller things (see
# docs/explanation/grounding.md). Towers with codes of positions keep their own size.
CLOSER = 12 / 7
STRIDE = 32


class PictureTokens(NamedTuple):
    """Tokens of pictures, row by row from the top.

    Attributes:
        joint_NHWD: In the space of texts, of any length.
        stage_NhwC: Of an earlier stage, on a finer grid.
        colour_Nhw6: Mean and standard deviation of red, green and blue on that finer grid, 0 to 1.
    """

    joint_NHWD: Float[Tensor, "n height width dim"]
    stage_NhwC: Float[Tensor, "n fine_height fine_width stage_dim"]
    colour_Nhw6: Float[Tensor, "n fine_height fine_width 6"]


def picture_tokens(
    encoder: FrozenEncoder, pictures: Sequence[Image.Image], size: tuple[int, int]
) -> PictureTokens:
    """Encode upright RGB pictures, resized to width and height without cropping.

    Raises:
        UsageError: The encoder's image tower gives no patches.
    """
    tower: Any = encoder.network.visual
    width, height = size
    pixels = [
        np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))
        for picture in pictures
    ]
    rgb = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 255
    config = tower.preprocess_cfg
    mean, std = (torch.tensor(config[name]).view(3, 1, 1) for name in ("mean", "std"))
    with torch.inference_mode():
        tokens = patch_tokens(tower, ((rgb - mean) / std).to(encoder.device))
    joint, stage = (token.float().cpu().clone() for token in tokens)
    grid = (stage.shape[1], stage.shape[2])
    means = adaptive_avg_pool2d(rgb, grid)
    spread = (adaptive_avg_pool2d(rgb**2, grid) - means**2).clamp(min=0).sqrt()
    return PictureTokens(joint, stage, torch.cat([means, spread], 1).permute(0, 2, 3, 1))


def dense_size(encoder: FrozenEncoder) -> tuple[int, int]:
    """Width and height in pixels of the whole pictures that an encoder reads for their places."""
    tower: Any = encoder.network.visual
    size = tower.preprocess_cfg["size"]
    height, width = (size, size) if isinstance(size, int) else size
    trunk = getattr(tower, "trunk", None)
    if trunk is None or getattr(trunk, "pos_embed", None) is not None:
        return width, height
    wide, high = (round(CLOSER * side / STRIDE) * STRIDE for side in (width, height))
    return wide, high
