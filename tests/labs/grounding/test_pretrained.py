from __future__ import annotations

import itertools
from dataclasses import asdict

import pytest
import torch
from PIL import Image
from safetensors.torch import save

from metaadapter.data.checksums import write_document
from metaadapter.data.decode import decode_image
from metaadapter.errors import IncompatibleArtifact
from metaadapter.labs.grounding.cross_modal import CrossModalAdapter, CrossModalConfig
from metaadapter.labs.grounding.ground import ground
from metaadapter.labs.grounding.pretrained import (
    SCHEMA,
    SHIPPED,
    load_cross_modal,
    shipped_for,
)

CONFIG = CrossModalConfig("vit", "0123", (32, 32), dim=24, stage_dim=32, logit_scale=9.0, width=8)


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    adapter = CrossModalAdapter(CONFIG)
    with torch.no_grad():
        adapter.up.weight.normal_()
    half = {name: weights.half() for name, weights in adapter.state_dict().items()}
    document = {"schema": SCHEMA, **asdict(CONFIG)}
    write_document(tmp_path / "config.json", document, {"model.safetensors": save(half)})
    return adapter, tmp_path


def test_an_adapter_comes_back_as_it_was_but_for_half_precision(saved):
    adapter, folder = saved

    again = load_cross_modal(folder)

    assert again.config == CONFIG
    rounded = {name: weight.half().float() for name, weight in adapter.state_dict().items()}
    torch.testing.assert_close(dict(again.state_dict()), rounded)


@pytest.mark.parametrize("change", [{"width": 16}, {"dim": "wide"}, {"dim": None}])
def test_a_configuration_that_does_not_fit_the_weights_is_told(saved, reseal, change):
    reseal(saved[1] / "config.json", **change)

    with pytest.raises(IncompatibleArtifact, match="expected a cross-modal adapter of this"):
        load_cross_modal(saved[1])


@pytest.mark.slow
def test_what_ships_points_at_clothes_far_better_than_the_frozen_map(tiny):
    """A photograph of clothes, which it was never trained on, in each corner of a white page."""
    adapter, side, hits = shipped_for(tiny), 80, {"ours": 0, "frozen": 0}
    for folder in sorted((SHIPPED.parent / "demo" / "pictures").iterdir()):
        picture = decode_image(min(folder.iterdir())).resize((side, side))
        for left, top in itertools.product((0, 2 * side), repeat=2):
            page = Image.new("RGB", (3 * side, 3 * side), "white")
            page.paste(picture, (left, top))
            for name, used in (("ours", adapter), ("frozen", None)):
                (grounding,) = ground(tiny, [page], folder.name, used)
                height, width = grounding.heat.shape
                y, x = divmod(int(grounding.heat.argmax()), width)
                across, down = 3 * side * (x + 0.5) / width, 3 * side * (y + 0.5) / height
                hits[name] += left < across < left + side and top < down < top + side

    assert hits["ours"] == 40
    assert hits["frozen"] < 20
