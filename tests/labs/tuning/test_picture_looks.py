from __future__ import annotations

import numpy as np
import pytest
import torch

from metaadapter.data.decode import decode_image
from metaadapter.features.towers.config import InsideConfig
from metaadapter.features.views import join_looks, view_pixels
from metaadapter.labs.tuning.adapted_tower import AdaptedTower
from metaadapter.labs.tuning.tuning_task import cache_looks


def looks_at(encoder, images, n_views):
    config = InsideConfig(kind="bottleneck", towers=("image",), width=4)
    n_looks = len(images) * n_views * (2 if encoder.zoom else 1)
    cache = AdaptedTower(encoder, config, n_looks, seed=0).cache
    reports = []
    result = cache_looks(images, encoder, cache, n_views, seed=3, progress=reports.append)
    assert reports[-1] == len(images)
    return result


@pytest.mark.parametrize("zoom", [True, False])
def test_before_any_step_pictures_have_the_rows_that_the_encoder_gives(
    make_encoder, pictures, zoom
):
    encoder, images = make_encoder("timm", zoom=zoom), pictures[0][::3]
    result = looks_at(encoder, images, n_views=2).rows()
    expected = torch.from_numpy(encoder.encode_images(images))
    assert (result - expected).norm(dim=1).max() < 2e-3  # both round to half precision


def test_a_drawn_look_is_one_of_a_view_and_stands_for_all_looks(make_encoder, pictures):
    encoder, images = make_encoder("timm"), pictures[0][::6]
    result = looks_at(encoder, images, n_views=3).drawn(
        torch.tensor([1] * 8), torch.Generator().manual_seed(0)
    )
    pixels = view_pixels(decode_image(images[1]), encoder.look, 3, 3)
    each = encoder.encode_pixels(pixels.flatten(0, 1)).numpy()
    rows = torch.from_numpy(join_looks(np.repeat(each[:, None], 2, axis=1)))
    nearest = torch.cdist(result, rows).min(1)
    assert nearest.values.max() < 2e-3
    assert len(set(nearest.indices.tolist())) > 1
