from __future__ import annotations

import numpy as np
import pytest
import torch

from metaadapter.adapter.adapted_encoder import with_towers
from metaadapter.data.decode import decode_image
from metaadapter.features.towers.config import InsideConfig
from metaadapter.features.views import join_looks, view_pixels
from metaadapter.labs import adapted_tower
from metaadapter.labs.adapted_tower import AdaptedTower

BLOCKS = {"blocks": ("joint", "stages")}
CONFIG = InsideConfig(width=4)
DRAW = torch.Generator()


def rows_of(encoder, images):
    """Features in float32; `encode_images` rounds them."""
    looks = torch.stack([encoder.look(decode_image(image)) for image in images])
    rows = encoder.encode_pixels(looks.flatten(0, 1)).numpy()
    return torch.from_numpy(join_looks(rows.reshape(*looks.shape[:2], -1)))


@pytest.fixture
def images(pictures):
    return pictures[0][::3]


def tower_of(encoder, images, n_views=1):
    """A tower whose adapters change something, and the encoder with the same adapters."""
    tower = AdaptedTower(encoder, CONFIG, images, n_views, seed=3)
    draw = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in tower.parameters:
            parameter.normal_(std=0.1, generator=draw)
    return tower, with_towers(encoder, tower.tensors(), inside=CONFIG)


@pytest.mark.parametrize("blocks", [{}, BLOCKS])
@pytest.mark.parametrize("kind", ["vit", "resnet", "timm"])
def test_cached_pictures_have_the_features_of_the_tower(
    make_encoder, monkeypatch, images, kind, blocks
):
    monkeypatch.setattr(adapted_tower, "CACHED_AS", torch.float32)
    encoder = make_encoder(kind, **blocks)

    tower, changed = tower_of(encoder, images)

    expected = rows_of(changed, images)
    torch.testing.assert_close(tower.rows(), expected, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(expected, rows_of(encoder, images), atol=1e-3)


def test_half_precision_moves_features_by_less_than_a_thousandth(make_encoder, images):
    tower, changed = tower_of(make_encoder("timm", **BLOCKS), images)

    assert (tower.rows() - rows_of(changed, images)).norm(dim=1).max() < 1e-3


def test_a_drawn_look_is_one_of_a_view_and_stands_for_all_looks(make_encoder, images):
    encoder = make_encoder("timm")
    tower = AdaptedTower(encoder, CONFIG, images, 3, seed=3)

    result = tower.drawn(torch.tensor([1] * 8), DRAW.manual_seed(0)).detach()

    pixels = view_pixels(decode_image(images[1]), encoder.look, 3, 3)
    views = encoder.encode_pixels(pixels.flatten(0, 1)).numpy()
    rows = torch.from_numpy(join_looks(np.repeat(views[:, None], 2, axis=1)))
    nearest = torch.cdist(result, rows).min(1)
    assert nearest.values.max() < 2e-3
    assert len(set(nearest.indices.tolist())) > 1


def test_gradients_reach_the_adapters_through_cached_looks(make_encoder, images):
    encoder = make_encoder("timm", zoom=False)
    tower, changed = tower_of(encoder, images)
    changed.network.requires_grad_(True)
    weights = dict(changed.network.named_parameters())
    same = [
        next(own for own in weights.values() if torch.equal(own, weight))
        for weight in tower.parameters
    ]
    target = torch.eye(changed.dim)[0]
    looks = torch.cat([encoder.look(decode_image(image)) for image in images])

    drawn = tower.drawn(torch.arange(len(images)), DRAW)
    from_cache = torch.autograd.grad((drawn @ target).sum(), tower.parameters)
    expected = torch.autograd.grad((changed.image_network()(looks) @ target).sum(), same)

    for result, wanted in zip(from_cache, expected, strict=True):
        assert (result - wanted).norm() < 0.01 * wanted.norm()


def test_what_adapters_add_can_be_scaled_and_taken_back(make_encoder, images):
    tower, _ = tower_of(make_encoder("timm"), images)
    trained, state = tower.rows(), tower.state()

    tower.scale(2.0)
    assert not torch.allclose(tower.rows(), trained, atol=1e-4)
    tower.scale(0.5)
    torch.testing.assert_close(tower.rows(), trained)
    tower.scale(0.0)
    without = tower.rows()
    tower.restore(state)
    torch.testing.assert_close(tower.rows(), trained)
    tower.restore(tower.start)
    torch.testing.assert_close(tower.rows(), without, rtol=1e-4, atol=1e-5)
