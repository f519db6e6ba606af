"""Looks at pictures and adapters from the pictures of other folds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.data.decode import decode_image
from metaadapter.features.towers.config import InsideConfig
from metaadapter.features.views import join_looks, view_pixels
from metaadapter.labs.tuning.adapted_tower import AdaptedTower
from metaadapter.labs.tuning.tuning_task import (
    IN_ALL,
    IN_NONE,
    PictureLooks,
    TuningTask,
    left_out_logits,
)

LABELS = torch.tensor([0, 0, 0, 0, 0, 1, 2, 2])


def looks_at(encoder, images, n_views):
    config = InsideConfig(kind="bottleneck", width=4)
    n_looks = len(images) * n_views * (2 if encoder.zoom else 1)
    tower = AdaptedTower(encoder, config, n_looks, seed=0)
    return PictureLooks.cached(images, encoder, tower, n_views, 3)


@pytest.mark.parametrize("zoom", [True, False])
def test_before_any_step_pictures_have_the_rows_of_the_encoder(make_encoder, pictures, zoom):
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
    views = encoder.encode_pixels(pixels.flatten(0, 1)).numpy()
    rows = torch.from_numpy(join_looks(np.repeat(views[:, None], 2, axis=1)))
    nearest = torch.cdist(result, rows).min(1)
    assert nearest.values.max() < 2e-3
    assert len(set(nearest.indices.tolist())) > 1


def task():
    torch.manual_seed(3)
    text = normalize(torch.randn(3, 6), dim=-1)
    return Support.of_rows(torch.zeros(8, 6), LABELS, text, logit_scale=10.0)


def test_a_picture_is_told_by_what_is_predicted_from_other_folds(generator):
    torch.manual_seed(2)
    rows, queries = (normalize(torch.randn(8, 6), dim=-1) for _ in range(2))
    fold = torch.tensor([0, 1, IN_NONE, 0, 1, IN_ALL, 0, 1])
    no_looks = object.__new__(PictureLooks)  # the adapters are predicted from these rows
    adapters = TuningTask(no_looks, task(), LABELS, generator).left_out_adapters(rows, fold)
    result = left_out_logits(adapters, queries[[4, 6]], fold[[4, 6]])

    for row, number, kept in [(0, 4, [0, 3, 5, 6]), (1, 6, [1, 4, 5, 7])]:
        alone = Support.of_rows(rows[kept], LABELS[kept], task().text_TND[0], logit_scale=10.0)
        expected = classify(queries[[number]].double(), generator.predict(alone.exact).task(0))
        torch.testing.assert_close(result[row], expected[0].float(), rtol=1e-4, atol=1e-4)
