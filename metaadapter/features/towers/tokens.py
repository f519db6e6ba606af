"""Patches of pictures with their grid, at the end of a frozen tower.

Nothing of the tower is changed, and nothing is left behind in it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.errors import UsageError
from metaadapter.features.blocks import kind_of_tower


class PatchTokens(NamedTuple):
    """What an image tower says of each place of pictures, row by row from the top.

    Attributes:
        joint_NHWD: In the space of texts, of any length.
        stage_NhwC: Of an earlier stage, on a grid that is at least as fine.
    """

    joint_NHWD: Float[Tensor, "n height width dim"]
    stage_NhwC: Float[Tensor, "n fine_height fine_width stage_dim"]


def patch_tokens(tower: Any, pixels: Float[Tensor, "n 3 height width"]) -> PatchTokens:
    """Read the patches at the end of an image tower of open_clip, in the space of texts.

    Each place goes alone through what the tower does with the pooled feature. For a trunk that
    takes the mean and a linear head the mean of the places is the tower's own feature; for one
    that pools by attention a place gives its value and attends to nothing, which is MaskCLIP's
    dense readout (Zhou, Loy and Dai, ECCV 2022).

    Raises:
        UsageError: The tower is none of a VisionTransformer, a ModifiedResNet and a TimmModel, or
            its pooling cannot be taken place by place.
    """
    kind = kind_of_tower(tower)
    if kind == "TimmModel":
        return _of_timm(tower, pixels)
    if kind == "VisionTransformer":
        return _of_transformer(tower, pixels)
    if kind == "ModifiedResNet":
        found = tower.forward_intermediates(pixels, [3, 4], intermediates_only=True)
        stage, final = found["image_intermediates"]
        return PatchTokens(_pool_place_by_place(tower.attnpool, final), stage.permute(0, 2, 3, 1))
    raise UsageError(
        f"an image tower of the kind {type(tower).__name__} gives no patches; expected a model of "
        "open_clip with a VisionTransformer, a ModifiedResNet or a trunk of timm"
    )


def _of_timm(tower: Any, pixels: Tensor) -> PatchTokens:
    trunk = tower.trunk
    final, maps = trunk.forward_intermediates(pixels)
    grid = maps[-1].shape[-2:]
    finer = [each for each in maps if each.shape[-2] > grid[0]]
    stage = finer[-1] if finer else maps[3 * len(maps) // 4 - 1]
    if final.ndim == 4:
        places = final.flatten(2).transpose(1, 2)
        alone = places.flatten(0, 1)[:, :, None, None]
    else:
        n_before = getattr(trunk, "num_prefix_tokens", 0)
        places = final[:, n_before:]
        # Whatever token the pooling takes, it takes this one.
        alone = places.flatten(0, 1)[:, None].expand(-1, n_before + 1, -1)
    if "pool" in tower.head._modules and type(tower.head.pool).__name__ == "AttentionPool2d":
        raise UsageError(
            "the attention pooling of this timm tower is made for one size of map, so its places "
            "cannot be read alone; take another encoder"
        )
    joint = tower.head(trunk.forward_head(alone))
    return PatchTokens(joint.reshape(len(pixels), *grid, -1), stage.permute(0, 2, 3, 1))


def _of_transformer(tower: Any, pixels: Tensor) -> PatchTokens:
    if tower.attn_pool is not None:
        raise UsageError(
            "an image tower that pools by queries of its own gives no patches in the space of "
            "texts; take another encoder"
        )
    blocks = tower.transformer.resblocks
    before_last = max(0, len(blocks) - 2)
    middle = max(0, 3 * len(blocks) // 4 - 1)
    chosen = sorted({middle, before_last})
    found = tower.forward_intermediates(pixels, chosen, intermediates_only=True)
    maps = dict(zip(chosen, found["image_intermediates"], strict=True))
    places = maps[before_last]
    grid = places.shape[-2:]
    tokens = places.flatten(2).mT
    if len(blocks) > 1:
        tokens = _each_alone(tower.transformer, tokens)
    tokens = tower.ln_post(tokens)
    joint = tokens if tower.proj is None else tokens @ tower.proj
    return PatchTokens(joint.unflatten(1, grid), maps[middle].permute(0, 2, 3, 1))


def _each_alone(transformer: Any, tokens: Float[Tensor, "n l width"]) -> Float[Tensor, "n l width"]:
    """The last block, in which each token attends to itself: its value, and no question asked."""
    n = tokens.shape[1]
    mask = torch.full((n, n), float("-inf"), device=tokens.device, dtype=tokens.dtype)
    mask.fill_diagonal_(0)
    block = transformer.resblocks[-1]
    if transformer.batch_first:
        found: Tensor = block(tokens, attn_mask=mask)
        return found
    found = block(tokens.transpose(0, 1), attn_mask=mask)
    return found.transpose(0, 1)


def _pool_place_by_place(pool: Any, final: Float[Tensor, "n c h w"]) -> Float[Tensor, "n h w dim"]:
    """Values of the attention pool, each with the code of its own position."""
    places = final.flatten(2).transpose(1, 2) + pool.positional_embedding[1:].to(final.dtype)
    joint: Tensor = pool.c_proj(pool.v_proj(places))
    return joint.reshape(len(final), *final.shape[-2:], -1)
