"""Blocks of a feature: the joint vector and, next to it, the trunk, its stages, a second tower."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.errors import UsageError
from metaadapter.features.encoders.encoder_source import SALIENT
from metaadapter.features.encoders.transformers_model import ImageTower
from metaadapter.files.regular_files import given_texts
from metaadapter.files.user_code import is_user_code

# Lengths of blocks before a row is scaled to length 1; docs/explanation/looks.md has the reasons.
BLOCKS = {"joint": 1.0, "trunk": 0.5, "stages": 0.5, "second": 1.4}
WHITENED_LENGTH = 0.8
N_STAGES = 4
# A fixed random matrix narrows wider stages and nearly keeps distances (Johnson-Lindenstrauss).
WIDEST_STAGES = 1024


def default_encoder(*, whole_frames: bool) -> str:
    """Return the encoder of pictures for which none is named.

    In whole frames of camera traps the animal is small; what stands out is cut out
    (docs/figures.md#camera-traps).
    """
    return f"{SALIENT}tiny" if whole_frames else "tiny"


def default_blocks(
    names: tuple[str, ...] | None, encoder: str, *, is_camera_trap: bool
) -> tuple[str, ...] | None:
    """Return the names of blocks that are given; for camera traps those without trunk and stages.

    The trunk and the stages describe the place of a frame, or the place that a box is cut out of,
    more than the animal (docs/figures.md#camera-traps). None stands for the encoder's default.
    """
    if names is not None or not is_camera_trap or is_user_code(encoder):
        return names
    return ("joint", "second") if "+" in encoder else ("joint",)


def choose_blocks(
    names: Iterable[str] | None, whitened: Collection[str], *, second: bool, encoder: str
) -> tuple[str, ...]:
    """Return the names of blocks in the order of a row; None stands for the default blocks."""
    if names is None:
        names = ["joint", *whitened, *(["second"] if second else [])]
    names = given_texts(names)
    if unknown := sorted(set(names) - set(BLOCKS)):
        raise UsageError(
            f"unknown block(s) {', '.join(map(repr, unknown))}: expected some of "
            f"{', '.join(BLOCKS)}"
        )
    if "joint" not in names:
        raise UsageError(
            f"the blocks {', '.join(names) or 'given'} lack the block joint, which texts need; "
            "add it"
        )
    chosen = tuple(name for name in BLOCKS if name in names)
    if second and "second" not in chosen:
        raise UsageError(
            f"the blocks {', '.join(chosen)} leave out the second image tower of the encoder "
            f"{encoder}: add second to them, or name the encoder without it"
        )
    if "second" in chosen and not second:
        raise UsageError(
            f"the encoder {encoder} has no second image tower: omit the block second, or add "
            f"a tower, as in {encoder}+timm:vit_small_patch14_dinov2.lvd142m"
        )
    return chosen


def block_lengths(names: Iterable[str], whitened: Collection[str]) -> dict[str, float]:
    """Return the length of each named block in a row, before the row is scaled to length 1."""
    return {name: WHITENED_LENGTH if name in whitened else BLOCKS[name] for name in names}


def tower_blocks(
    tower: Any, pixels: Float[Tensor, "n 3 height width"]
) -> dict[str, Float[Tensor, "n _"]]:
    """Return all blocks of pictures after one pass through an image tower.

    joint: exactly the output of the tower. trunk: the features before they are projected into
    the space of texts. stages: the means and standard deviations, over all positions, of the
    maps after four stages (the last four, or one after each quarter of a transformer's layers).
    """
    kind = kind_of_tower(tower)
    if kind == "TimmModel":
        chosen = _stages(len(tower.trunk.feature_info))
        final, maps = tower.trunk.forward_intermediates(pixels, indices=chosen)
        trunk = tower.trunk.forward_head(final, pre_logits=True)
        joint = tower.head(tower.trunk.forward_head(final))
    elif kind == "VisionTransformer":
        bare = copy.copy(tower)
        bare._parameters = {**tower._parameters, "proj": None}
        outputs = bare.forward_intermediates(pixels, _stages(len(tower.transformer.resblocks)))
        maps, trunk = outputs["image_intermediates"], outputs["image_features"]
        joint = trunk if tower.proj is None else trunk @ tower.proj
    elif kind == "ImageTower":
        joint, trunk, every = tower.blocks(pixels)
        maps = [every[number] for number in _stages(len(every))]
    elif kind == "ModifiedResNet":
        outputs = tower.forward_intermediates(pixels, _stages(N_STAGES + 1))
        maps, joint = outputs["image_intermediates"], outputs["image_features"]
        trunk = maps[-1]
    else:
        raise UsageError(
            f"an image tower of the kind {type(tower).__name__} gives no blocks but the joint "
            "block; leave its blocks out"
        )
    # A trunk whose pooling is part of the projection ends in a map.
    trunk = trunk.mean((2, 3)) if trunk.ndim == 4 else trunk
    return {"joint": joint, "trunk": trunk, "stages": _statistics(maps)}


def join_blocks(
    blocks: Mapping[str, Float[Tensor, "n _"]], lengths: Mapping[str, float]
) -> Float[Tensor, "n look_dim"]:
    """Scale each block to its length, put the blocks side by side, and scale rows to length 1."""
    rows = [normalize(blocks[name].float(), dim=-1) * length for name, length in lengths.items()]
    return normalize(torch.cat(rows, -1), dim=-1)


def joint_length(lengths: Mapping[str, float]) -> float:
    """Return the length of the joint block in a unit row, which scales the cosine with a text."""
    return float(lengths["joint"] / sum(length**2 for length in lengths.values()) ** 0.5)


def kind_of_tower(tower: Any) -> str:
    """Return the class of a tower in open_clip, or `ImageTower`; "" if it gives no blocks."""
    from open_clip.modified_resnet import ModifiedResNet
    from open_clip.timm_model import TimmModel
    from open_clip.transformer import VisionTransformer

    if isinstance(tower, TimmModel) and not hasattr(tower.trunk, "forward_intermediates"):
        return ""
    kinds = (ModifiedResNet, TimmModel, VisionTransformer, ImageTower)
    return next((kind.__name__ for kind in kinds if isinstance(tower, kind)), "")


def _stages(n: int) -> list[int]:
    if n <= N_STAGES + 1:
        return list(range(max(0, n - N_STAGES), n))
    return [round(n * quarter / N_STAGES) - 1 for quarter in range(1, N_STAGES + 1)]


def _statistics(maps: Sequence[Float[Tensor, "n _ *_"]]) -> Float[Tensor, "n _"]:
    parts = []
    for stage in maps:
        flat = stage.flatten(2).float()
        mean = flat.mean(2, keepdim=True)
        apart = flat - mean
        # Tensor.std takes ten times as long on a CPU. The gradient of sqrt is infinite at 0.
        variance = (apart * apart).mean(2).clamp_min(torch.finfo(flat.dtype).tiny)
        parts += [mean.squeeze(2), variance.sqrt()]
    rows = torch.cat(parts, 1)
    if rows.shape[1] <= WIDEST_STAGES:
        return rows
    return rows @ _narrowing(rows.shape[1]).to(rows)


@lru_cache(maxsize=4)
def _narrowing(width: int) -> Float[Tensor, "wide narrow"]:
    draw = torch.Generator().manual_seed(width)
    # The matrix is cached: if it were made in inference mode, no gradient could pass through it.
    with torch.inference_mode(False):
        matrix: Tensor = torch.randn(width, WIDEST_STAGES, generator=draw) / WIDEST_STAGES**0.5
    return matrix
