"""Features of the patches of a picture, on their grid, from an image tower that stays unchanged."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.errors import UsageError
from metaadapter.features.blocks import kind_of_tower


class PatchTokens(NamedTuple):
    """Features of patches on their grid: in the space of texts, and of an earlier, finer stage."""

    joint_NHWD: Float[Tensor, "n height width dim"]
    stage_NhwC: Float[Tensor, "n fine_height fine_width stage_dim"]


def patch_tokens(tower: Any, pixels: Float[Tensor, "n 3 height width"]) -> PatchTokens:
    """Return features of the patches at the end of an image tower of open_clip.

    Each patch passes alone through the layers that the tower applies to the pooled feature. In
    a tower with mean pooling and a linear head, the mean over the patches is the feature of the
    tower itself. With attention pooling, the feature of a patch is its value, without attention,
    as in MaskCLIP (Zhou, Loy and Dai, ECCV 2022).
    """
    kind = kind_of_tower(tower)
    if kind == "TimmModel":
        return _of_timm(tower, pixels)
    if kind == "VisionTransformer":
        return _of_transformer(tower, pixels)
    if kind == "ModifiedResNet":
        outputs = tower.forward_intermediates(pixels, [3, 4], intermediates_only=True)
        stage, final = outputs["image_intermediates"]
        return PatchTokens(_pool_patch_by_patch(tower.attnpool, final), stage.permute(0, 2, 3, 1))
    raise UsageError(
        f"an image tower of the kind {type(tower).__name__} gives no patches; expected a model of "
        "open_clip with a VisionTransformer, a ModifiedResNet or a trunk of timm"
    )


def _of_timm(tower: Any, pixels: Tensor) -> PatchTokens:
    trunk = tower.trunk
    final, maps = trunk.forward_intermediates(pixels)
    grid = maps[-1].shape[-2:]
    finer = [stage_map for stage_map in maps if stage_map.shape[-2] > grid[0]]
    stage = finer[-1] if finer else maps[3 * len(maps) // 4 - 1]
    if final.ndim == 4:
        patches = final.flatten(2).transpose(1, 2)
        alone = patches.flatten(0, 1)[:, :, None, None]
    else:
        n_before = getattr(trunk, "num_prefix_tokens", 0)
        patches = final[:, n_before:]
        # Every token is the same patch, so any pooling gives that patch.
        alone = patches.flatten(0, 1)[:, None].expand(-1, n_before + 1, -1)
    if "pool" in tower.head._modules and type(tower.head.pool).__name__ == "AttentionPool2d":
        raise UsageError(
            "the attention pooling of this timm tower is made for one size of map, so it cannot "
            "pool a single patch; use another encoder"
        )
    joint = tower.head(trunk.forward_head(alone))
    return PatchTokens(joint.reshape(len(pixels), *grid, -1), stage.permute(0, 2, 3, 1))


def _of_transformer(tower: Any, pixels: Tensor) -> PatchTokens:
    if tower.attn_pool is not None:
        raise UsageError(
            "an image tower that pools by learned queries gives no patches in the space of texts; "
            "use another encoder"
        )
    blocks = tower.transformer.resblocks
    before_last = max(0, len(blocks) - 2)
    middle = max(0, 3 * len(blocks) // 4 - 1)
    chosen = sorted({middle, before_last})
    outputs = tower.forward_intermediates(pixels, chosen, intermediates_only=True)
    maps = dict(zip(chosen, outputs["image_intermediates"], strict=True))
    patches = maps[before_last]
    grid = patches.shape[-2:]
    tokens = patches.flatten(2).mT
    if len(blocks) > 1:
        tokens = _last_block_alone(tower.transformer, tokens)
    tokens = tower.ln_post(tokens)
    joint = tokens if tower.proj is None else tokens @ tower.proj
    return PatchTokens(joint.unflatten(1, grid), maps[middle].permute(0, 2, 3, 1))


def _last_block_alone(
    transformer: Any, tokens: Float[Tensor, "n l width"]
) -> Float[Tensor, "n l width"]:
    n = tokens.shape[1]
    mask = torch.full((n, n), float("-inf"), device=tokens.device, dtype=tokens.dtype)
    mask.fill_diagonal_(0)
    block = transformer.resblocks[-1]
    if transformer.batch_first:
        outputs: Tensor = block(tokens, attn_mask=mask)
        return outputs
    outputs = block(tokens.transpose(0, 1), attn_mask=mask)
    return outputs.transpose(0, 1)


def _pool_patch_by_patch(pool: Any, final: Float[Tensor, "n c h w"]) -> Float[Tensor, "n h w dim"]:
    patches = final.flatten(2).transpose(1, 2) + pool.positional_embedding[1:].to(final.dtype)
    joint: Tensor = pool.c_proj(pool.v_proj(patches))
    return joint.reshape(len(final), *final.shape[-2:], -1)
