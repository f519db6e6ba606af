from __future__ import annotations

import pytest
import torch

from metaadapter.adapter.adapted_encoder import with_towers
from metaadapter.features.towers.config import InsideConfig
from metaadapter.labs.tuning import adapted_tower
from metaadapter.labs.tuning.adapted_tower import AdaptedTower

BLOCKS = {"blocks": ("joint", "stages")}
CONFIG = InsideConfig(kind="bottleneck", width=4)


def tower_of(encoder, config=CONFIG):
    """A tower whose adapters change something, and the encoder with the same adapters."""
    tower = AdaptedTower(encoder, config, 6, seed=0)
    draw = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in tower.parameters:
            parameter.normal_(std=0.1, generator=draw)
    return tower, with_towers(encoder, tower.tensors(), inside=config)


@pytest.fixture
def looks():
    return torch.rand(6, 3, 64, 64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("blocks", [{}, BLOCKS])
@pytest.mark.parametrize("kind", ["vit", "resnet", "timm"])
def test_cached_looks_have_the_features_of_the_tower(
    make_encoder, monkeypatch, looks, kind, blocks
):
    monkeypatch.setattr(adapted_tower, "CACHED_AS", torch.float32)
    encoder = make_encoder(kind, **blocks)
    looks = looks[..., :32, :32] if kind == "vit" else looks
    tower, changed = tower_of(encoder)
    tower.add(looks[:4])
    tower.add(looks[4:])

    result = tower.features(torch.tensor([5, 0, 3]))

    expected = changed.encode_pixels(looks)[[5, 0, 3]]
    torch.testing.assert_close(result.detach(), expected, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(expected, encoder.encode_pixels(looks)[[5, 0, 3]], atol=1e-3)


def test_half_precision_moves_features_by_less_than_a_thousandth(make_encoder, looks):
    tower, changed = tower_of(make_encoder("timm", **BLOCKS))
    tower.add(looks)

    expected = changed.encode_pixels(looks)
    assert (tower.features(torch.arange(6)) - expected).norm(dim=1).max() < 1e-3


def test_gradients_reach_the_adapters_through_cached_looks(make_encoder, looks):
    tower, changed = tower_of(make_encoder("timm"))
    tower.add(looks)
    changed.network.requires_grad_(True)
    weights = dict(changed.network.named_parameters())
    same = [
        next(own for own in weights.values() if torch.equal(own, weight))
        for weight in tower.parameters
    ]
    target = torch.eye(changed.dim // 2)[0]

    from_cache = torch.autograd.grad(
        (tower.features(torch.arange(6)) @ target).sum(), tower.parameters
    )
    expected = torch.autograd.grad((changed.image_network()(looks) @ target).sum(), same)

    for result, wanted in zip(from_cache, expected, strict=True):
        assert (result - wanted).norm() < 0.01 * wanted.norm()


@pytest.mark.parametrize("kind", ["bottleneck", "lora"])
def test_what_adapters_add_can_be_scaled_and_taken_back(make_encoder, looks, kind):
    tower, _ = tower_of(make_encoder("timm"), InsideConfig(kind=kind, width=4))
    tower.add(looks)

    def features():
        return tower.features(torch.arange(6)).detach()

    trained, state = features(), tower.state()
    tower.scale(2.0)
    assert not torch.allclose(features(), trained, atol=1e-4)
    tower.scale(0.5)
    torch.testing.assert_close(features(), trained)
    tower.scale(0.0)
    without = features()
    tower.restore(state)
    torch.testing.assert_close(features(), trained)
    tower.restore(tower.start)
    torch.testing.assert_close(features(), without, rtol=1e-4, atol=1e-5)
