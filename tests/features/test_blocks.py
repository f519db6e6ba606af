from __future__ import annotations

import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.errors import UsageError
from metaadapter.features.blocks import (
    choose_blocks,
    default_blocks,
    join_blocks,
    joint_length,
    tower_blocks,
)
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from tests.random_networks import RESNET, random_clip
from tests.random_networks import VIT as SMALL_VIT

ALL = ("joint", "trunk", "stages")
VIT = SMALL_VIT | {"layers": 8}
TOWERS = {
    "vit": VIT,
    "vit, means of tokens": VIT | {"pool_type": "avg", "final_ln_after_pool": True},
    "vit, attention pool": VIT | {"attentional_pool": True, "attn_pooler_heads": 2},
    "vit of one layer": VIT | {"layers": 1},
    "resnet": RESNET,
    "timm": {
        "timm_model_name": "resnet18",
        "timm_pool": "avg",
        "timm_proj": "linear",
        "image_size": 64,
    },
    "timm, attention pool": {
        "timm_model_name": "resnet18",
        "timm_pool": "rot_attn",
        "timm_proj": "",
        "image_size": 64,
    },
    "timm, its own head": {
        "timm_model_name": "vit_tiny_patch16_224",
        "timm_pool": "token",
        "timm_proj": None,
        "image_size": 224,
    },
}


def tower_of(vision):
    return random_clip(vision).visual


@pytest.fixture(scope="module", params=TOWERS)
def tower(request):
    return tower_of(TOWERS[request.param])


def pictures_for(tower, n=2):
    size = tower.image_size
    side = size if isinstance(size, int) else size[0]
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(1))


def seen_by_hooks(modules, run):
    """Call `run` and return the last output of each module during the call."""
    seen = [[] for _ in modules]
    hooks = [
        module.register_forward_hook(lambda _m, _i, out, kept=kept: kept.append(out))
        for module, kept in zip(modules, seen, strict=True)
    ]
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()
    return [kept[-1] for kept in seen]


def statistics(maps):
    return torch.cat(
        [part for stage in maps for part in (stage.mean(2), stage.std(2, unbiased=False))], 1
    )


def test_joint__of_every_kind_of_tower__is_what_the_tower_gives_to_the_bit(tower):
    pixels = pictures_for(tower)

    assert torch.equal(tower_blocks(tower, pixels)["joint"], tower(pixels))


def test_blocks__of_every_kind_of_tower__do_not_depend_on_the_batch(tower):
    pixels = pictures_for(tower, n=3)

    together, alone = tower_blocks(tower, pixels), tower_blocks(tower, pixels[1:2])

    assert list(together) == list(ALL)
    for name in ALL:
        torch.testing.assert_close(together[name][1:2], alone[name], rtol=1e-4, atol=1e-5)
        assert together[name].ndim == 2
        assert not torch.equal(together[name][0], together[name][1])


def test_stages__of_a_transformer__are_those_of_the_maps_that_hooks_see():
    tower = tower_of(VIT)
    pixels = pictures_for(tower)
    layers = [tower.transformer.resblocks[number] for number in (1, 3, 5, 7)]

    result = tower_blocks(tower, pixels)

    *maps, pooled = seen_by_hooks([*layers, tower.ln_post], lambda: tower(pixels))
    tokens = [item[:, 1:].mT for item in maps]
    torch.testing.assert_close(result["stages"], statistics(tokens))
    pooled = pooled[:, 0] if pooled.ndim == 3 else pooled
    torch.testing.assert_close(result["trunk"], pooled)
    assert tower.proj is not None
    torch.testing.assert_close(result["joint"], result["trunk"] @ tower.proj)


def test_stages__of_a_resnet__are_those_of_the_maps_that_hooks_see():
    tower = tower_of(TOWERS["resnet"])
    pixels = pictures_for(tower)
    layers = [tower.layer1, tower.layer2, tower.layer3, tower.layer4]

    result = tower_blocks(tower, pixels)

    maps = [item.flatten(2) for item in seen_by_hooks(layers, lambda: tower(pixels))]
    torch.testing.assert_close(result["stages"], statistics(maps))
    torch.testing.assert_close(result["trunk"], maps[-1].mean(2))


def test_stages__of_tiny__are_those_of_the_maps_that_hooks_see(tiny_blocks):
    tower = tiny_blocks.network.visual
    pixels = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(2))
    stages = [tower.trunk.blocks[number] for number in (1, 2, 4, 6)]

    with torch.inference_mode():
        result = tower_blocks(tower, pixels)
        *maps, pooled = seen_by_hooks([*stages, tower.trunk.global_pool], lambda: tower(pixels))

    torch.testing.assert_close(result["stages"], statistics([item.flatten(2) for item in maps]))
    torch.testing.assert_close(result["trunk"], pooled)


def test_join__some_blocks__are_unit_rows_with_the_lengths_of_their_table():
    blocks = {name: torch.randn(3, width) for name, width in zip(ALL, (4, 6, 5), strict=True)}

    lengths = {"joint": 1.0, "stages": 0.8}
    rows = join_blocks(blocks, lengths)

    torch.testing.assert_close(rows.norm(dim=1), torch.ones(3))
    joint, stages = rows.split((4, 5), dim=1)
    torch.testing.assert_close(stages.norm(dim=1) / joint.norm(dim=1), torch.full((3,), 0.8))
    torch.testing.assert_close(joint.norm(dim=1), torch.full((3,), joint_length(lengths)))
    torch.testing.assert_close(normalize(joint, dim=1), normalize(blocks["joint"], dim=1))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["joint", "stage"], "unknown block.s. 'stage': expected some of joint, trunk, stages"),
        (["stages"], "the blocks stages lack the block joint"),
        ([], "lack the block joint"),
    ],
)
def test_check__wrong_names__are_refused(names, message):
    with pytest.raises(UsageError, match=message):
        choose_blocks(names, {}, second=False, encoder="tiny")


@pytest.fixture(scope="module")
def tiny_blocks():
    return FrozenEncoder.load("tiny", device="cpu", blocks=ALL)


def test_load__blocks_of_an_own_encoder__are_its_own(tmp_path):
    from metaadapter.features.encoders.encoder_by_name import load_encoder

    file = tmp_path / "own.py"
    file.write_text(
        "import torch\nfrom metaadapter.features import ModelEncoder\n"
        "from torchvision.transforms.functional import to_tensor\n"
        "class Mean(torch.nn.Module):\n"
        "    def forward(self, pixels):\n        return pixels.mean((2, 3)) + 0.1\n"
        "def make():\n    return ModelEncoder('own', Mean(), to_tensor, zoom=False, device='cpu')\n"
    )

    assert load_encoder(f"{file}:make", blocks=("joint",)).blocks == ()
    with pytest.raises(UsageError, match="has the blocks joint and sets them itself"):
        load_encoder(f"{file}:make", blocks=("joint", "stages"))


@pytest.mark.parametrize(
    ("encoder", "blocks"),
    [
        ("tiny", ("joint",)),
        ("tiny+timm:resnet18", ("joint", "second")),
        ("own.py:make", None),
    ],
)
def test_default_blocks__of_boxes_and_frames__leave_out_what_describes_the_place(encoder, blocks):
    assert default_blocks(None, encoder, is_camera_trap=True) == blocks
    assert default_blocks(None, encoder, is_camera_trap=False) is None
    assert default_blocks(("joint", "trunk"), encoder, is_camera_trap=True) == ("joint", "trunk")
