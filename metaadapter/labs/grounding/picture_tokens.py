"""What a frozen encoder says of each place of whole pictures, with their colours."""

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

# Convolutions take any size: this many times the encoder's own shows smaller things (measured in
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
    """Read upright RGB pictures, each squeezed to width and height, so that nothing is cut off.

    Raises:
        UsageError: The encoder's image tower gives no patches.
    """
    tower: Any = encoder.network.visual
    width, height = size
    shapes = [
        np.asarray(each.resize((width, height), Image.Resampling.BICUBIC)) for each in pictures
    ]
    rgb = torch.from_numpy(np.stack(shapes)).permute(0, 3, 1, 2).float() / 255
    seen = tower.preprocess_cfg
    mean, std = (torch.tensor(seen[name]).view(3, 1, 1) for name in ("mean", "std"))
    with torch.inference_mode():
        tokens = patch_tokens(tower, ((rgb - mean) / std).to(encoder.device))
    joint, stage = (each.float().cpu().clone() for each in tokens)
    grid = (stage.shape[1], stage.shape[2])
    means = adaptive_avg_pool2d(rgb, grid)
    spread = (adaptive_avg_pool2d(rgb**2, grid) - means**2).clamp(min=0).sqrt()
    return PictureTokens(joint, stage, torch.cat([means, spread], 1).permute(0, 2, 3, 1))


def dense_size(encoder: FrozenEncoder) -> tuple[int, int]:
    """Width and height in pixels at which an encoder looks at whole pictures for their places."""
    tower: Any = encoder.network.visual
    given = tower.preprocess_cfg["size"]
    height, width = (given, given) if isinstance(given, int) else given
    trunk = getattr(tower, "trunk", None)
    if trunk is None or getattr(trunk, "pos_embed", None) is not None:
        return width, height
    wide, high = (round(CLOSER * side / STRIDE) * STRIDE for side in (width, height))
    return wide, high
