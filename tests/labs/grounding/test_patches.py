from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import linear, multi_head_attention_forward

from metaadapter.errors import UsageError
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.labs.grounding.tokens import patch_tokens
from tests.random_networks import RESNET, VIT, random_clip


@pytest.fixture(scope="module")
def tiny():
    return FrozenEncoder.load("tiny", zoom=False, blocks=["joint"]).network


def pixels(side, n=2):
    return torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(1))


def alone(n):
    """A mask of attention in which each place sees itself and nothing else."""
    return torch.full((n, n), float("-inf")).fill_diagonal_(0.0)


def test_the_mean_of_the_patches_of_tiny_is_its_own_feature(tiny):
    tower = tiny.visual

    for side in (224, 288):
        tokens = patch_tokens(tower, pixels(side, 1))

        assert tokens.joint_NHWD.shape == (1, side // 32, side // 32, 512)
        assert tokens.stage_NhwC.shape == (1, side // 16, side // 16, 112)
        torch.testing.assert_close(
            tokens.joint_NHWD.mean((1, 2)), tower(pixels(side, 1)), rtol=1e-4, atol=1e-5
        )


def test_patches_of_a_vit_are_the_values_of_its_last_block():
    tower = random_clip(VIT).visual
    block = tower.transformer.resblocks[-1]
    result = tower.forward_intermediates(pixels(32), [1], intermediates_only=True)
    before = result["image_intermediates"][0].flatten(2).mT
    weight, bias = (item[2 * 32 :] for item in (block.attn.in_proj_weight, block.attn.in_proj_bias))
    values = before + block.attn.out_proj(linear(block.ln_1(before), weight, bias))
    expected = tower.ln_post(values + block.mlp(block.ln_2(values))) @ tower.proj

    tokens = patch_tokens(tower, pixels(32))

    assert tokens.joint_NHWD.shape == (2, 4, 4, 24)
    torch.testing.assert_close(tokens.joint_NHWD.flatten(1, 2), expected, rtol=1e-4, atol=1e-5)


def test_patches_of_a_resnet_are_those_of_an_attention_pool_in_which_each_sees_itself_alone():
    tower = random_clip(RESNET).visual
    pool = tower.attnpool
    final = tower.layer4(tower.layer3(tower.layer2(tower.layer1(tower.stem(pixels(64))))))
    places = (final.flatten(2).permute(2, 0, 1)) + pool.positional_embedding[1:, None]
    expected, _ = multi_head_attention_forward(
        *(places, places, places, places.shape[-1], pool.num_heads, None),
        torch.cat([pool.q_proj.bias, pool.k_proj.bias, pool.v_proj.bias]),
        *(None, None, False, 0.0, pool.c_proj.weight, pool.c_proj.bias),
        training=False,
        attn_mask=alone(4),
        use_separate_proj_weight=True,
        q_proj_weight=pool.q_proj.weight,
        k_proj_weight=pool.k_proj.weight,
        v_proj_weight=pool.v_proj.weight,
    )

    tokens = patch_tokens(tower, pixels(64))

    assert tokens.stage_NhwC.shape[:3] == (2, 4, 4)
    torch.testing.assert_close(
        tokens.joint_NHWD.flatten(1, 2), expected.transpose(0, 1), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("pool", ["avg", "token"])
def test_patches_of_a_timm_transformer_go_through_its_head(pool):
    vision = {"timm_model_name": "vit_tiny_patch16_224", "timm_pool": pool, "timm_proj": "linear"}
    tower = random_clip(vision | {"image_size": 224}).visual
    final = tower.trunk.forward_features(pixels(224, 1))[:, 1:]
    if pool == "avg":
        final = tower.trunk.fc_norm(final)

    tokens = patch_tokens(tower, pixels(224, 1))

    assert tokens.joint_NHWD.shape == (1, 14, 14, 24)
    torch.testing.assert_close(
        tokens.joint_NHWD.flatten(1, 2), tower.head(final), rtol=1e-4, atol=1e-5
    )


def test_towers_without_patches_are_refused():
    pooled = random_clip(VIT | {"attentional_pool": True, "attn_pooler_heads": 2}).visual
    with pytest.raises(UsageError, match="pools by learned queries gives no patches"):
        patch_tokens(pooled, pixels(32))
    with pytest.raises(UsageError, match="of the kind Flatten gives no patches"):
        patch_tokens(nn.Flatten(), pixels(32))
