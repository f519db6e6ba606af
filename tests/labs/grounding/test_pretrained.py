from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from metaadapter.errors import DataError, IncompatibleArtifact, UsageError
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.labs.grounding.cross_modal import CrossModalAdapter, CrossModalConfig
from metaadapter.labs.grounding.ground import ground
from metaadapter.labs.grounding.pretrained import (
    SHIPPED,
    load_cross_modal,
    save_cross_modal,
    shipped_for,
)
from tools.grounding.measure import draw_questions, measure, of_adapter, of_frozen_map
from tools.grounding.scene_set import SceneSet
from tools.grounding.tasks import PhraseReader
from tools.scenes.make import make_split
from tools.scenes.sources import ObjectClass, Source, list_pictures

CONFIG = CrossModalConfig("vit", "0123", (32, 32), dim=24, stage_dim=32, logit_scale=9.0, width=8)
MOST_BYTES = 1_000_000


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    adapter = CrossModalAdapter(CONFIG)
    with torch.no_grad():
        adapter.up.weight.normal_()
    save_cross_modal(adapter, tmp_path)
    return adapter, tmp_path


def test_an_adapter_comes_back_as_it_was_but_for_half_precision(saved):
    adapter, folder = saved

    again = load_cross_modal(folder)

    assert again.config == CONFIG
    rounded = {name: weight.half().float() for name, weight in adapter.state_dict().items()}
    torch.testing.assert_close(dict(again.state_dict()), rounded)


def test_a_folder_without_an_adapter_is_told(tmp_path):
    with pytest.raises(UsageError, match="no cross-modal adapter in"):
        load_cross_modal(tmp_path)


def test_a_damaged_file_is_told(saved):
    file = saved[1] / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)

    with pytest.raises(DataError, match=r"model\.safetensors"):
        load_cross_modal(saved[1])


@pytest.mark.parametrize("change", [{"width": 16}, {"dim": "wide"}, {"dim": None}])
def test_a_configuration_that_does_not_fit_the_weights_is_told(saved, reseal, change):
    reseal(saved[1] / "config.json", **change)

    with pytest.raises(IncompatibleArtifact, match="expected a cross-modal adapter of this"):
        load_cross_modal(saved[1])


def test_what_ships_is_small():
    weights = load_file(SHIPPED / "model.safetensors")

    assert sum(weight.numel() for weight in weights.values()) < 0.025 * 11_200_000
    assert sum(file.stat().st_size for file in SHIPPED.iterdir()) < MOST_BYTES
    assert all(weight.isfinite().all() for weight in weights.values())


def test_what_ships_serves_tiny_however_it_looks(tiny):
    draw = np.random.default_rng(0)
    picture = Image.fromarray(draw.integers(0, 256, (90, 120, 3), dtype=np.uint8))
    result = []
    for encoder in (tiny, FrozenEncoder.load("tiny-128")):
        result += ground(encoder, [picture], "the hat", shipped_for(encoder))

    np.testing.assert_allclose(result[0].box, result[1].box, atol=1e-4)


def test_what_ships_is_for_no_other_encoder(make_encoder):
    assert shipped_for(make_encoder("vit", zoom=False)) is None


@pytest.mark.slow
def test_what_ships_points_at_clothes_far_better_than_the_frozen_map(tiny, tmp_path):
    """Photographs of clothes, which it was never trained on, one to four side by side."""
    pictures = Source("pictures", "plain")
    classes = [
        ObjectClass(folder.name, pictures, list_pictures(folder))
        for folder in sorted((SHIPPED.parent / "demo" / "pictures").iterdir())
    ]
    make_split("test", classes, [], 40, 1.0, 0, tmp_path)
    adapter = shipped_for(tiny)
    scenes = SceneSet.of(tmp_path, "test", tiny, adapter.config.size, tmp_path / "tokens")
    questions, read = draw_questions(scenes, 40, 0, seed=0), PhraseReader(tiny)
    ours = measure(of_adapter(adapter), scenes, questions, read)["all"]
    frozen = measure(of_frozen_map(tiny.logit_scale), scenes, questions, read)["all"]

    assert ours.pointing > frozen.pointing + 0.15
    assert ours.iou > frozen.iou + 0.1
