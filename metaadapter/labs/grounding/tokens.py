"""Phrases and pictures as tokens in one space, from an image tower that stays unchanged."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, normalize

from metaadapter.errors import UsageError
from metaadapter.features.blocks import kind_of_tower
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.views import text_places


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


# The kinds of tokens.
PHRASE, WORD, PAIR, EXAMPLE = range(4)
# Letters and digits, with hyphens and apostrophes within.
WORDS = re.compile(r"[^\W_](?:[\w'’-]*[^\W_])?")
ARTICLES = {"a", "an", "the"}
# Further words are not read: a longer phrase is a sentence, not the name of a thing.
MOST_WORDS = 16

# A convolutional tower reads pictures of any size: enlarged by this factor, they show smaller
# things (docs/explanation/grounding.md). Towers with position embeddings keep their own size.
CLOSER = 12 / 7
STRIDE = 32


class PhraseTokens(NamedTuple):
    """The tokens of the phrases of several tasks."""

    vectors_TLD: Float[Tensor, "tasks length dim"]
    """Unit vectors in the space of pictures; the first is the whole phrase."""
    kinds_TL: Int[Tensor, "tasks length"]
    """`PHRASE`, `WORD`, `PAIR` of neighbouring words or `EXAMPLE`, a part of a picture."""
    places_TL: Int[Tensor, "tasks length"]
    """The place of a word or of a pair's first word in the phrase, from 0."""


def phrase_words(phrase: str) -> list[str]:
    """Return the words of a phrase in lower case, without articles."""
    return [word for word in WORDS.findall(phrase.lower()) if word not in ARTICLES]


def phrase_pieces(phrase: str) -> list[tuple[str, int, int]]:
    """Return text, kind and place of each piece of a phrase: the whole, words, pairs of words."""
    words = phrase_words(phrase)[:MOST_WORDS]
    if not words:
        raise UsageError(f"expected a phrase such as 'the red mug', but {phrase!r} has no word")
    pairs = [f"{first} {second}" for first, second in pairwise(words)]
    return [
        (" ".join(words), PHRASE, 0),
        *((word, WORD, place) for place, word in enumerate(words)),
        *((pair, PAIR, place) for place, pair in enumerate(pairs)),
    ]


def phrase_tokens(
    encoder: FrozenEncoder, phrase: str, examples: Float[Tensor, "_ dim"] | None = None
) -> PhraseTokens:
    """Encode a phrase, with the vectors of its examples, if there are any."""
    texts, kinds, places = zip(*phrase_pieces(phrase), strict=True)
    rows = torch.from_numpy(np.asarray(encoder.encode_texts(list(texts))))
    vectors = joint_of_first_look(encoder, rows)
    if examples is not None:
        vectors = torch.cat([vectors, examples])
        kinds, places = (*kinds, *[EXAMPLE] * len(examples)), (*places, *[0] * len(examples))
    return PhraseTokens(vectors[None], torch.tensor([kinds]), torch.tensor([places]))


def joint_of_first_look(
    encoder: FrozenEncoder, rows: Float[Tensor, "n dim"]
) -> Float[Tensor, "n joint"]:
    """Return unit vectors from the first look's joint block, which pictures and texts share."""
    first, *_ = text_places(encoder.dim, encoder.zoom, encoder.look_blocks)
    return normalize(rows[:, first[0]], dim=-1)


class PictureTokens(NamedTuple):
    """Tokens of pictures, row by row from the top."""

    joint_NHWD: Float[Tensor, "n height width dim"]
    """Vectors of any length in the space of texts."""
    stage_NhwC: Float[Tensor, "n fine_height fine_width stage_dim"]
    colour_Nhw6: Float[Tensor, "n fine_height fine_width 6"]
    """Mean and standard deviation of red, green and blue, 0 to 1."""


def picture_tokens(
    encoder: FrozenEncoder, pictures: Sequence[Image.Image], size: tuple[int, int]
) -> PictureTokens:
    """Encode upright RGB pictures, resized to `size` (width, height) without cropping."""
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
    """Return the width and height in pixels at which an encoder reads whole pictures for tokens."""
    tower: Any = encoder.network.visual
    size = tower.preprocess_cfg["size"]
    height, width = (size, size) if isinstance(size, int) else size
    trunk = getattr(tower, "trunk", None)
    if trunk is None or getattr(trunk, "pos_embed", None) is not None:
        return width, height
    wide, high = (round(CLOSER * side / STRIDE) * STRIDE for side in (width, height))
    return wide, high
